// The tiles of attention: the product of gemm.hpp, and what is done with its sums while they are in registers.
//
// Through memory, as elsewhere, the sums of 64 terms would be stored and read again as often as a tenth of the
// multiply-adds takes.
#pragma once

#include <array>
#include <type_traits>
#include <utility>

#include "seqfuse/attention_blocks_impl.hpp"

namespace seqfuse::attention {

inline constexpr Index kRows = gemm::tile_rows(gemm::kPanelPackets);

// What becomes of the sums of a tile, row r and packet v. `to` is where the tile's first packet goes.
template <class T>
struct Target {
  // scores:     to (MR, kKeys) = sums * scale; greatest (MR): the greatest of a row so far, in lanes
  // sums:       to (MR, stride) = to * factor[row] + sums: outputs and gradients that are sums over blocks
  // gradients:  to (MR, kKeys) = p (dropout sums - delta[row]) scale, sums being dp: ds; dropout: none is ones
  enum class Kind { scores, sums, gradients } kind;
  T* to;
  Index stride = kKeys;
  T scale = 1;
  Vec<T>* greatest = nullptr;
  const T* factor = nullptr;
  const T *p = nullptr, *dropout = nullptr, *delta = nullptr;

  static Target scores(T* to, T scale, Vec<T>* greatest) {
    return {.kind = Kind::scores, .to = to, .scale = scale, .greatest = greatest};
  }
  static Target sums(T* to, Index stride, const T* factor) {
    return {.kind = Kind::sums, .to = to, .stride = stride, .factor = factor};
  }
};

// f(r, v) for all packets of a tile.
template <int MR, int NV, class F>
[[gnu::always_inline]] inline void each_packet(F&& f) {
#pragma GCC unroll 8
  for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) f(r, v);
}

// One function for all kinds of targets: the product, which is most of it, is compiled once. The kind is asked once per
// tile.
template <class T, int MR, int NV, class Terms>
void tile(const Terms& terms, const gemm::Columns<T>& columns, const Target<T>& target) {
  using V = Vec<T>;
  using Kind = typename Target<T>::Kind;
  alignas(kAlignment) T scratch[MR * NV * V::kSize];
  V sums[MR][NV];
  gemm::multiply<T, MR, 1, NV>(terms, columns, scratch, [&](int r, int v, V sum) { sums[r][v] = sum; });
  const auto at = [&](int r, int v) { return r * target.stride + v * V::kSize; };
  if (std::is_same_v<Terms, gemm::ColumnTerms<T>> || target.kind == Kind::sums)
    return each_packet<MR, NV>([&](int r, int v) {
      madd(V::load(target.to + at(r, v)), V::all(target.factor[r]), sums[r][v]).store(target.to + at(r, v));
    });
  const V scale = V::all(target.scale);
  if (target.kind == Kind::scores) {
    V greatest[MR];
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r) greatest[r] = target.greatest[r];
    each_packet<MR, NV>([&](int r, int v) {
      const V score = sums[r][v] * scale;
      score.store(target.to + at(r, v));
      greatest[r] = max(score, greatest[r]);
    });
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r) target.greatest[r] = greatest[r];
    return;
  }
  if (target.dropout != nullptr)
    each_packet<MR, NV>([&](int r, int v) { sums[r][v] = sums[r][v] * V::load(target.dropout + at(r, v)); });
  each_packet<MR, NV>([&](int r, int v) {
    (V::load(target.p + at(r, v)) * (sums[r][v] - V::all(target.delta[r])) * scale).store(target.to + at(r, v));
  });
}

// Multiplies `rows` rows (1 .. kRows) by `packets` packets (1 .. kPanelPackets) into a target. ColumnTerms: into sums.
template <class T, class Terms>
void multiply(Index rows, Index packets, const Terms& terms, const T* columns, Index ld, const Target<T>& target) {
  using Tile = void (*)(const Terms&, const gemm::Columns<T>&, const Target<T>&);
  static constexpr auto kTiles = []<std::size_t... I>(std::index_sequence<I...>) {
    constexpr int kPackets = gemm::kPanelPackets;
    return std::array<Tile, sizeof...(I)>{
        &tile<T, static_cast<int>(I) / kPackets + 1, static_cast<int>(I) % kPackets + 1, Terms>...};
  }(std::make_index_sequence<static_cast<std::size_t>(kRows * gemm::kPanelPackets)>());
  kTiles[static_cast<std::size_t>((rows - 1) * gemm::kPanelPackets + packets - 1)](terms, {&columns, ld}, target);
}

}  // namespace seqfuse::attention
