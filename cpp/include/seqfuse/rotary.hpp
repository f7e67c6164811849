// Rotary position embeddings (Su et al. 2021, arXiv:2104.09864): arguments and function. The same function is the
// forward and, with the negative angles, the backward.
//
//     y[i] = x[i] * cos[i] - x[j] * sin[i]        y[j] = x[j] * cos[i] + x[i] * sin[i]        i = 0 .. pairs - 1
//
// Pair i consists of the features i and j = i + pairs, or 2i and 2i + 1 if the pairs are interleaved. Features from
// 2 * pairs on are copied.
#pragma once

#include <cstdint>

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct RotaryArgs {
  Index B = 0, H = 0, N = 0, D = 0;
  Index pairs = 0;                          // at most D / 2
  Heads<const T> x;                         // (B, H, N, D): x, or dy in the backward
  Heads<T> y;                               // (B, H, N, D), written: y, or dx in the backward; must not be x
  Rows<const T> cos, sin;                   // (P, pairs)
  const std::int64_t* positions = nullptr;  // (N,) or (B, N), each in [0, P); null: row n is at position n
  Index positions_stride = 0;               // between batch rows: N, or 0 for (N,)
  bool interleaved = false;
  bool inverse = false;  // rotate by the negative angles
  int threads = 1;
};

template <class T>
void rotary(const RotaryArgs<T>& args);

}  // namespace seqfuse
