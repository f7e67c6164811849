// The shapes that attention and its cache are tested with.
#pragma once

#include <type_traits>

#include "matrix.hpp"
#include "seqfuse/attention.hpp"

namespace seqfuse::tests {

// (B, H, N, n) in C order.
template <class Array>
auto heads(Array& array, Index H, Index N, Index n) {
  return Heads<std::remove_pointer_t<decltype(array.data())>>{array.data(), H * N * n, N * n, n};
}

inline constexpr int kMaxThreads = 3;
// B, Hq, Hk, Tq, Tk, D, Dv: what is written out; what up to three threads share; of which each has heads of its own.
inline constexpr AttentionShape kSmall{2, 4, 2, 70, 130, 19, 21}, kShared{1, 2, 1, 300, 600, 64, 64},
    kApart{3, 6, 6, 70, 130, 19, 21};

}  // namespace seqfuse::tests
