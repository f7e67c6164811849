// Register-tiled matrix product: rows (M, K) times packed weights (K, N). Most kernels are built on it.
//
// Traversal
// ---------
// The product is cut into tiles of MR rows by NV packets of columns. A tile keeps its MR * NV sums in
// registers and loops over k. For each k it loads NV packets of weights, broadcasts one number of each
// row, and performs MR * NV multiply-adds.
//
// Packed weights
// --------------
// The NV packets of one k are contiguous, and the packets of k + 1 follow them, so that a tile reads its
// weights as one stream of whole cache lines. This storage order is called a *panel*:
//
//     panel p:  k = 0: | NV packets |  k = 1: | NV packets |  ...          (K, NV, kSize)
//
// The columns of a panel are not adjacent in the matrix. For a cell with G gates, a panel contains *all
// gates of the same units*: one block of kSize units, or several blocks if there are few gates. One tile
// therefore computes all gates of a unit. Activations and the state update follow while the sums are
// still in the first-level cache, and the pre-activations are never written to an array.
//
// Rows are not packed. Each row is read through its own pointer, so rows may come from a strided array
// of the caller or from a state, in any order, and padded rows can be left out.
//
// Order of summation
// ------------------
// A sum over k is cut at multiples of kSumBlock, counted from k = 0. Each block is one chain of
// multiply-adds that starts at zero, and the blocks are added in order. The result therefore does not
// depend on the height of the tile, the size of the packet, the thread or the other rows.
#pragma once

#include <algorithm>
#include <array>

#include "seqfuse/memory.hpp"
#include "seqfuse/simd.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse::gemm {

// Terms per chain of multiply-adds. With 64, gradients have 1.1 to 1.3 times the rms error of NumPy's
// product, which sums in lanes. With 256 they have 1.3 to 1.6 times, and the tile is only 1.5 % faster.
inline constexpr Index kSumBlock = 64;

// Packets per panel, and the maximum number of rows per tile. With 32 registers, tiles of 6 x 4 and of
// 8 x 3 sums both reach 98 % of the multiply-add peak (Zen 4, K = 256). With 16 registers, a tile of
// 3 x 4 sums uses all of them (12 sums, 3 broadcasts, 1 weight) and reaches 98 %. A tile of 4 x 3 sums
// spills registers and reaches 44 %.
inline constexpr int kPanelPackets = 4;
inline constexpr bool kManyRegisters = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32;
constexpr int tile_rows(int packets) {
  if (kManyRegisters) return packets >= 4 ? 6 : 8;
  return packets >= 3 ? 3 : packets == 2 ? 4 : 6;
}
inline constexpr int kMaxTileRows = 8;
// A single row multiplies this many panels at once. With one panel it has too few independent
// multiply-adds to hide their latency.
inline constexpr int kSingleRowPanels = 4;
// Maximum number of packets of sums per tile. Callers allocate scratch of this size.
inline constexpr int kMaxTilePackets = 32;

// The following three structures describe how the rows of a product are stored. Their for_each<MR>(done, n, f) calls
// f(x) for the terms k = done .. done + n - 1 in order. x[r] contains term k of row r in all lanes. `done` is a
// multiple of kSumBlock, and n <= kSumBlock.

// Contiguous rows. Row r is the K numbers at row[r].
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

// Transposed rows. Term k of row r is first[k * ld + r].
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

// Rows of contiguous chunks. Row r begins at row[r] and consists of chunks of `chunk` terms. Consecutive chunks begin
// `chunk_stride` elements apart. If rows are contiguous, chunk >= K; otherwise `chunk` divides kSumBlock.
template <class T>
struct Terms {
  const T* const* row;
  Index K;
  Index chunk;
  Index chunk_stride;

  template <int MR, class F>
  [[gnu::always_inline]] void for_each(Index done, Index n, F&& f) const {
    const Index block_stride = kSumBlock / chunk * chunk_stride;  // the same for every block: one division per tile
    const T* a[MR];
    for (int r = 0; r < MR; ++r) a[r] = row[r] + done / kSumBlock * block_stride;
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

// The columns of a product: NB pointers at k = 0, each to NC contiguous packets. The packets of k + 1 are `ld` elements
// after those of k.
template <class T>
struct Columns {
  const T* const* base;
  Index ld;
};

// Computes rows (MR, K) times columns (K, NB*NC packets) in registers. Calls f(r, v, sum) for each packet v of each row
// r of the result. `sums` (MR, NB*NC, kSize) is aligned scratch, without aliases, for the sums of all blocks but the
// last.
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
    const auto each = [&](auto&& visit) __attribute__((always_inline)) {
#pragma GCC unroll 32
      for (int r = 0; r < MR; ++r)
#pragma GCC unroll 32
        for (int v = 0; v < NV; ++v) visit(r, v, sums + (r * NV + v) * V::kSize);
    };
    if (done > 0) each([&](int r, int v, const T* so_far) { acc[r][v] = V::load(so_far) + acc[r][v]; });
    if (done + kSumBlock >= terms.K) return each([&](int r, int v, const T*) { f(r, v, acc[r][v]); });
    each([&](int r, int v, T* so_far) { acc[r][v].store(so_far); });
  }
}

