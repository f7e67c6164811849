// Dense layer y = x W + b, and its gradients.
#pragma once

#include "seqfuse/cancellation_token.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

// Computes y (N, O) = x (N, I) W (I, O) + b (O,). With `add`, computes y += x W + b. `b` may be null. `y` does not
// overlap the inputs.
template <class T>
struct DenseForwardArgs {
  Index N = 0, I = 0, O = 0;
  Rows<const T> x;
  Matrix<const T> W;
  const T* b = nullptr;
  Rows<T> y;
  bool add = false;
  int threads = 1;
  CancellationToken cancellation;
};

// forward: y = x W + b   =>   dx (N, I) = dy W^T,  dW (I, O) += x^T dy,  db (O,) += sum over rows of dy (N, O)
//
// `dx` is overwritten. `dx` and `db` may be null. The outputs do not overlap the inputs.
template <class T>
struct DenseBackwardArgs {
  Index N = 0, I = 0, O = 0;
  Rows<const T> x;
  Matrix<const T> W;
  Rows<const T> dy;
  Rows<T> dx, dW;
  T* db = nullptr;
  bool accumulate = false;  // dW and db contain earlier gradients. If the call is cancelled, they keep their values.
  int threads = 1;
  CancellationToken cancellation;
};

// Both functions return false if the call was cancelled.
template <class T>
bool dense_forward(const DenseForwardArgs<T>& args);
template <class T>
bool dense_backward(const DenseBackwardArgs<T>& args);

}  // namespace seqfuse
