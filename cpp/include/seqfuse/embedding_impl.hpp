// Embedding: the forward copies rows of a table, the backward adds gradients to them. The speed of both is limited by
// memory bandwidth.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>

#include "seqfuse/embedding.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

namespace detail {

// Returns ids[n], limited to [0, V). The caller has checked the ids, but another thread of the program may have changed
// them since then. A single read makes sure that the id that is used is the one that is limited.
inline Index id_at(const std::int64_t* ids, Index n, Index V) {
  return std::clamp<std::int64_t>(__atomic_load_n(ids + n, __ATOMIC_RELAXED), 0, V - 1);
}

// Adds x (D,) to sum (D,). They must not overlap.
template <class T>
void add_row(const T* x, Index D, T* sum) {
  using V = Vec<T>;
  Index d = 0;
  for (; d + V::kSize <= D; d += V::kSize) (V::loadu(sum + d) + V::loadu(x + d)).storeu(sum + d);
  for (; d < D; ++d) sum[d] += x[d];
}

// The gradients of a row that are summed in one chain, as kSumBlock of gemm.hpp.
inline constexpr Index kTermsPerChain = 64;

// The sums of rows that receive many gradients, in blocks of blocks: level 0 sums kTermsPerChain gradients, and each
// further level as many sums of the level before. With a single chain, 4,000,000 gradients of 0.1 in float would have a
// sum that is 4 % too small.
template <class T>
class BlockSums {
 public:
  // Allocates the memory for all rows that can receive more than kTermsPerChain of N gradients. Pages are used only for
  // rows that do.
  BlockSums(Index N, Index D)
      : D_(D), count_(N / (kTermsPerChain + 1)), levels_(checked_product({count_.size(), kLevels, D})) {}

  // Reserves the sum of one more row and returns its number. Threads may call it at the same time.
  Index reserve() {
    const Index row = rows_++;
    count_[row] = 0;
    std::fill_n(level(row, 0), kLevels * D_, T(0));
    return row;
  }

  // Adds x (D,) to the sum of a row, and completed sums of the last level to `total` (D,).
  void add(Index row, const T* x, T* total) {
    add_row(x, D_, level(row, 0));
    Index terms = ++count_[row];
    for (int l = 0; l < kLevels && terms % kTermsPerChain == 0; ++l, terms /= kTermsPerChain) carry(row, l, total);
  }

  // Adds the incomplete sums of all levels to `total`.
  void finish(Index row, T* total) {
    for (int l = 0; l < kLevels; ++l) carry(row, l, total);
  }

 private:
  static constexpr int kLevels = 3;

  T* level(Index row, int l) { return levels_.data() + (row * kLevels + l) * D_; }
  void carry(Index row, int l, T* total) {
    add_row<T>(level(row, l), D_, l + 1 < kLevels ? level(row, l + 1) : total);
    std::fill_n(level(row, l), D_, T(0));
  }

  Index D_;
  std::atomic<Index> rows_{0};
  Buffer<Index> count_;  // of each row: the number of gradients
  Buffer<T> levels_;     // (rows, kLevels, D)
};

}  // namespace detail

template <class T>
void embedding_forward(const EmbeddingForwardArgs<T>& args) {
  const int threads = parallel::threads_for(parallel::Work::moves(args.N * args.D), args.threads);
  parallel::run(threads, [&](int thread, int team) {
    const Range part = share_of(args.N, thread, team);
    for (Index n = part.begin; n < part.end; ++n)
      std::copy_n(args.E.row(detail::id_at(args.ids, n, args.V)), args.D, args.y.row(n));
  });
}

// forward: y[n] = E[ids[n]]   =>   dE[ids[n]] += dy[n]
//
// Each thread owns a range of the rows of dE, so every row is summed in the order of n for any number of threads. The
// first kTermsPerChain gradients of a row are added to dE directly, the others by BlockSums. The ranges are cut at
// quantiles of a sample of the ids, so that they receive about the same number of gradients. Dividing the columns of dE
// is slower: if rows do not begin on a cache line, threads share cache lines, and two threads took five times as long as
// one.
template <class T>
void embedding_backward(const EmbeddingBackwardArgs<T>& args) {
  constexpr Index kSample = 256;
  const int threads = parallel::threads_for(parallel::Work::moves(args.N * args.D), args.threads);
  const auto id_at = [&](Index n) { return detail::id_at(args.ids, n, args.V); };
  std::array<Index, kSample> sample{};
  if (threads > 1) {
    for (Index i = 0; i < kSample; ++i) sample[static_cast<std::size_t>(i)] = id_at(i * args.N / kSample);
    std::sort(sample.begin(), sample.end());
  }
  detail::BlockSums<T> sums(args.N, args.D);
  Buffer<Index> state(args.V);  // of each row: the number of gradients or, above kTermsPerChain, -1 - its row in `sums`
  state.fill_zero();
  parallel::run(threads, [&](int thread, int team) {
    const auto first_row = [&](int part) {
      if (part == 0) return Index(0);
      return part == team ? args.V : sample[static_cast<std::size_t>(share_of(kSample, part, team).begin)];
    };
    const Index begin = first_row(thread), end = first_row(thread + 1);
    for (Index n = 0; n < args.N; ++n) {
      const Index id = id_at(n);
      if (id < begin || id >= end) continue;
      T* total = args.dE.row(id);
      if (state[id] == detail::kTermsPerChain) state[id] = -1 - sums.reserve();
      if (state[id] < 0) {
        sums.add(-1 - state[id], args.dy.row(n), total);
      } else {
        detail::add_row<T>(args.dy.row(n), args.D, total);
        ++state[id];
      }
    }
    if (args.N > detail::kTermsPerChain)
      for (Index id = begin; id < end; ++id)
        if (state[id] < 0) sums.finish(-1 - state[id], args.dE.row(id));
  });
}

}  // namespace seqfuse
