// Adam in one pass over its four arrays: four reads and three writes of memory a parameter.
//
//     g = grads * grad_scale
//     m = m + (g - m) * (1 - beta_1)
//     v = v + (g*g - v) * (1 - beta_2)
//     params = params - m * alpha / (sqrt(v) + epsilon)
//     alpha = learning_rate * sqrt(1 - beta_2^step) / (1 - beta_1^step)
#pragma once

#include <algorithm>
#include <cmath>

#include "seqfuse/adam.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

template <class T>
void adam_update(const AdamArgs<T>& args) {
  using V = Vec<T>;
  // Parameters that are updated in about 10 us: below that a second thread does not pay.
  constexpr Index kWorthARegion = 32768;

  const auto step = static_cast<double>(args.step);
  const double alpha =
      args.learning_rate * std::sqrt(1.0 - std::pow(args.beta_2, step)) / (1.0 - std::pow(args.beta_1, step));
  const auto all = [](double x) { return V::all(static_cast<T>(x)); };
  const V a = all(alpha), epsilon = all(args.epsilon), scale = all(args.grad_scale);
  const V new_m = all(1.0 - args.beta_1), new_v = all(1.0 - args.beta_2);

  parallel::run(args.n < kWorthARegion ? 1 : args.threads, [&](int thread, int team) {
    const Range share = share_of(divide_up(args.n, kLine<T>), thread, team);
    const Index end = std::min(share.end * kLine<T>, args.n);
    for (Index i = share.begin * kLine<T>; i < end; i += V::kSize) {
      const Index n = end - i;
      const V g = V::load_first(args.grads + i, n) * scale;
      const V m_old = V::load_first(args.m + i, n), v_old = V::load_first(args.v + i, n);
      const V m = madd(g - m_old, new_m, m_old);
      const V v = madd(g * g - v_old, new_v, v_old);
      m.store_first(args.m + i, n);
      v.store_first(args.v + i, n);
      (V::load_first(args.params + i, n) - m * a / (sqrt(v) + epsilon)).store_first(args.params + i, n);
    }
  });
}

}  // namespace seqfuse
