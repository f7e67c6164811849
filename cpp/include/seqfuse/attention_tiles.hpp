// The tiles of attention: the product of gemm.hpp, and what is done with its sums while they are in registers.
//
// Through memory, as elsewhere, the sums of 64 terms would be stored and read again as often as a tenth of the
// multiply-adds takes.
#pragma once

#include <array>
#include <utility>

#include "seqfuse/attention_blocks_impl.hpp"

namespace seqfuse::attention {

inline constexpr Index kRows = gemm::tile_rows(gemm::kPanelPackets);

// Scores: s (MR, kKeys) = sums * scale; greatest (MR): the greatest of a row so far, in lanes.
template <class T>
struct ScoreTarget {
  T scale;
  T* s;
  Vec<T>* greatest;

  template <int MR, int NV, class Terms>
  static void tile(const Terms& terms, const gemm::Columns<T>& columns, const ScoreTarget& to) {
    using V = Vec<T>;
    alignas(kAlignment) T sums[MR * NV * V::kSize];
    const V scale = V::all(to.scale);
    V greatest[MR];
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r) greatest[r] = to.greatest[r];
    gemm::multiply<T, MR, 1, NV>(terms, columns, sums, [&](int r, int v, V sum) {
      const V score = sum * scale;
      score.store(to.s + r * kKeys + v * V::kSize);
      greatest[r] = max(score, greatest[r]);
    });
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r) to.greatest[r] = greatest[r];
  }
};

// Outputs and gradients that are sums over blocks: to (MR, stride) = to * factor[row] + sums.
template <class T>
struct SumTarget {
  T* to;
  Index stride;
  const T* factor;

  template <int MR, int NV, class Terms>
  static void tile(const Terms& terms, const gemm::Columns<T>& columns, const SumTarget& to) {
    using V = Vec<T>;
    alignas(kAlignment) T sums[MR * NV * V::kSize];
    gemm::multiply<T, MR, 1, NV>(terms, columns, sums, [&](int r, int v, V sum) {
      T* at = to.to + r * to.stride + v * V::kSize;
      madd(V::load(at), V::all(to.factor[r]), sum).store(at);
    });
  }
};

// Multiplies `rows` rows (1 .. kRows) by `packets` packets (1 .. kPanelPackets) into a target.
template <class T, class Terms, class Target>
void multiply(Index rows, Index packets, const Terms& terms, const T* columns, Index ld, const Target& target) {
  using Tile = void (*)(const Terms&, const gemm::Columns<T>&, const Target&);
  static constexpr auto kTiles = []<std::size_t... I>(std::index_sequence<I...>) {
    constexpr int kPackets = gemm::kPanelPackets;
    return std::array<Tile, sizeof...(I)>{
        &Target::template tile<static_cast<int>(I) / kPackets + 1, static_cast<int>(I) % kPackets + 1, Terms>...};
  }(std::make_index_sequence<static_cast<std::size_t>(kRows * gemm::kPanelPackets)>());
  kTiles[static_cast<std::size_t>((rows - 1) * gemm::kPanelPackets + packets - 1)](terms, {&columns, ld}, target);
}

}  // namespace seqfuse::attention
