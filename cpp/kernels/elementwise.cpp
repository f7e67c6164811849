// Every elementary function over an array; packets and the tail take the same operations.
#include "seqfuse/elementwise.hpp"

#include "seqfuse/parallel.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

namespace {

template <class T, class F>
void over(const T* x, T* out, Index n, F&& f) {
  using V = Vec<T>;
  for (Index i = 0; i < n; i += V::kSize) f(V::load_first(x + i, n - i)).store_first(out + i, n - i);
}

}  // namespace

template <class T>
void elementwise(Elementary f, const T* x, T* out, Index n) {
  using V = Vec<T>;
  parallel::run(1, [&](int, int) {
    switch (f) {
      case Elementary::kExp: return over(x, out, n, [](V v) { return exp(v); });
      case Elementary::kTanh: return over(x, out, n, [](V v) { return tanh(v); });
      case Elementary::kSigmoid: return over(x, out, n, [](V v) { return sigmoid(v); });
    }
  });
}

template void elementwise<float>(Elementary, const float*, float*, Index);
template void elementwise<double>(Elementary, const double*, double*, Index);

}  // namespace seqfuse
