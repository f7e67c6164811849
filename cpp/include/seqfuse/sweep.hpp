// Product of a few rows with unpacked weights, for calls that are too short to pay for packing.
//
//     sums (rows, columns) = x (rows, K) W (K, columns)
//
// Traversal: kSumBlock rows of W at a time, and in these rows one tile of columns after the other, while the following
// tile is prefetched. A tile of gemm.hpp would follow its columns through all k instead, and access a new page for each
// k.
// Cost: reading W once from memory limits the speed. The chains of additions are those of gemm.hpp, so the results have
// the same bits.
#pragma once

#include "seqfuse/pack.hpp"

namespace seqfuse::gemm {

// Packets of columns per tile of MR rows. The sums of a tile fill the registers.
constexpr int sweep_packets(int rows) {
  if (kManyRegisters) return rows <= 2 ? 8 : 24 / rows;
  return rows == 1 ? 8 : 12 / rows;
}
inline constexpr int kSweepTileRows = kManyRegisters ? 8 : 4;
// Bytes of a row of W per strip. If there are more rows of x than a tile has, they use a strip of kSumBlock rows of W,
// 64 KB, one after the other while it is in the second-level cache.
inline constexpr Index kSweepStrip = 1024;

// Computes one chain of `n` terms for MR rows and NC packets of columns: W (n, NC packets) is at W.row(0), and x[r] at
// the first of the n terms of row r. Adds it to sums (MR, NC packets) or, if `first`, writes it.
template <class T, int MR, int NC>
[[gnu::always_inline]] inline void sweep_tile(const T* const* x, Index n, Rows<const T> W, Rows<T> sums, bool first) {
  using V = Vec<T>;
  V acc[MR][NC];
#pragma GCC unroll 32
  for (int r = 0; r < MR; ++r)
#pragma GCC unroll 32
    for (int v = 0; v < NC; ++v) acc[r][v] = V::zero();
  const T* w = W.data;
  for (Index k = 0; k < n; ++k, w += W.stride) {
#pragma GCC unroll 32
    for (int v = 0; v < NC; v += static_cast<int>(kLine<T> / V::kSize)) __builtin_prefetch(w + (NC + v) * V::kSize);
    V terms[MR];
#pragma GCC unroll 32
    for (int r = 0; r < MR; ++r) terms[r] = V::all(x[r][k]);
#pragma GCC unroll 32
    for (int v = 0; v < NC; ++v) {
      const V weights = V::loadu(w + v * V::kSize);
#pragma GCC unroll 32
      for (int r = 0; r < MR; ++r) acc[r][v] = madd(terms[r], weights, acc[r][v]);
    }
  }
#pragma GCC unroll 32
  for (int r = 0; r < MR; ++r)
#pragma GCC unroll 32
    for (int v = 0; v < NC; ++v) {
      T* to = sums.row(r) + v * V::kSize;
      (first ? acc[r][v] : V::loadu(to) + acc[r][v]).storeu(to);
    }
}

// The same for the `columns` columns at the end of the matrix, fewer than a packet.
template <class T, int MR>
void sweep_last_columns(const T* const* x, Index n, Rows<const T> W, Index columns, Rows<T> sums, bool first) {
  using V = Vec<T>;
  V acc[MR];
  for (auto& sum : acc) sum = V::zero();
  for (Index k = 0; k < n; ++k) {
    const V weights = V::load_first(W.row(k), columns);
    for (int r = 0; r < MR; ++r) acc[r] = madd(V::all(x[r][k]), weights, acc[r]);
  }
  for (int r = 0; r < MR; ++r)
    (first ? acc[r] : V::load_first(sums.row(r), columns) + acc[r]).store_first(sums.row(r), columns);
}

// Computes one chain of `n` terms for MR rows and all columns.
template <class T, int MR>
[[gnu::noinline]] void sweep_rows(const T* const* x, Index n, Rows<const T> W, Index columns, Rows<T> sums,
                                  bool first) {
  constexpr Index kSize = Vec<T>::kSize, kTile = sweep_packets(MR) * kSize;
  Index c = 0;
  const auto at = [&](auto rows) { return decltype(rows){rows.data + c, rows.stride}; };
  for (; c + kTile <= columns; c += kTile) sweep_tile<T, MR, sweep_packets(MR)>(x, n, at(W), at(sums), first);
  if constexpr (sweep_packets(MR) > kPanelPackets)
    for (; c + kPanelPackets * kSize <= columns; c += kPanelPackets * kSize)
      sweep_tile<T, MR, kPanelPackets>(x, n, at(W), at(sums), first);
  for (; c + kSize <= columns; c += kSize) sweep_tile<T, MR, 1>(x, n, at(W), at(sums), first);
  if (c < columns) sweep_last_columns<T, MR>(x, n, at(W), columns - c, at(sums), first);
}

// Computes one chain of `n` terms for one row and all columns. It follows whole rows of W, kSweepStreams at a time, as
// many streams in memory: a single row needs every line of W for few operations only, and a tile would leave memory
// idle while the processor turns to the next row of W. The sums stay in the first-level cache.
template <class T, int kStreams>
void sweep_streams(const T* x, Rows<const T> W, Index columns, T* sums) {
  using V = Vec<T>;
  V terms[kStreams];
#pragma GCC unroll 8
  for (int k = 0; k < kStreams; ++k) terms[k] = V::all(x[k]);
  Index c = 0;
  for (; c + V::kSize <= columns; c += V::kSize) {
    V sum = V::loadu(sums + c);
#pragma GCC unroll 8
    for (int k = 0; k < kStreams; ++k) sum = madd(terms[k], V::loadu(W.row(k) + c), sum);
    sum.storeu(sums + c);
  }
  if (c < columns) {
    V sum = V::load_first(sums + c, columns - c);
    for (int k = 0; k < kStreams; ++k) sum = madd(terms[k], V::load_first(W.row(k) + c, columns - c), sum);
    sum.store_first(sums + c, columns - c);
  }
}

// Computes one chain of `n` terms, from term `done` on, for all rows and columns. W (n, columns) has the rows of these
// terms.
template <class T>
void sweep_block(const T* const* x, Index rows, Index done, Index n, Rows<const T> W, Index columns, Rows<T> sums) {
  constexpr auto functions = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array{&sweep_rows<T, static_cast<int>(I) + 1>...};
  }(std::make_index_sequence<kSweepTileRows>());
  const Index strip = rows <= kSweepTileRows ? columns : kSweepStrip / static_cast<Index>(sizeof(T));
  for (Index c = 0; c < columns; c += strip)
    for (Index row = 0; row < rows; row += kSweepTileRows) {
      const Index count = std::min<Index>(kSweepTileRows, rows - row);
      const T* terms[kSweepTileRows];
      for (Index r = 0; r < count; ++r) terms[r] = x[row + r] + done;
      functions[static_cast<std::size_t>(count - 1)](terms, n, Rows<const T>{W.data + c, W.stride},
                                                     std::min(strip, columns - c),
                                                     Rows<T>{sums.row(row) + c, sums.stride}, done == 0);
    }
}

