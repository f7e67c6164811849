// Dropout: arguments and function. The same function is the forward and the backward, because whether an element is
// kept depends only on its index and the seed.
//
//     y[i] = x[i] * keep_scale if element i is kept, else 0          keep_scale = 1 / (1 - rate)
#pragma once

#include <cstdint>

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct DropoutArgs {
  Index n = 0;
  const T* x = nullptr;  // (n,): x, or dy in the backward
  T* y = nullptr;        // (n,), written: y, or dx in the backward; may be x
  double rate = 0;       // fraction of the elements that is dropped, in [0, 1)
  std::uint64_t seed = 0;
  int threads = 1;
};

template <class T>
void dropout(const DropoutArgs<T>& args);

}  // namespace seqfuse
