// What a caller of rotary position embeddings sees. One function is forward and backward: a turn, and the turn back.
//
//     y[i] = x[i] cos[i] - x[j] sin[i]        y[j] = x[j] cos[i] + x[i] sin[i]        i below `pairs`
//
// j, the partner of i, is i + pairs, or where pairs are interleaved the two are 2i and 2i + 1. What is behind the pairs
// passes.
#pragma once

#include <cstdint>

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct RotaryArgs {
  Index B = 0, H = 0, N = 0, D = 0;
  Index pairs = 0;                          // at most D / 2
  Heads<const T> x;                         // (B, H, N, D): x, or dy in a backward
  Heads<T> y;                               // (B, H, N, D) out, not x: y, or dx in a backward
  Rows<const T> cos, sin;                   // (P, pairs)
  const std::int64_t* positions = nullptr;  // (N,) or (B, N), each in [0, P); none: row n is at position n
  Index positions_stride = 0;               // from one b to the next
  bool interleaved = false;
  bool back = false;  // by the negative angle
  int threads = 1;
};

template <class T>
void rotary(const RotaryArgs<T>& args);

}  // namespace seqfuse
