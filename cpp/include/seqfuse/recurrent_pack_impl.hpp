// Weights of a cell as panels, and how their panels are laid out.
#pragma once

#include "seqfuse/cells.hpp"
#include "seqfuse/pack.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/recurrent.hpp"

namespace seqfuse {

template <class Cell>
constexpr CellKind kind_of();
template <>
constexpr CellKind kind_of<Rnn>() { return CellKind::kRnn; }
template <>
constexpr CellKind kind_of<Lstm>() { return CellKind::kLstm; }
template <>
constexpr CellKind kind_of<Gru>() { return CellKind::kGru; }
template <>
constexpr CellKind kind_of<GruResetBefore>() { return CellKind::kGruResetBefore; }

// Panels of one cell. A panel holds all gates of as many blocks of units as make about four packets.
template <class Cell, class T>
struct CellLayout {
  static constexpr Index kLanes = Vec<T>::kSize;
  // Gates in the first product with h; the one behind the reset has a product of its own.
  static constexpr int kFirstGates = Cell::kTwoStage ? Cell::kGates - 1 : Cell::kGates;

  Index H;

  static constexpr int blocks_per_panel(int gates) { return std::max(1, gemm::kPanelPackets / gates); }
  gemm::Layout<T> input() const { return {H, Cell::kGates, blocks_per_panel(Cell::kGates)}; }
  gemm::Layout<T> recurrent() const { return {H, kFirstGates, blocks_per_panel(kFirstGates)}; }
  gemm::Layout<T> reset() const { return {H, 1, blocks_per_panel(1)}; }

  Index blocks() const { return divide_up(H, kLanes); }
  Index padded() const { return round_up(H, kLine<T>); }
  // The share of blocks of a thread: a multiple of every panel's width.
  Range share(int thread, int team) const {
    const Index panels = divide_up(blocks(), gemm::kPanelPackets);
    const Range part = share_of(panels, thread, team);
    return {part.begin * gemm::kPanelPackets, std::min(part.end * gemm::kPanelPackets, blocks())};
  }
};

template <class Cell, class T>
PackedWeights<T> pack_weights(const Weights<T>& weights, int threads) {
  constexpr Index kLanes = Vec<T>::kSize;
  constexpr int G = Cell::kGates;
  const Index I = weights.I, H = weights.H;
  const CellLayout<Cell, T> layout{H};
  const auto input = layout.input(), recurrent = layout.recurrent(), reset = layout.reset();
  Index column[G];
  for (int g = 0; g < G; ++g) column[g] = g * H;

  PackedWeights<T> packed;
  packed.cell = kind_of<Cell>();
  packed.I = I, packed.H = H, packed.candidate = weights.candidate;
  packed.W = Buffer<T>(input.size(I));
  packed.U = Buffer<T>(recurrent.size(H));
  if (Cell::kTwoStage) packed.U_reset = Buffer<T>(reset.size(H));
  packed.bias = Buffer<T>(layout.blocks() * G * kLanes);
  packed.bias_apart = Buffer<T>(layout.blocks() * kLanes);

  // 128k numbers are packed in about 30 us: below that a second thread does not pay.
  const bool large = (I + H) * G * H > 131072;
  parallel::run(large ? threads : 1, [&](int thread, int team) {
    gemm::pack_columns(input, column, weights.W, I, share_of(input.panels(), thread, team), packed.W.data());
    gemm::pack_columns(recurrent, column, weights.U, H, share_of(recurrent.panels(), thread, team), packed.U.data());
    if (Cell::kTwoStage)
      gemm::pack_columns(reset, column + G - 1, weights.U, H, share_of(reset.panels(), thread, team),
                         packed.U_reset.data());
  });

  const auto bias_at = [H](const T* b, int g, Index unit) { return b != nullptr && unit < H ? b[g * H + unit] : T(0); };
  for (Index unit = 0; unit < layout.blocks() * kLanes; ++unit) {
    const Index j = unit / kLanes, lane = unit % kLanes;
    for (int g = 0; g < G; ++g) {
      const bool apart = Cell::kApart && g == G - 1;
      packed.bias[(j * G + g) * kLanes + lane] =
          bias_at(weights.bx, g, unit) + (apart ? T(0) : bias_at(weights.bh, g, unit));
    }
    packed.bias_apart[unit] = bias_at(weights.bh, G - 1, unit);
  }
  return packed;
}

}  // namespace seqfuse