// Computes sums (columns,) = x (K,) W (K, columns).
template <class T>
void sweep_row(const T* x, Index K, Rows<const T> W, Index columns, T* sums) {
  constexpr Index kStrip = 2048;
  alignas(kAlignment) T block[kStrip];
  for (Index begin = 0; begin < columns; begin += kStrip) {
    const Index width = std::min(kStrip, columns - begin);
    std::fill_n(sums + begin, width, T(0));
    for (Index done = 0; done < K; done += kSumBlock) {
      T* chains = done == 0 ? sums + begin : block;
      if (done > 0) std::fill_n(block, width, T(0));
      const Index end = std::min(done + kSumBlock, K);
      Index k = done;
      const auto at = [&](Index row) { return Rows<const T>{W.row(row) + begin, W.stride}; };
      for (; k + 8 <= end; k += 8) sweep_streams<T, 8>(x + k, at(k), width, chains);
      for (; k < end; ++k) sweep_streams<T, 1>(x + k, at(k), width, chains);
      for (Index c = 0; done > 0 && c < width; ++c) sums[begin + c] += block[c];
    }
  }
}

// Computes sums (rows, columns) = x (rows, K) W (K, columns). x has one pointer per row. `sums` has no aliases.
//
// If W is transposed, a tile of kSumBlock rows is transposed into the first-level cache at a time, and the loop over
// tiles of columns is the outer one, so that W is read in the order of memory.
template <class T>
void sweep(const T* const* x, Index rows, Index K, Matrix<const T> W, Index columns, Rows<T> sums) {
  if (K == 0)
    for (Index r = 0; r < rows; ++r) std::fill_n(sums.row(r), columns, T(0));
  constexpr Index kTile = kPanelPackets * Vec<T>::kSize;
  alignas(kAlignment) T tile[kSumBlock * kTile];
  for (Index c = 0; W.transposed && c < columns; c += kTile)
    for (Index done = 0; done < K; done += kSumBlock) {
      const Index n = std::min(kSumBlock, K - done), width = std::min(kTile, columns - c);
      transpose_into<T>([&](Index r) { return W.rows().row(c + r) + done; }, width, {0, n}, Rows<T>{tile, kTile});
      sweep_block<T>(x, rows, done, n, {tile, kTile}, width, {sums.data + c, sums.stride});
    }
  if (rows == 1 && !W.transposed) return sweep_row(x[0], K, W.rows(), columns, sums.data);
  for (Index done = 0; !W.transposed && done < K; done += kSumBlock)
    sweep_block<T>(x, rows, done, std::min(kSumBlock, K - done), W.from_row(done).rows(), columns, sums);
}

}  // namespace seqfuse::gemm
