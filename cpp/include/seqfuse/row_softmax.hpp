// Softmax over the last axis: y[n][d] = exp(x[n][d]) / sum over d of exp(x[n][d]). Arguments and functions.
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct SoftmaxForwardArgs {
  Index N = 0, D = 0;
  Rows<const T> x;  // (N, D)
  Rows<T> y;        // (N, D), written; may be x
  int threads = 1;
};

template <class T>
struct SoftmaxBackwardArgs {
  Index N = 0, D = 0;
  Rows<const T> y;   // (N, D), as written by the forward
  Rows<const T> dy;  // (N, D)
  Rows<T> dx;        // (N, D), written; may be dy
  int threads = 1;
};

template <class T>
void softmax_forward(const SoftmaxForwardArgs<T>& args);
template <class T>
void softmax_backward(const SoftmaxBackwardArgs<T>& args);

}  // namespace seqfuse
