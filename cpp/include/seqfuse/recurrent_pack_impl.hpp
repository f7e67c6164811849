// Weights of a cell as panels, and how their panels are laid out.
#pragma once

#include "seqfuse/cells.hpp"
#include "seqfuse/pack.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/recurrent.hpp"
#include "seqfuse/sweep.hpp"

namespace seqfuse {

// The functions that a cell is used by (recurrent_kernels_impl.hpp).
template <class Cell, class T>
const RecurrentKernels<T>& kernels_of();

// Panels of one cell. A panel holds all gates of as many blocks of units as make about four packets.
template <class Cell, class T>
struct CellLayout {
  static constexpr Index kLanes = Vec<T>::kSize;
  // Gates in the first product with h; the one behind the reset has a product of its own.
  static constexpr int kFirstGates = Cell::kTwoStage ? Cell::kGates - 1 : Cell::kGates;

  Index H;

  gemm::Layout<T> panels(int gates) const { return {H, gates, std::max(1, gemm::kPanelPackets / gates)}; }
  gemm::Layout<T> input() const { return panels(Cell::kGates); }
  gemm::Layout<T> recurrent() const { return panels(kFirstGates); }
  gemm::Layout<T> reset() const { return panels(1); }

  Index blocks() const { return divide_up(H, kLanes); }
  Index padded() const { return round_up(H, kLine<T>); }
  // Values that a unit of one row leaves on the tape at one step.
  static constexpr Index saved(const CellOptions<T>& options) {
    return Cell::kSaved + (options.standard() ? 0 : Cell::kSlopes);
  }
  // The share of blocks of a thread: a multiple of every panel's width.
  Range share(int thread, int team) const {
    const Index panels = divide_up(blocks(), gemm::kPanelPackets);
    const Range part = share_of(panels, thread, team);
    return {part.begin * gemm::kPanelPackets, std::min(part.end * gemm::kPanelPackets, blocks())};
  }
};

// One product's weights: panels; or, where `lying` is set, W or U as they lie, from the product's first gate on.
template <class T>
struct ProductWeights {
  const T* panels;
  Rows<const T> lying;
};

// Calls f as gemm::for_each_tile does, for weights of either kind. For lying ones it takes memory: one thread alone.
template <class T, class F>
void for_each_product(const gemm::Layout<T>& layout, const ProductWeights<T>& weights, Range share,
                      const gemm::Terms<T>& terms, Index rows, F&& f) {
  if (!weights.lying) return gemm::for_each_tile(layout, weights.panels, share, terms, rows, f);
  constexpr Index kLanes = Vec<T>::kSize;
  const Index columns = layout.gates * layout.units;
  Buffer<T> memory(checked_product({2, rows, columns}));
  const Rows<T> sums{memory.data(), columns}, block{memory.data() + rows * columns, columns};
  gemm::sweep(terms.row, rows, terms.K, weights.lying, columns, sums, block);
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
template <class Cell, class T>
Buffer<T> lay_out_parameters(const Weights<T>& weights) {
  constexpr Index kLanes = Vec<T>::kSize;
  Buffer<T> parameters(CellLayout<Cell, T>{weights.H}.blocks() * Cell::kParameters * kLanes);
  parameters.fill_zero();
  if (weights.parameters)
    for (int k = 0; k < Cell::kParameters; ++k)
      for (Index unit = 0; unit < weights.H; ++unit)
        parameters[(unit / kLanes * Cell::kParameters + k) * kLanes + unit % kLanes] = weights.parameters.row(k)[unit];
  return parameters;
}

template <class Cell, class T>
void lay_out_bias(const Weights<T>& weights, PackedWeights<T>& packed) {
  constexpr Index kLanes = Vec<T>::kSize, G = Cell::kGates;
  const Index H = weights.H, blocks = CellLayout<Cell, T>{H}.blocks();
  packed.bias = Buffer<T>(blocks * G * kLanes);
  if (Cell::kApart) packed.bias_apart = Buffer<T>(blocks * kLanes);
  const auto at = [H](const T* b, Index g, Index unit) { return b != nullptr && unit < H ? b[g * H + unit] : T(0); };
  for (Index unit = 0; unit < blocks * kLanes; ++unit) {
    for (Index g = 0; g < G; ++g) {
      const bool apart = Cell::kApart && g == G - 1;
      packed.bias[(unit / kLanes * G + g) * kLanes + unit % kLanes] =
          at(weights.bx, g, unit) + (apart ? T(0) : at(weights.bh, g, unit));
    }
    if (Cell::kApart) packed.bias_apart[unit] = at(weights.bh, G - 1, unit);
  }
}

template <class Cell, class T>
PackedWeights<T> lay_out_weights(const Weights<T>& weights, bool lying, int threads) {
  parallel::FlushDenormals flush;  // the caller's flags stay as they are
  constexpr int G = Cell::kGates;
  const Index I = weights.I, H = weights.H;
  const CellLayout<Cell, T> layout{H};
  const auto input = layout.input(), recurrent = layout.recurrent(), reset = layout.reset();
  Index column[G];
  for (int g = 0; g < G; ++g) column[g] = g * H;

  PackedWeights<T> packed;
  packed.kernels = &kernels_of<Cell, T>();
  packed.I = I, packed.H = H, packed.options = weights.options;
  if (lying) {
    packed.lying_W = weights.W, packed.lying_U = weights.U;
  } else {
    packed.W = Buffer<T>(input.size(I));
    if (Cell::kProduct) packed.U = Buffer<T>(recurrent.size(H));
    if (Cell::kTwoStage) packed.U_reset = Buffer<T>(reset.size(H));
    // 128k numbers are packed in about 30 us: below that a second thread does not pay.
    const bool large = (I + H) * G * H > 131072;
    parallel::run(large ? threads : 1, [&](int thread, int team) {
      gemm::pack_columns(input, column, weights.W, I, share_of(input.panels(), thread, team), packed.W.data());
      if (Cell::kProduct)
        gemm::pack_columns(recurrent, column, weights.U, H, share_of(recurrent.panels(), thread, team),
                           packed.U.data());
      if (Cell::kTwoStage)
        gemm::pack_columns(reset, column + G - 1, weights.U, H, share_of(reset.panels(), thread, team),
                           packed.U_reset.data());
    });
  }
  lay_out_bias<Cell>(weights, packed);
  packed.parameters = lay_out_parameters<Cell>(weights);
  return packed;
}

template <class Cell, class T>
PackedWeights<T> pack_weights(const Weights<T>& weights, int threads) {
  return lay_out_weights<Cell>(weights, false, threads);
}

// At I = H = 256 packing an LSTM's weights costs 120 us, and a row's step as they lie 10 us more than from panels.
inline constexpr Index kRowsWorthPacking = 8;

template <class Cell, class T>
PackedWeights<T> prepare_weights(const Weights<T>& weights, Index T_, Index B, int threads) {
  return lay_out_weights<Cell>(weights, T_ * B < kRowsWorthPacking, threads);
}

}  // namespace seqfuse
