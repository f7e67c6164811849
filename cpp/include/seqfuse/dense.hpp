// y = x W + b and its gradients, through the project's own product.
#pragma once

#include "seqfuse/cancellation_token.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

// y (N, O) = b (O,) + x (N, I) W (I, O), or with `add` y + x W; b may be none.
template <class T>
struct DenseForwardArgs {
  Index N = 0, I = 0, O = 0;
  Rows<const T> x, W;
  const T* b = nullptr;
  Rows<T> y;
  bool add = false;
  int threads = 1;
  CancellationToken cancellation;
};

// dx (N, I) = dy W^T, overwritten, may be none; dW (I, O) += x^T dy; db (O,) += sum of dy, may be none.
template <class T>
struct DenseBackwardArgs {
  Index N = 0, I = 0, O = 0;
  Rows<const T> x, W, dy;
  Rows<T> dx, dW;
  T* db = nullptr;
  bool accumulate = false;  // dW and db hold something, and stay as they are when the call is stopped
  int threads = 1;
  CancellationToken cancellation;
};

// False: stopped.
template <class T>
bool dense_forward(const DenseForwardArgs<T>& args);
template <class T>
bool dense_backward(const DenseBackwardArgs<T>& args);

}  // namespace seqfuse
