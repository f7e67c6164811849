// What a caller of GELU and SiLU sees: functions of single numbers, and their gradients.
//
//     gelu(x) = x Phi(x)            Phi: the normal distribution function
//     gelu_tanh(x) = x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))
//     silu(x) = x sigmoid(x)
//
// At -inf all are 0, and slopes are 0 and 1 at the ends: what they tend to, not inf * 0.
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

enum class Pointwise { gelu, gelu_tanh, silu };

template <class T>
struct PointwiseArgs {
  Pointwise f{};
  Index n = 0;
  const T* x = nullptr;   // (n,)
  const T* dy = nullptr;  // (n,); backward
  T* out = nullptr;       // (n,): y, or dx in a backward; may be x or dy
  int threads = 1;
};

template <class T>
void pointwise_forward(const PointwiseArgs<T>& args);
template <class T>
void pointwise_backward(const PointwiseArgs<T>& args);

}  // namespace seqfuse
