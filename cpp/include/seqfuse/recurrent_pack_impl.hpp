// Weights of a cell as panels, and how their panels are laid out.
#pragma once

#include "seqfuse/pack.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/recurrent_cell_impl.hpp"
#include "seqfuse/sweep.hpp"

namespace seqfuse {

// One product's weights: panels; or, where `unpacked` is set, W or U as they lie, from the product's first gate on.
template <class T>
struct ProductWeights {
  const T* panels;
  Rows<const T> unpacked;
};

// Calls f as gemm::for_each_tile does, for weights of either kind. For unpacked ones it takes memory: one thread alone.
template <class T, class F>
void for_each_product(const gemm::Layout<T>& layout, const ProductWeights<T>& weights, Range share,
                      const gemm::Terms<T>& terms, Index rows, F&& f) {
  if (!weights.unpacked) return gemm::for_each_tile(layout, weights.panels, share, terms, rows, f);
  constexpr Index kLanes = Vec<T>::kSize;
  const Index columns = layout.gates * layout.units;
  Buffer<T> memory(checked_product({2, rows, columns}));
  const Rows<T> sums{memory.data(), columns}, block{memory.data() + rows * columns, columns};
  gemm::sweep(terms.row, rows, terms.K, weights.unpacked, columns, sums, block);
  alignas(kAlignment) T packets[gemm::kPanelPackets * kLanes];
  for (Index j = share.begin; j < share.end; ++j)
    for (Index r = 0; r < rows; ++r) {
      for (int g = 0; g < layout.gates; ++g)
        Vec<T>::load_first(sums.row(r) + g * layout.units + j * kLanes, layout.units - j * kLanes)
            .store(packets + g * kLanes);
      f(j, Index(1), r, Index(1), packets);
    }
}

// (blocks, kParameters, lanes), zeros behind H.
template <class T>
Buffer<T> lay_out_parameters(const CellNumbers& numbers, const Weights<T>& weights) {
  constexpr Index kLanes = Vec<T>::kSize;
  Buffer<T> parameters(divide_up(weights.H, kLanes) * numbers.parameters * kLanes);
  parameters.fill_zero();
  if (weights.parameters)
    for (int k = 0; k < numbers.parameters; ++k)
      for (Index unit = 0; unit < weights.H; ++unit)
        parameters[(unit / kLanes * numbers.parameters + k) * kLanes + unit % kLanes] = weights.parameters.row(k)[unit];
  return parameters;
}

template <class T>
void lay_out_bias(const CellNumbers& numbers, const Weights<T>& weights, PackedWeights<T>& packed) {
  constexpr Index kLanes = Vec<T>::kSize;
  const Index H = weights.H, G = numbers.gates, blocks = divide_up(H, kLanes);
  packed.bias = Buffer<T>(blocks * G * kLanes);
  if (numbers.apart) packed.bias_apart = Buffer<T>(blocks * kLanes);
  const auto at = [H](const T* b, Index g, Index unit) { return b != nullptr && unit < H ? b[g * H + unit] : T(0); };
  for (Index unit = 0; unit < blocks * kLanes; ++unit) {
    for (Index g = 0; g < G; ++g) {
      const bool apart = numbers.apart && g == G - 1;
      packed.bias[(unit / kLanes * G + g) * kLanes + unit % kLanes] =
          at(weights.bx, g, unit) + (apart ? T(0) : at(weights.bh, g, unit));
    }
    if (numbers.apart) packed.bias_apart[unit] = at(weights.bh, G - 1, unit);
  }
}

// `unpacked`: the weights stay where they lie. The caller sets `kernels`.
template <class T>
PackedWeights<T> lay_out_weights(const CellNumbers& numbers, const Weights<T>& weights, bool unpacked, int threads) {
  parallel::FlushDenormals flush;  // the caller's flags stay as they are
  const int G = numbers.gates;
  const Index I = weights.I, H = weights.H;
  const CellLayout<T> layout{numbers, H};
  const auto input = layout.input(), recurrent = layout.recurrent(), reset = layout.reset();
  Index column[kMaxGates];
  for (int g = 0; g < G; ++g) column[g] = g * H;

  PackedWeights<T> packed;
  packed.I = I, packed.H = H, packed.options = weights.options;
  if (unpacked) {
    packed.unpacked_W = weights.W, packed.unpacked_U = weights.U;
  } else {
    packed.W = Buffer<T>(input.size(I));
    if (numbers.product) packed.U = Buffer<T>(recurrent.size(H));
    if (numbers.two_stage) packed.U_reset = Buffer<T>(reset.size(H));
    const auto work = parallel::Work::packs((I + H) * G * H);
    parallel::run(parallel::threads_for(work, threads), [&](int thread, int team) {
      gemm::pack_columns(input, column, weights.W, I, share_of(input.panels(), thread, team), packed.W.data());
      if (numbers.product)
        gemm::pack_columns(recurrent, column, weights.U, H, share_of(recurrent.panels(), thread, team),
                           packed.U.data());
      if (numbers.two_stage)
        gemm::pack_columns(reset, column + G - 1, weights.U, H, share_of(reset.panels(), thread, team),
                           packed.U_reset.data());
    });
  }
  lay_out_bias(numbers, weights, packed);
  packed.parameters = lay_out_parameters(numbers, weights);
  return packed;
}

}  // namespace seqfuse
