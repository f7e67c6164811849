// Embedding: the forward copies rows of a table, the backward adds gradients to them. The speed of both is limited by
// memory bandwidth.
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
    const Range part = share_of(args.N, thread, team);
    for (Index n = part.begin; n < part.end; ++n) std::copy_n(args.E.row(args.ids[n]), args.D, args.y.row(n));
  });
}

// forward: y[n] = E[ids[n]]   =>   dE[ids[n]] += dy[n]
//
// Each thread owns a range of the rows of dE, so every row is summed in the order of n for any number of threads. The
// ranges are cut at quantiles of a sample of the ids, so that they receive about the same number of gradients.
// Dividing the columns of dE is slower: if rows do not begin on a cache line, threads share cache lines, and two
// threads took five times as long as one.
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
    const auto first_row = [&](int part) {
      return sample[static_cast<std::size_t>(std::min(share_of(kSample, part, team).begin, kSample - 1))];
    };
    const std::int64_t begin = thread == 0 ? Limits::min() : first_row(thread);
    const std::int64_t end = thread == team - 1 ? Limits::max() : first_row(thread + 1);
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
