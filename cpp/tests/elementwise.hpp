// Applies an elementary function to an array, with denormals flushed as in a kernel.
#pragma once

#include "seqfuse/parallel.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

enum class Elementary { kExp, kTanh, kSigmoid };

template <class T, class F>
void over(const T* x, T* out, Index n, F&& f) {
  using V = Vec<T>;
  for (Index i = 0; i < n; i += V::kSize) f(V::load_first(x + i, n - i)).store_first(out + i, n - i);
}

template <class T>
void elementwise(Elementary f, const T* x, T* out, Index n) {
  using V = Vec<T>;
  parallel::run(1, [&](int, int) {
    switch (f) {
      case Elementary::kExp:
        return over(x, out, n, [](V v) { return exp(v); });
      case Elementary::kTanh:
        return over(x, out, n, [](V v) { return tanh(v); });
      case Elementary::kSigmoid:
        return over(x, out, n, [](V v) { return sigmoid(v); });
    }
  });
}

}  // namespace seqfuse
