// Rows of a table by their numbers: forward copies them, backward adds to them. Bound by memory.
#pragma once

#include <algorithm>

#include "seqfuse/embedding.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

// Numbers that are copied in about 10 us: below that a second thread does not pay.
inline constexpr Index kEmbeddingWorthARegion = 65536;

template <class T>
void embedding_forward(const EmbeddingForwardArgs<T>& args) {
  const int threads = args.N * args.D < kEmbeddingWorthARegion ? 1 : args.threads;
  parallel::run(threads, [&](int thread, int team) {
    const Range share = share_of(args.N, thread, team);
    for (Index n = share.begin; n < share.end; ++n) std::copy_n(args.E.row(args.ids[n]), args.D, args.y.row(n));
  });
}

// forward: y[n] = E[ids[n]]   =>   dE[ids[n]] += dy[n]
// Threads share the columns, a cache line at least each: ids may repeat, and every row of dE is then a
// sum in the order of n whoever makes it.
template <class T>
void embedding_backward(const EmbeddingBackwardArgs<T>& args) {
  using V = Vec<T>;
  const Index lines = divide_up(args.D, kLine<T>);
  const int shares = static_cast<int>(std::clamp<Index>(lines, 1, args.threads));
  const int threads = args.N * args.D < kEmbeddingWorthARegion ? 1 : shares;
  parallel::run(threads, [&](int thread, int team) {
    const Range share = share_of(lines, thread, team);
    const Index begin = share.begin * kLine<T>, end = std::min(share.end * kLine<T>, args.D);
    for (Index n = 0; n < args.N; ++n) {
      const T* from = args.dy.row(n);
      T* to = args.dE.row(args.ids[n]);
      Index d = begin;
      for (; d + V::kSize <= end; d += V::kSize) (V::loadu(to + d) + V::loadu(from + d)).storeu(to + d);
      for (; d < end; ++d) to[d] += from[d];
    }
  });
}

}  // namespace seqfuse
