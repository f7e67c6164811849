// What a caller of an activation sees: a function over a run of numbers, and its slopes.
#pragma once

#include "seqfuse/cell_options.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

// y (n,) = f(a (n,)); slope (n,) = f'(a), may be none. y may be a.
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
