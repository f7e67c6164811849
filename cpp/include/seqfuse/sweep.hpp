// Product of a few rows with unpacked weights, for calls that are too short to pay for packing.
//
//     sums (rows, columns) = x (rows, K) W (K, columns)
//
// Traversal: the tile of gemm.hpp would follow a few columns through all k, and access a new page for each k. The sweep
// follows the rows of W instead, eight at a time as eight streams, and keeps the sums in the first-level cache.
// Cost: reading W once from memory limits the speed. The chains of additions are those of gemm.hpp, so the results have
// the same bits.
#pragma once

#include "seqfuse/gemm.hpp"

namespace seqfuse::gemm {

inline constexpr int kSweepRows = 8;  // rows of W per pass

// Continues the chains of sums (rows, columns) with the terms x[r][k] W[k] for k in [first, first + KR). x has one
// pointer per row, to K numbers. `sums` has no aliases.
template <class T, int KR>
void sweep_rows(const T* const* x, Index rows, Index first, Rows<const T> W, Index columns, Rows<T> sums) {
  using V = Vec<T>;
  // Columns per strip. A strip of KR rows of W stays in the first-level cache while all rows of x use it.
  constexpr Index kStrip = 4096 / sizeof(T);
  for (Index begin = 0; begin < columns; begin += kStrip) {
    const Index end = std::min(begin + kStrip, columns);
    for (Index r = 0; r < rows; ++r) {
      V a[KR];
#pragma GCC unroll 8
      for (int k = 0; k < KR; ++k) a[k] = V::all(x[r][first + k]);
      Index c = begin;
      for (; c + V::kSize <= end; c += V::kSize) {
        V sum = V::loadu(sums.row(r) + c);
#pragma GCC unroll 8
        for (int k = 0; k < KR; ++k) sum = madd(a[k], V::loadu(W.row(first + k) + c), sum);
        sum.storeu(sums.row(r) + c);
      }
      if (c < end) {
        V sum = V::load_first(sums.row(r) + c, end - c);
        for (int k = 0; k < KR; ++k) sum = madd(a[k], V::load_first(W.row(first + k) + c, end - c), sum);
        sum.store_first(sums.row(r) + c, end - c);
      }
    }
  }
}

// Computes sums (rows, columns) = x (rows, K) W (K, columns). `block` is scratch of the shape of `sums`. Neither has
// aliases.
template <class T>
void sweep(const T* const* x, Index rows, Index K, Rows<const T> W, Index columns, Rows<T> sums, Rows<T> block) {
  for (Index r = 0; r < rows; ++r) std::fill_n(sums.row(r), columns, T(0));
  for (Index done = 0; done < K; done += kSumBlock) {
    const Rows<T> chains = done == 0 ? sums : block;
    if (done > 0)
      for (Index r = 0; r < rows; ++r) std::fill_n(chains.row(r), columns, T(0));
    Index k = done;
    for (; k + kSweepRows <= std::min(done + kSumBlock, K); k += kSweepRows)
      sweep_rows<T, kSweepRows>(x, rows, k, W, columns, chains);
    for (; k < std::min(done + kSumBlock, K); ++k) sweep_rows<T, 1>(x, rows, k, W, columns, chains);
    if (done > 0)
      for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < columns; ++c) sums.row(r)[c] += chains.row(r)[c];
  }
}

}  // namespace seqfuse::gemm
