// What a caller of Adam sees: one update of a run of parameters, in place.
//
// Kingma and Ba 2015, arXiv:1412.6980, in the order of its section 2's last paragraph, as Keras 3 does.
#pragma once

#include <cstdint>

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct AdamArgs {
  Index n = 0;
  T* params = nullptr;       // (n,), updated
  const T* grads = nullptr;  // (n,)
  T* m = nullptr;            // (n,), updated: mean of the gradients
  T* v = nullptr;            // (n,), updated: mean of their squares
  std::int64_t step = 1;     // counts from 1
  double learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  double grad_scale = 1;  // multiplies grads first
  int threads = 1;
};

template <class T>
void adam_update(const AdamArgs<T>& args);

}  // namespace seqfuse
