// Packs the weights of a cell into panels (gemm.hpp), and multiplies by packed or unpacked weights.
//
// The panels of W hold all G gates of a block of units. The panels of U hold the gates of the first pass, and those of
// U_reset the last gate of cells with two passes. Biases and parameters are stored per block of units.
// Cost of packing: one read and one write of every weight.
#pragma once

#include "seqfuse/pack.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/recurrent_cell_impl.hpp"
#include "seqfuse/sweep.hpp"

namespace seqfuse {

// The weights of one product: packed panels or, if `unpacked` is not null, a view of W or U whose first column is that
// of the product's first gate.
template <class T>
struct ProductWeights {
  const T* panels;
  Matrix<const T> unpacked;
};

// Calls f like gemm::for_each_tile, for packed or unpacked weights. With unpacked weights it computes all columns
// whatever `share` is, and allocates memory, so only one thread may call it.
template <class T, class F>
void for_each_product(const gemm::Layout<T>& layout, const ProductWeights<T>& weights, Range share,
                      const gemm::Terms<T>& terms, Index rows, F&& f) {
  if (!weights.unpacked) return gemm::for_each_tile(layout, weights.panels, share, terms, rows, f);
  constexpr Index kLanes = Vec<T>::kSize;
  const Index columns = layout.gates * layout.units;
  Buffer<T> memory(checked_product({rows, columns}));
  const Rows<T> sums{memory.data(), columns};
  gemm::sweep(terms.row, rows, terms.K, weights.unpacked, columns, sums);
  alignas(kAlignment) T packets[gemm::kPanelPackets * kLanes];
  for (Index j = share.begin; j < share.end; ++j)
    for (Index r = 0; r < rows; ++r) {
      for (int g = 0; g < layout.gates; ++g)
        Vec<T>::load_first(sums.row(r) + g * layout.units + j * kLanes, layout.units - j * kLanes)
            .store(packets + g * kLanes);
      f(j, Index(1), r, Index(1), packets);
    }
}

// Returns the parameters as (blocks, kParameters, lanes), with zeros after unit H - 1.
template <class T>
Buffer<T> pack_parameters(const CellConstants& constants, const Weights<T>& weights) {
  constexpr Index kLanes = Vec<T>::kSize;
  Buffer<T> parameters(divide_up(weights.H, kLanes) * constants.parameters * kLanes);
  parameters.fill_zero();
  if (weights.parameters)
    for (int k = 0; k < constants.parameters; ++k)
      for (Index unit = 0; unit < weights.H; ++unit)
        parameters[(unit / kLanes * constants.parameters + k) * kLanes + unit % kLanes] =
            weights.parameters.row(k)[unit];
  return parameters;
}

// Writes packed.bias and packed.separate_bias. They are bx + bh, except that bh of a gate with a separate product
// goes to separate_bias.
template <class T>
void pack_bias(const CellConstants& constants, const Weights<T>& weights, PackedWeights<T>& packed) {
  constexpr Index kLanes = Vec<T>::kSize;
  const Index H = weights.H, G = constants.gates, blocks = divide_up(H, kLanes);
  packed.bias = Buffer<T>(blocks * G * kLanes);
  if (constants.separate_product) packed.separate_bias = Buffer<T>(blocks * kLanes);
  const auto at = [H](const T* b, Index g, Index unit) { return b != nullptr && unit < H ? b[g * H + unit] : T(0); };
  for (Index unit = 0; unit < blocks * kLanes; ++unit) {
    for (Index g = 0; g < G; ++g) {
      const bool separate = constants.separate_product && g == G - 1;
      packed.bias[(unit / kLanes * G + g) * kLanes + unit % kLanes] =
          at(weights.bx, g, unit) + (separate ? T(0) : at(weights.bh, g, unit));
    }
    if (constants.separate_product) packed.separate_bias[unit] = at(weights.bh, G - 1, unit);
  }
}

// Returns the weights in the order that the kernels read. With `unpacked` the matrices are not copied: the result
// refers to the caller's arrays. The caller sets `kernels`.
template <class T>
PackedWeights<T> prepare_weights(const CellConstants& constants, const Weights<T>& weights, bool unpacked,
                                 int threads) {
  parallel::FlushDenormals flush;  // preserves the caller's floating-point flags while bx + bh are added
  const int G = constants.gates;
  const Index I = weights.I, H = weights.H;
  const CellLayout<T> layout{constants, H};
  const auto input = layout.input(), recurrent = layout.recurrent(), reset = layout.reset();
  Index column[kMaxGates];
  for (int g = 0; g < G; ++g) column[g] = g * H;

  PackedWeights<T> packed;
  packed.I = I;
  packed.H = H;
  packed.options = weights.options;
  if (unpacked) {
    packed.unpacked_W = weights.W;
    packed.unpacked_U = weights.U;
  } else {
    packed.W = Buffer<T>(input.size(I));
    if (constants.has_U) packed.U = Buffer<T>(recurrent.size(H));
    if (constants.two_pass) packed.U_reset = Buffer<T>(reset.size(H));
    const auto work = parallel::Work::packs((I + H) * G * H);
    parallel::run(parallel::threads_for(work, threads), [&](int thread, int team) {
      gemm::pack_columns(input, column, weights.W, I, share_of(input.panels(), thread, team), packed.W.data());
      if (constants.has_U)
        gemm::pack_columns(recurrent, column, weights.U, H, share_of(recurrent.panels(), thread, team),
                           packed.U.data());
      if (constants.two_pass)
        gemm::pack_columns(reset, column + G - 1, weights.U, H, share_of(reset.panels(), thread, team),
                           packed.U_reset.data());
    });
  }
  pack_bias(constants, weights, packed);
  packed.parameters = pack_parameters(constants, weights);
  return packed;
}

}  // namespace seqfuse
