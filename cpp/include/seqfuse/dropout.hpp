// What a caller of dropout sees. One function is forward and backward: which elements stay is a
// function of their index and the seed.
//
//     y[i] = x[i] * (1 / (1 - rate)) where element i is kept, else 0
#pragma once

#include <cstdint>

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct DropoutArgs {
  Index n = 0;
  const T* x = nullptr;  // (n,): x, or dy in a backward
  T* y = nullptr;        // (n,) out: y, or dx in a backward; may be x
  double rate = 0;       // [0, 1)
  std::uint64_t seed = 0;
  int threads = 1;
};

template <class T>
void dropout(const DropoutArgs<T>& args);

}  // namespace seqfuse
