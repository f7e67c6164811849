// Rows of a table by their numbers: forward copies them, backward adds to them. Bound by memory.
#pragma once

#include <algorithm>
#include <array>
#include <limits>

#include "seqfuse/embedding.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

template <class T>
void embedding_forward(const EmbeddingForwardArgs<T>& args) {
  const int threads = parallel::threads_for(parallel::Work::moves(args.N * args.D), args.threads);
  parallel::run(threads, [&](int thread, int team) {
    const Range share = share_of(args.N, thread, team);
    for (Index n = share.begin; n < share.end; ++n) std::copy_n(args.E.row(args.ids[n]), args.D, args.y.row(n));
  });
}

// forward: y[n] = E[ids[n]]   =>   dE[ids[n]] += dy[n]
// Threads share the rows of dE, so that each row is a sum in the order of n whoever makes it; ranges of rows, cut
// where a sample of ids says that equally many fall into each. (Shares of columns have cache lines in common where
// rows do not begin on one: two threads took five times as long as one.)
template <class T>
void embedding_backward(const EmbeddingBackwardArgs<T>& args) {
  using V = Vec<T>;
  constexpr Index kSample = 256;
  const int threads = parallel::threads_for(parallel::Work::moves(args.N * args.D), args.threads);
  std::array<std::int64_t, kSample> sample{};
  if (threads > 1) {
    for (Index i = 0; i < kSample; ++i) sample[static_cast<std::size_t>(i)] = args.ids[i * args.N / kSample];
    std::sort(sample.begin(), sample.end());
  }
  parallel::run(threads, [&](int thread, int team) {
    using Limits = std::numeric_limits<std::int64_t>;
    const auto cut = [&](int part) {
      return sample[static_cast<std::size_t>(std::min(share_of(kSample, part, team).begin, kSample - 1))];
    };
    const std::int64_t begin = thread == 0 ? Limits::min() : cut(thread);
    const std::int64_t end = thread == team - 1 ? Limits::max() : cut(thread + 1);
    for (Index n = 0; n < args.N; ++n) {
      if (args.ids[n] < begin || args.ids[n] >= end) continue;
      const T* from = args.dy.row(n);
      T* to = args.dE.row(args.ids[n]);
      Index d = 0;
      for (; d + V::kSize <= args.D; d += V::kSize) (V::loadu(to + d) + V::loadu(from + d)).storeu(to + d);
      for (; d < args.D; ++d) to[d] += from[d];
    }
  });
}

}  // namespace seqfuse
