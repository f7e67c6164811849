// The register-tiled product that everything here is made of.
//
// How weights are packed, and why
// -------------------------------
// A product of rows (of x, of h, of gate gradients) with a matrix of weights is cut into tiles of
// MR rows by NV packets of columns. A tile keeps its MR * NV sums in registers while it walks down
// k: it loads NV packets of weights, broadcasts one number of each row, and makes MR * NV
// multiply-adds. Two things follow.
//
// The NV packets of one k should lie side by side, and those of k + 1 right behind them, so that a
// tile reads its weights as one stream, whole cache lines in order. Hence a *panel*:
//
//     panel p:  k = 0: | NV packets |  k = 1: | NV packets |  ...          (K, NV, kSize)
//
// The columns of a panel are not neighbours in the matrix. For a cell with G gates, the packets of
// one panel are *all gates of the same units* (one block of kSize units, or several blocks where
// there are few gates): the gates of a unit come out of one tile together, so the activations and
// the state's update follow while the sums are still in the first-level cache, and no array of
// pre-activations is ever written.
//
// Rows need no packing: they are read through one pointer each, so they may be rows of a strided
// user's array, of a state, in any order, and rows that are not real can simply be left out.
//
// How sums are made, so that they do not depend on how the work was cut
// ---------------------------------------------------------------------
// A sum over k is cut at multiples of kSumBlock in the absolute k. Each block is one chain of
// multiply-adds from zero; blocks are added in order. The size of a tile, the packet, the thread
// and the neighbours of a row change nothing in this. 64 is measured: with it gradients have 1.1 to 1.3
// times the rms error of NumPy's product, which sums in lanes; with 256 they have 1.3 to 1.6 times, and
// the tile is only 1.5 % faster.
#pragma once

#include <algorithm>
#include <array>

#include "seqfuse/memory.hpp"
#include "seqfuse/simd.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse::gemm {

inline constexpr Index kSumBlock = 64;

// Packets of a panel, and rows of the tallest tile. With 32 registers 6 x 4 sums reach 98 % of the
// multiply-add peak, 8 x 3 likewise (Zen 4, K = 256). With 16, 3 x 4 sums, 3 broadcasts and one weight
// fill them all and reach 98 %; 4 x 3 spills and reaches 44 %.
inline constexpr int kPanelPackets = 4;
inline constexpr bool kManyRegisters = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32;
constexpr int tile_rows(int packets) {
  if (kManyRegisters) return packets >= 4 ? 6 : 8;
  return packets >= 3 ? 3 : packets == 2 ? 4 : 6;
}
inline constexpr int kMaxTileRows = 8;
// One row alone cannot keep the multiply-adders busy with one panel: it takes this many at once.
inline constexpr int kSingleRowPanels = 4;
// Packets of sums that one tile can make: the size of a caller's scratch.
inline constexpr int kMaxTilePackets = 32;

// Where the rows of a product are. A kind of terms calls f(x), x[r] the term of row r in all lanes, for the terms
// done .. done + n of its rows in order; `done` is a multiple of kSumBlock, and n at most one.

// Row r is the K numbers at row[r].
template <class T>
struct RowTerms {
  const T* const* row;
  Index K;

  template <int MR, class F>
  [[gnu::always_inline]] void for_each(Index done, Index n, F&& f) const {
    const T* a[MR];
    for (int r = 0; r < MR; ++r) a[r] = row[r] + done;
#pragma GCC unroll 2
    for (Index k = 0; k < n; ++k) {
      Vec<T> x[MR];
#pragma GCC unroll 32
      for (int r = 0; r < MR; ++r) x[r] = Vec<T>::all(a[r][k]);
      f(x);
    }
  }
};

// The rows lie turned: term k of row r is first[k * ld + r].
template <class T>
struct ColumnTerms {
  const T* first;
  Index K;
  Index ld;

  template <int MR, class F>
  [[gnu::always_inline]] void for_each(Index done, Index n, F&& f) const {
    const T* a = first + done * ld;
#pragma GCC unroll 2
    for (Index k = 0; k < n; ++k, a += ld) {
      Vec<T> x[MR];
#pragma GCC unroll 32
      for (int r = 0; r < MR; ++r) x[r] = Vec<T>::all(a[r]);
      f(x);
    }
  }
};

// Row r begins at row[r]; its terms lie in chunks of `chunk` contiguous ones, `chunk_stride` apart (chunk >= K where a
// row is contiguous; else a multiple of it is kSumBlock).
template <class T>
struct Terms {
  const T* const* row;
  Index K;
  Index chunk;
  Index chunk_stride;

