// Who does what of attention: threads take whole key heads, or all share one after another. Never a part of a sum.
#pragma once

#include <algorithm>
#include <atomic>

#include "seqfuse/attention.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse::attention {

// A unit is one (b, hk): the keys of one head, and the rows of queries of the heads that attend to it.
struct Schedule {
  Index units, rows, blocks;     // rows of queries of a unit, and blocks of them
  parallel::Work work_of_block;  // of a block of queries
  int threads;
  bool shared;  // all threads work on one unit at a time

  // products: how many products of queries and keys a block takes; forward: 2.
  Schedule(const AttentionShape& shape, Index rows_of_block, Index products, int max_threads)
      : units(shape.B * shape.Hk), rows(shape.Tq * shape.group()), blocks(divide_up(rows, rows_of_block)) {
    work_of_block =
        parallel::Work::multiply_adds(std::min(rows_of_block, rows)) * shape.Tk * (shape.D + shape.Dv) * products / 2;
    const parallel::Work unit = work_of_block * blocks;
    threads = parallel::threads_for(unit * units, max_threads);
    shared = blocks > 1 &&
             (unit > parallel::kBetweenChecks || (threads > 1 && units < 4 * threads && unit > parallel::kSharingPays));
  }

  // Calls f(unit, thread) for every unit, on one thread each. False: stopped.
  template <class F>
  bool for_each_unit(const CancellationToken& cancellation, F&& f) const {
    return for_each(units, work_of_block * blocks, cancellation, f);
  }

  // Calls f(i, thread) for 0 .. n; a thread that is free takes the next one, in order. False: stopped.
  template <class F>
  bool for_each(Index n, parallel::Work work_of_one, const CancellationToken& cancellation, F&& f) const {
    const Index at_once = std::max<Index>(parallel::pieces_between_checks(work_of_one), threads);
    for (Index begin = 0; begin < n; begin += at_once) {
      if (cancellation()) return false;
      const Index end = std::min(n, begin + at_once);
      std::atomic<Index> next{begin};
      parallel::run(threads, [&](int thread, int) {
        for (Index i; (i = next.fetch_add(1, std::memory_order_relaxed)) < end;) f(i, thread);
      });
    }
    return true;
  }
};

}  // namespace seqfuse::attention
