// Matrix products of attention: the register tile of gemm.hpp, and what is computed from its sums in registers.
//
// Elsewhere the sums of a tile are stored first and read again. Here a sum has only 64 terms, so that storing and
// reading the sums would take a tenth of the time of the multiply-adds.
#pragma once

#include <array>
#include <type_traits>
#include <utility>

#include "seqfuse/attention_blocks_impl.hpp"

namespace seqfuse::attention {

inline constexpr Index kTileRows = gemm::tile_rows(gemm::kPanelPackets);

// What a tile computes from its sums, and where it writes the result. MR is the number of rows of the tile, and `out`
// points to the first number of the tile.
template <class T>
struct Target {
  // scores:     out (MR, kKeys) = sums * score_scale; max_lanes[r] = max(max_lanes[r], each packet of row r)
  // sums:       out (MR, stride) = out * rescale[row] + sums; outputs, and gradients that are summed over blocks
  // gradients:  out (MR, kKeys) = ds = p * (dropout * sums - delta[row]) * score_scale, where sums = dy v^T
  enum class Kind { scores, sums, gradients } kind;
  T* out;
  Index stride = kKeys;
  T score_scale = 1;
  Vec<T>* max_lanes = nullptr;               // (MR,)
  const T* rescale = nullptr;                // (MR,)
  const T *p = nullptr, *dropout = nullptr;  // (MR, kKeys); dropout null: ones
  const T* delta = nullptr;                  // (MR,)

  static Target scores(T* out, T score_scale, Vec<T>* max_lanes) {
    return {.kind = Kind::scores, .out = out, .score_scale = score_scale, .max_lanes = max_lanes};
  }
  static Target sums(T* out, Index stride, const T* rescale) {
    return {.kind = Kind::sums, .out = out, .stride = stride, .rescale = rescale};
  }
};

// Calls f(r, v) for row r and packet v of a tile.
template <int MR, int NV, class F>
[[gnu::always_inline]] inline void for_each_packet(F&& f) {
#pragma GCC unroll 8
  for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) f(r, v);
}

// Computes one tile. One function serves all kinds of targets, so that the product, which is most of the code, is
// compiled once. It branches on the kind once per tile.
template <class T, int MR, int NV, class Terms>
void multiply_tile(const Terms& terms, const gemm::Columns<T>& columns, const Target<T>& target) {
  using V = Vec<T>;
  using Kind = typename Target<T>::Kind;
  alignas(kAlignment) T scratch[MR * NV * V::kSize];
  V sums[MR][NV];
  gemm::multiply<T, MR, 1, NV>(terms, columns, scratch, [&](int r, int v, V sum) { sums[r][v] = sum; });
  const auto at = [&](int r, int v) { return r * target.stride + v * V::kSize; };
  if (std::is_same_v<Terms, gemm::ColumnTerms<T>> || target.kind == Kind::sums)
    return for_each_packet<MR, NV>([&](int r, int v) {
      madd(V::load(target.out + at(r, v)), V::all(target.rescale[r]), sums[r][v]).store(target.out + at(r, v));
    });
  const V score_scale = V::all(target.score_scale);
  if (target.kind == Kind::scores) {
    V max_lanes[MR];
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r) max_lanes[r] = target.max_lanes[r];
    for_each_packet<MR, NV>([&](int r, int v) {
      const V score = sums[r][v] * score_scale;
      score.store(target.out + at(r, v));
      max_lanes[r] = max(score, max_lanes[r]);
    });
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r) target.max_lanes[r] = max_lanes[r];
    return;
  }
  if (target.dropout != nullptr)
    for_each_packet<MR, NV>([&](int r, int v) { sums[r][v] = sums[r][v] * V::load(target.dropout + at(r, v)); });
  for_each_packet<MR, NV>([&](int r, int v) {
    (V::load(target.p + at(r, v)) * (sums[r][v] - V::all(target.delta[r])) * score_scale).store(target.out + at(r, v));
  });
}

// Multiplies `rows` rows (1 .. kTileRows) by `packets` packets of columns (1 .. kPanelPackets) into a target. ld is
// the distance from one term of the columns to the next. With ColumnTerms the kind of the target must be sums.
template <class T, class Terms>
void multiply(Index rows, Index packets, const Terms& terms, const T* columns, Index ld, const Target<T>& target) {
  using Tile = void (*)(const Terms&, const gemm::Columns<T>&, const Target<T>&);
  static constexpr auto kTiles = []<std::size_t... I>(std::index_sequence<I...>) {
    constexpr int kPackets = gemm::kPanelPackets;
    return std::array<Tile, sizeof...(I)>{
        &multiply_tile<T, static_cast<int>(I) / kPackets + 1, static_cast<int>(I) % kPackets + 1, Terms>...};
  }(std::make_index_sequence<static_cast<std::size_t>(kTileRows * gemm::kPanelPackets)>());
  kTiles[static_cast<std::size_t>((rows - 1) * gemm::kPanelPackets + packets - 1)](terms, {&columns, ld}, target);
}

}  // namespace seqfuse::attention
