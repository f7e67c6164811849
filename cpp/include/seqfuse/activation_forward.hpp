// Applies one activation function to an array, and optionally computes its derivative.
#pragma once

#include "seqfuse/cell_options.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

// Computes y (n,) = f(a (n,)) and slope (n,) = f'(a). `slope` may be null. `y` may be the same array as `a`; otherwise
// the arrays do not overlap.
template <class T>
struct ActivationArgs {
  Index n = 0;
  const T* a = nullptr;
  T* y = nullptr;
  T* slope = nullptr;
  Activation<T> f{};
  int threads = 1;
};

template <class T>
void activation_forward(const ActivationArgs<T>& args);

}  // namespace seqfuse
