// Elementwise activation. Makes one pass over the array, packet by packet.
//
// Cost: tanh, sigmoid, softplus and elu are limited by arithmetic, the other functions by memory bandwidth.
#pragma once

#include <algorithm>

#include "seqfuse/activation.hpp"
#include "seqfuse/activation_forward.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse {

template <class T>
void activation_forward(const ActivationArgs<T>& args) {
  using V = Vec<T>;
  const auto work = parallel::Work::updates(args.n);
  parallel::run(parallel::threads_for(work, args.threads), [&](int thread, int team) {
    const Range share = share_of(divide_up(args.n, kLine<T>), thread, team);
    const Index end = std::min(share.end * kLine<T>, args.n);
    for (Index i = share.begin * kLine<T>; i < end; i += V::kSize) {
      V slope;
      activate(args.f, V::load_first(args.a + i, end - i), slope).store_first(args.y + i, end - i);
      if (args.slope != nullptr) slope.store_first(args.slope + i, end - i);
    }
  });
}

}  // namespace seqfuse