  template <int MR, class F>
  [[gnu::always_inline]] void for_each(Index done, Index n, F&& f) const {
    const Index of_block = kSumBlock / chunk * chunk_stride;  // the same for every block: divided once a tile
    const T* a[MR];
    for (int r = 0; r < MR; ++r) a[r] = row[r] + done / kSumBlock * of_block;
    for (Index k = 0; k < n; k += chunk) {
      const Index contiguous = std::min(chunk, n - k);
      for (Index i = 0; i < contiguous; ++i) {
        Vec<T> x[MR];
#pragma GCC unroll 32
        for (int r = 0; r < MR; ++r) x[r] = Vec<T>::all(a[r][i]);
        f(x);
      }
#pragma GCC unroll 32
      for (int r = 0; r < MR; ++r) a[r] += chunk_stride;
    }
  }
};

// Where the packets of columns are: NB bases with NC neighbouring packets each; the next k is `ld` on.
template <class T>
struct Columns {
  const T* const* base;
  Index ld;
};

// rows (MR, K) times columns (K, NB*NC packets), in registers: calls f(row, packet, sums) for each packet of the result.
// Blocks before the last one go through `sums` (MR, NB*NC, kSize).
template <class T, int MR, int NB, int NC, class Rows, class F>
[[gnu::always_inline]] inline void multiply(const Rows& terms, const Columns<T>& columns, T* sums, F&& f) {
  using V = Vec<T>;
  constexpr int NV = NB * NC;
  const T* b[NB];
  for (int i = 0; i < NB; ++i) b[i] = columns.base[i];
  const Index ld = columns.ld;
  for (Index done = 0;; done += kSumBlock) {
    V acc[MR][NV];
#pragma GCC unroll 32
    for (int r = 0; r < MR; ++r)
#pragma GCC unroll 32
      for (int v = 0; v < NV; ++v) acc[r][v] = V::zero();
    terms.template for_each<MR>(done, std::min(kSumBlock, terms.K - done),
                                [&](const V* x) __attribute__((always_inline)) {
#pragma GCC unroll 32
                                  for (int v = 0; v < NV; ++v) {
                                    const V w = V::loadu(b[v / NC] + (v % NC) * V::kSize);
#pragma GCC unroll 32
                                    for (int r = 0; r < MR; ++r) acc[r][v] = madd(x[r], w, acc[r][v]);
                                  }
#pragma GCC unroll 32
                                  for (int i = 0; i < NB; ++i) b[i] += ld;
                                });
    const auto each = [&](auto&& do_with) __attribute__((always_inline)) {
#pragma GCC unroll 32
      for (int r = 0; r < MR; ++r)
#pragma GCC unroll 32
        for (int v = 0; v < NV; ++v) do_with(r, v, sums + (r * NV + v) * V::kSize);
    };
    if (done > 0) each([&](int r, int v, const T* so_far) { acc[r][v] = V::load(so_far) + acc[r][v]; });
    if (done + kSumBlock >= terms.K) return each([&](int r, int v, const T*) { f(r, v, acc[r][v]); });
    each([&](int r, int v, T* so_far) { acc[r][v].store(so_far); });
  }
}

// sums (MR, NB*NC, kSize) = rows (MR, K) times columns (K, NB*NC packets).
template <class T, int MR, int NB, int NC>
[[gnu::noinline]] void tile(const Terms<T>& terms, const Columns<T>& columns, T* sums) {
  const auto store = [&](int r, int v, Vec<T> sum)
                         __attribute__((always_inline)) { sum.store(sums + (r * NB * NC + v) * Vec<T>::kSize); };
  if (terms.chunk >= terms.K)
    multiply<T, MR, NB, NC>(RowTerms<T>{terms.row, terms.K}, columns, sums, store);
  else
    multiply<T, MR, NB, NC>(terms, columns, sums, store);
}

template <class T>
using Tile = void (*)(const Terms<T>&, const Columns<T>&, T*);

// The tile for `rows` rows (1 .. tile_rows(NB * NC)).
template <class T, int NB, int NC>
Tile<T> tile_for(Index rows) {
  constexpr auto table = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<Tile<T>, sizeof...(I)>{&tile<T, static_cast<int>(I) + 1, NB, NC>...};
  }(std::make_index_sequence<tile_rows(NB * NC)>());
  return table[static_cast<std::size_t>(rows - 1)];
}

// The tile for `rows` rows and a packed panel of `packets` packets (1 .. 4).
template <class T>
Tile<T> panel_tile(Index rows, int packets) {
  switch (packets) {
    case 1:
      return tile_for<T, 1, 1>(rows);
    case 2:
      return tile_for<T, 1, 2>(rows);
    case 3:
      return tile_for<T, 1, 3>(rows);
    default:
      return tile_for<T, 1, 4>(rows);
  }
}

