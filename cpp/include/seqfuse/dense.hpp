// y = x W + b and its gradients, through the project's own product.
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

// y (N, O) = b (O,) + x (N, I) W (I, O); b may be none.
template <class T>
struct DenseForwardArgs {
  Index N = 0, I = 0, O = 0;
  Rows<const T> x, W;
  const T* b = nullptr;
  Rows<T> y;
  int threads = 1;
};

// dx (N, I) = dy W^T, overwritten, may be none; dW (I, O) += x^T dy; db (O,) += sum of dy, may be none.
template <class T>
struct DenseBackwardArgs {
  Index N = 0, I = 0, O = 0;
  Rows<const T> x, W, dy;
  Rows<T> dx, dW;
  T* db = nullptr;
  int threads = 1;
};

template <class T>
void dense_forward(const DenseForwardArgs<T>& args);
template <class T>
void dense_backward(const DenseBackwardArgs<T>& args);

}  // namespace seqfuse
