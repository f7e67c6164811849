// Softmax cross-entropy: the mean over n of -log softmax(logits[n])[labels[n]]. Arguments and functions.
#pragma once

#include <cstdint>

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct CrossEntropyForwardArgs {
  Index N = 0, C = 0;
  Rows<const T> logits;                  // (N, C)
  const std::int64_t* labels = nullptr;  // (N,), each in [0, C)
  T* row_max = nullptr;                  // (N,), written: maximum of each row
  T* inv_sum = nullptr;                  // (N,), written: 1 / sum of exp(logits - row_max)
  int threads = 1;
};

template <class T>
struct CrossEntropyBackwardArgs {
  Index N = 0, C = 0;
  Rows<const T> logits;                  // (N, C), the input of the forward
  const std::int64_t* labels = nullptr;  // (N,), the input of the forward
  const T* row_max = nullptr;            // (N,), as written by the forward
  const T* inv_sum = nullptr;            // (N,), as written by the forward
  double factor = 1;                     // gradient of the sum of the losses over n
  Rows<T> dlogits;                       // (N, C), written; may be logits
  int threads = 1;
};

// Returns the mean loss, or 0 if N = 0.
template <class T>
double softmax_cross_entropy_forward(const CrossEntropyForwardArgs<T>& args);
template <class T>
void softmax_cross_entropy_backward(const CrossEntropyBackwardArgs<T>& args);

}  // namespace seqfuse
