// Matrix products in the order of summation of gemm.hpp, term by term, to compare kernels with bit by bit.
#pragma once

#include <algorithm>
#include <vector>

#include "seqfuse/gemm.hpp"

namespace seqfuse::tests {

// The order of summation of gemm.hpp: chains of multiply-adds from zero, cut at multiples of kSumBlock in k, added in
// order.
template <class T, class A, class B>
T product(Index K, A&& a, B&& b) {
  using V = Vec<T>;
  V sum = V::zero();
  for (Index first = 0; first < K; first += gemm::kSumBlock) {
    V chain = V::zero();
    for (Index k = first; k < std::min(K, first + gemm::kSumBlock); ++k)
      chain = madd(V::all(a(k)), V::all(b(k)), chain);
    sum = first == 0 ? chain : sum + chain;
  }
  alignas(kAlignment) T lanes[V::kSize];
  sum.store(lanes);
  return lanes[0];
}

// Returns the transpose (columns, rows) of a matrix (rows, columns).
template <class T>
std::vector<T> transpose_of(const std::vector<T>& matrix, Index rows, Index columns) {
  std::vector<T> transposed(matrix.size());
  for (Index r = 0; r < rows; ++r)
    for (Index c = 0; c < columns; ++c)
      transposed[static_cast<std::size_t>(c * rows + r)] = matrix[static_cast<std::size_t>(r * columns + c)];
  return transposed;
}

}  // namespace seqfuse::tests