// One row times kSingleRowPanels neighbouring panels of `packets` packets.
template <class T>
Tile<T> single_row_tile(int packets) {
  switch (packets) {
    case 1:
      return &tile<T, 1, kSingleRowPanels, 1>;
    case 2:
      return &tile<T, 1, kSingleRowPanels, 2>;
    case 3:
      return &tile<T, 1, kSingleRowPanels, 3>;
    default:
      return &tile<T, 1, kSingleRowPanels, 4>;
  }
}

// Where columns are not packed but lie in chunks of one cache line each (gradients of gates): packets
// in a chunk, chunks that a tile of four packets covers, and the tile for 1 .. kChunksPerTile of them.
template <class T>
inline constexpr int kPacketsPerChunk = static_cast<int>(kLine<T> / Vec<T>::kSize);
template <class T>
inline constexpr int kChunksPerTile = std::max(1, kPanelPackets / kPacketsPerChunk<T>);

template <class T>
Tile<T> outer_tile(Index rows, Index chunks) {
  constexpr int NC = kPacketsPerChunk<T>;
  if constexpr (kChunksPerTile<T> >= 4) {
    if (chunks == 4) return tile_for<T, 4, NC>(rows);
    if (chunks == 3) return tile_for<T, 3, NC>(rows);
  }
  if constexpr (kChunksPerTile<T> >= 2)
    if (chunks == 2) return tile_for<T, 2, NC>(rows);
  return tile_for<T, 1, NC>(rows);
}

// Blocks of units whose gates make a panel.
constexpr int blocks_per_panel(int gates) { return gates == 1 ? kPanelPackets : gates == 2 ? kPanelPackets / 2 : 1; }

// How units and gates lie in panels: `blocks` blocks of kSize units, `per_panel` of them with all
// their `gates` packets in each panel; only the last panel may be narrower.
template <class T>
struct Layout {
  Index units = 0;
  int gates = 1;
  int per_panel = kPanelPackets;  // 1, 2 or 4

  Index blocks() const { return divide_up(units, Vec<T>::kSize); }
  Index panels() const { return panels_of(blocks()); }
  // The panels that hold the first n blocks, the last one perhaps in part. Shifted: a step of a small cell is as short
  // as a few divisions.
  Index panels_of(Index n) const { return (n + per_panel - 1) >> (per_panel >> 1); }
  // Blocks of units in panel p, and the elements that one k takes in it.
  Index blocks_of(Index p) const { return std::min<Index>(per_panel, blocks() - p * per_panel); }
  Index width(Index p) const { return blocks_of(p) * gates * Vec<T>::kSize; }
  // Elements before panel p, of K rows each, and of all panels.
  Index offset(Index p, Index K) const { return p * per_panel * gates * Vec<T>::kSize * K; }
  Index size(Index K) const { return checked_product({blocks(), gates, Vec<T>::kSize, K}); }
};

// Calls f(first block, blocks, first row, rows, sums) for every tile of `rows` by the panels that
// hold `share`'s blocks; sums (rows, blocks * gates, kSize) is scratch that the next call overwrites.
// Tiles of a call are of nearly the same height. share begins and ends on a panel.
template <class T, class F>
void for_each_tile(const Layout<T>& layout, const T* panels, Range share, const Terms<T>& terms, Index rows, F&& f) {
  alignas(kAlignment) T sums[kMaxTilePackets * Vec<T>::kSize];
  const Index end = layout.panels_of(share.end);
  const int packets = layout.gates * layout.per_panel;
  const Index all_blocks = layout.blocks(), panel_size = packets * Vec<T>::kSize * terms.K;
  const Index tallest = tile_rows(packets), tiles = rows > tallest ? divide_up(rows, tallest) : rows > 0 ? 1 : 0;
  for (Index p = layout.panels_of(share.begin); p < end;) {
    const T* base[kSingleRowPanels];
    const Index left = all_blocks - p * layout.per_panel;
    const bool several = rows == 1 && p + kSingleRowPanels <= end && left >= kSingleRowPanels * layout.per_panel;
    const Index width = several ? kSingleRowPanels : 1, each = std::min<Index>(layout.per_panel, left);
    for (Index i = 0; i < width; ++i) base[i] = panels + (p + i) * panel_size;
    const Columns<T> columns{base, each * layout.gates * Vec<T>::kSize};
    const Index blocks = each * width;
    for (Index t = 0; t < tiles; ++t) {
      const Range part = tiles == 1 ? Range{0, rows} : share_of(rows, static_cast<int>(t), static_cast<int>(tiles));
      const Terms<T> some{terms.row + part.begin, terms.K, terms.chunk, terms.chunk_stride};
      const Tile<T> tile =
          several ? single_row_tile<T>(packets) : panel_tile<T>(part.size(), static_cast<int>(blocks) * layout.gates);
      tile(some, columns, sums);
      f(p * layout.per_panel, blocks, part.begin, part.size(), sums);
    }
    p += width;
  }
}

}  // namespace seqfuse::gemm
