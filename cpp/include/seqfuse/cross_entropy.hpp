// What a caller of softmax cross-entropy sees: the mean over n of -log softmax(logits[n])[labels[n]].
#pragma once

#include <cstdint>

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct CrossEntropyForwardArgs {
  Index N = 0, C = 0;
  Rows<const T> logits;                  // (N, C)
  const std::int64_t* labels = nullptr;  // (N,), each in [0, C)
  T* high = nullptr;                     // (N,) out: maximum of each row
  T* scale = nullptr;                    // (N,) out: 1 / sum of exp(logits - high)
  int threads = 1;
};

template <class T>
struct CrossEntropyBackwardArgs {
  Index N = 0, C = 0;
  Rows<const T> logits;  // (N, C), labels (N,): as forward read them
  const std::int64_t* labels = nullptr;
  const T* high = nullptr;   // (N,), as forward wrote it
  const T* scale = nullptr;  // (N,), as forward wrote it
  double factor = 1;         // gradient of the sum over n
  Rows<T> dlogits;           // (N, C) overwritten; may be logits
  int threads = 1;
};

// The mean over n; 0 where N = 0.
template <class T>
double softmax_cross_entropy_forward(const CrossEntropyForwardArgs<T>& args);
template <class T>
void softmax_cross_entropy_backward(const CrossEntropyBackwardArgs<T>& args);

}  // namespace seqfuse
