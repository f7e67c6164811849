// The product of a few rows with weights as they lie, for calls too short to pay for packing.
//
// A tile would follow a few columns down all of k, a new page at every step. The sweep goes along the
// rows of W instead, eight of them at a time as eight streams, and keeps the sums in the first-level
// cache: it is bound by reading W once. The chains are those of gemm.hpp, so the bits are too.
#pragma once

#include "seqfuse/gemm.hpp"

namespace seqfuse::gemm {

inline constexpr int kSweepRows = 8;

// sums (rows, columns) += one chain over k in [first, first + KR) of W's columns; every pointer at the first column.
template <class T, int KR>
void sweep_rows(const T* const* x, Index rows, Index first, Rows<const T> W, Index columns, Rows<T> sums) {
  using V = Vec<T>;
  constexpr Index kStrip = 4096 / sizeof(T);  // of W's KR rows, in the first-level cache while all rows of x use it
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

// sums (rows, columns) = x (rows, K) W (K, columns); `block` is scratch of the same shape.
template <class T>
void sweep(const T* const* x, Index rows, Index K, Rows<const T> W, Index columns, Rows<T> sums, Rows<T> block) {
  for (Index r = 0; r < rows; ++r) std::fill_n(sums.row(r), columns, T(0));
  for (Index done = 0; done < K; done += kSumBlock) {
    const Rows<T> now = done == 0 ? sums : block;
    if (done > 0)
      for (Index r = 0; r < rows; ++r) std::fill_n(now.row(r), columns, T(0));
    Index k = done;
    for (; k + kSweepRows <= std::min(done + kSumBlock, K); k += kSweepRows)
      sweep_rows<T, kSweepRows>(x, rows, k, W, columns, now);
    for (; k < std::min(done + kSumBlock, K); ++k) sweep_rows<T, 1>(x, rows, k, W, columns, now);
    if (done > 0)
      for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < columns; ++c) sums.row(r)[c] += now.row(r)[c];
  }
}

}  // namespace seqfuse::gemm
