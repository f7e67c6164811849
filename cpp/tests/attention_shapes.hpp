// Shapes for the tests of attention and of the key cache.
#pragma once

#include <type_traits>

#include "matrix.hpp"
#include "seqfuse/attention.hpp"

namespace seqfuse::tests {

// View of a contiguous array (B, H, N, n).
template <class Array>
auto heads(Array& array, Index H, Index N, Index n) {
  return Heads<std::remove_pointer_t<decltype(array.data())>>{array.data(), H * N * n, N * n, n};
}

inline constexpr int kMaxThreads = 3;
// B, Hq, Hk, Tq, Tk, D, Dv. kSmall: for the comparison with a naive computation. kOneKeyHead: several threads share the
// key head. kManyKeyHeads: each thread computes whole key heads.
inline constexpr AttentionShape kSmall{2, 4, 2, 70, 130, 19, 21};
inline constexpr AttentionShape kOneKeyHead{1, 2, 1, 300, 600, 64, 64};
inline constexpr AttentionShape kManyKeyHeads{3, 6, 6, 70, 130, 19, 21};

}  // namespace seqfuse::tests
