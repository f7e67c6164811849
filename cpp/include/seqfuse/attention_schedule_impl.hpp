// How attention is divided among threads.
//
// The work is divided by key heads. A key head is one pair (b, hk): its keys and values, and the queries of all query
// heads that attend to it. If there are many key heads, each thread computes whole key heads. If there are few, all
// threads work on one key head at a time and divide its query blocks (forward) or key blocks (backward). The order of
// every sum is fixed, so the results do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <atomic>

#include "seqfuse/attention.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse::attention {

struct Schedule {
  Index key_heads;     // B * Hk
  Index query_rows;    // per key head: Tq * group
  Index query_blocks;  // per key head
  parallel::Work work_per_query_block;
  int threads;
  bool shared;  // all threads work on one key head at a time

  // products: the number of matrix products per query block and key block, 2 in the forward and 5 in the backward.
  Schedule(const AttentionShape& shape, Index rows_per_block, Index products, int max_threads)
      : key_heads(shape.B * shape.Hk),
        query_rows(shape.Tq * shape.group()),
        query_blocks(divide_up(query_rows, rows_per_block)) {
    work_per_query_block = parallel::Work::multiply_adds(std::min(rows_per_block, query_rows)) * shape.Tk *
                           (shape.D + shape.Dv) * products / 2;
    const parallel::Work work_per_key_head = work_per_query_block * query_blocks;
    threads = parallel::threads_for(work_per_key_head * key_heads, max_threads);
    shared =
        query_blocks > 1 && (work_per_key_head > parallel::kBetweenChecks ||
                             (threads > 1 && key_heads < 4 * threads && work_per_key_head > parallel::kSharingPays));
  }

  // Calls f(key_head, thread) for every key head, each on one thread. Returns false if the call was cancelled.
  template <class F>
  bool for_each_key_head(const CancellationToken& cancellation, F&& f) const {
    return for_each(key_heads, work_per_query_block * query_blocks, cancellation, f);
  }

  // Calls f(i, thread) for i = 0 .. n - 1. Whenever a thread is free, it takes the next i in order. Checks for
  // cancellation between groups of calls. Returns false if the call was cancelled.
  template <class F>
  bool for_each(Index n, parallel::Work work_per_call, const CancellationToken& cancellation, F&& f) const {
    const Index calls_per_check = std::max<Index>(parallel::pieces_between_checks(work_per_call), threads);
    for (Index begin = 0; begin < n; begin += calls_per_check) {
      if (cancellation()) return false;
      const Index end = std::min(n, begin + calls_per_check);
      std::atomic<Index> next{begin};
      parallel::run(threads, [&](int thread, int) {
        for (Index i; (i = next.fetch_add(1, std::memory_order_relaxed)) < end;) f(i, thread);
      });
    }
    return true;
  }
};

}  // namespace seqfuse::attention