// Computes sums (MR, NB*NC, kSize) = rows (MR, K) times columns (K, NB*NC packets). `sums` is aligned and has no
// aliases.
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

// Returns the tile for `rows` rows, 1 <= rows <= tile_rows(NB * NC).
template <class T, int NB, int NC>
Tile<T> tile_for(Index rows) {
  constexpr auto table = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<Tile<T>, sizeof...(I)>{&tile<T, static_cast<int>(I) + 1, NB, NC>...};
  }(std::make_index_sequence<tile_rows(NB * NC)>());
  return table[static_cast<std::size_t>(rows - 1)];
}

// Returns the tile for `rows` rows and a panel of `packets` packets, 1 <= packets <= kPanelPackets.
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

// Returns the tile for one row and kSingleRowPanels consecutive panels of `packets` packets each.
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

// The columns of an outer product are gradients of gates. They are not packed into panels, but stored in chunks of one
// cache line. A tile covers up to kChunksPerTile chunks, which is about kPanelPackets packets.
template <class T>
inline constexpr int kPacketsPerChunk = static_cast<int>(kLine<T> / Vec<T>::kSize);
template <class T>
inline constexpr int kChunksPerTile = std::max(1, kPanelPackets / kPacketsPerChunk<T>);

// Returns the tile for `rows` rows and `chunks` chunks, 1 <= chunks <= kChunksPerTile.
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

// Returns how many blocks of units one panel contains.
constexpr int blocks_per_panel(int gates) { return gates == 1 ? kPanelPackets : gates == 2 ? kPanelPackets / 2 : 1; }

// The distribution of units and gates over panels. The units form blocks of kSize. A panel contains `per_panel` blocks,
// each with the packets of all its gates. Only the last panel may be narrower.
template <class T>
struct Layout {
  Index units = 0;
  int gates = 1;
  int per_panel = kPanelPackets;  // 1, 2 or 4

  Index blocks() const { return divide_up(units, Vec<T>::kSize); }
  Index panels() const { return panels_of(blocks()); }
  // Returns how many panels the first n blocks occupy, completely or in part. A shift replaces the division, which
  // would be noticeable in the steps of a small cell.
  Index panels_of(Index n) const { return (n + per_panel - 1) >> (per_panel >> 1); }
  // Blocks of units in panel p, and elements of panel p per k.
  Index blocks_of(Index p) const { return std::min<Index>(per_panel, blocks() - p * per_panel); }
  Index width(Index p) const { return blocks_of(p) * gates * Vec<T>::kSize; }
  // Elements before panel p, and of all panels, if each panel has K rows.
  Index offset(Index p, Index K) const { return p * per_panel * gates * Vec<T>::kSize * K; }
  Index size(Index K) const { return checked_product({blocks(), gates, Vec<T>::kSize, K}); }
};

// Multiplies `rows` rows with the panels that contain the blocks of `share`. Calls f(first block, number of blocks,
// first row, number of rows, sums) for every tile. sums (rows, blocks * gates, kSize) is scratch that the next tile
// overwrites. `share` begins and ends at the boundary of a panel.
//
// The outer loop runs over panels and the inner loop over rows, so that a panel stays in the cache. The heights of the
// tiles differ by one row at most.
template <class T, class F>
void for_each_tile(const Layout<T>& layout, const T* panels, Range share, const Terms<T>& terms, Index rows, F&& f) {
  alignas(kAlignment) T sums[kMaxTilePackets * Vec<T>::kSize];
  const Index end = layout.panels_of(share.end);
  const int packets = layout.gates * layout.per_panel;
  const Index all_blocks = layout.blocks(), panel_size = packets * Vec<T>::kSize * terms.K;
  const Index max_rows = tile_rows(packets), tiles = rows > max_rows ? divide_up(rows, max_rows) : rows > 0 ? 1 : 0;
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
      const Terms<T> part_terms{terms.row + part.begin, terms.K, terms.chunk, terms.chunk_stride};
      const Tile<T> tile =
          several ? single_row_tile<T>(packets) : panel_tile<T>(part.size(), static_cast<int>(blocks) * layout.gates);
      tile(part_terms, columns, sums);
      f(p * layout.per_panel, blocks, part.begin, part.size(), sums);
    }
    p += width;
  }
}

}  // namespace seqfuse::gemm
