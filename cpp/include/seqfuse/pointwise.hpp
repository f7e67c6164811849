// GELU (Hendrycks and Gimpel 2016, arXiv:1606.08415) and SiLU of single numbers: arguments and functions.
//
//     gelu(x)      = x * Phi(x)                                                   Phi: normal distribution function
//     gelu_tanh(x) = x * sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x^3))
//     silu(x)      = x * sigmoid(x)
//
// At -inf all functions and slopes are 0, and at inf all slopes are 1: the limits, and not NaN from inf * 0.
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

enum class Pointwise { gelu, gelu_tanh, silu };

template <class T>
struct PointwiseArgs {
  Pointwise f{};
  Index n = 0;
  const T* x = nullptr;   // (n,)
  const T* dy = nullptr;  // (n,); not used in the forward
  T* out = nullptr;       // (n,), written: y, or dx in the backward; may be x or dy
  int threads = 1;
};

template <class T>
void pointwise_forward(const PointwiseArgs<T>& args);
template <class T>
void pointwise_backward(const PointwiseArgs<T>& args);

}  // namespace seqfuse
