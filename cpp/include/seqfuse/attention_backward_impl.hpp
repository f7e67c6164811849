// The backward of attention: key blocks are columns, and for each column its blocks of queries go by.
//
//     s, p      again, from the row's greatest score and the reciprocal of its sum      p = exp(s - high) / sum
//     dp        = dy v^T, through dropout
//     delta     = sum over dv of dy y = sum over keys of p dp, less the gradient of the log-sum-exp
//     ds        = p (dp - delta)                            gradient of the mask
//     da        = ds * scale * d(softcap)                   gradient of q . k
//     dv += (dropped p)^T dy     dk += da^T q               a column's own, in the second-level cache
//     dq += da k                                            over columns, from the first to the last
//
// Five products of 64 x 60 x D a pair of blocks, all on the tile of gemm.hpp: 5 D multiply-adds a pair of query and
// key at D = Dv, and about 20 operations in between: at D = 64 at most 0.94 of the multiply-add peak. Chains: over the
// keys of a block (dq), over the rows of a block of queries (dk, dv); blocks are added in order. With several threads
// on one head a thread has columns of its own, and before it adds to the dq of a block of queries it waits for the
// thread that has the column before: a wave that runs down the columns, and the same sums for any number of threads.
#pragma once

#include <vector>

#include "seqfuse/attention_backward_pair_impl.hpp"
#include "seqfuse/attention_schedule_impl.hpp"

namespace seqfuse {

template <class T>
bool attention_backward(const AttentionBackwardArgs<T>& args) {
  using namespace attention;
  const parallel::FlushDenormals flush;
  const AttentionShape& shape = args.shape;
  const Schedule plan(shape, kGradientRows, 5, args.threads);
  const auto some = static_cast<std::size_t>(plan.shared ? 1 : plan.threads);
  std::vector<GradientRows<T>> rows;
  std::vector<BackwardWork<T>> work;
  for (std::size_t i = 0; i < some; ++i) rows.emplace_back(args, plan.rows);
  for (int i = 0; i < plan.threads; ++i) work.emplace_back(args);

  const auto columns_of = [&](Index unit) { return divide_up(args.options.interval.limit(unit / shape.Hk), kKeys); };
  if (!plan.shared)
    return plan.for_each_unit(args.cancellation, [&](Index unit, int thread) {
      const auto at = static_cast<std::size_t>(thread);
      rows[at].begin(unit / shape.Hk, unit % shape.Hk);
      for (Index block = 0; block < plan.blocks; ++block) rows[at].prepare(block);
      for (Index column = 0; column < columns_of(unit); ++column) work[at].run(rows[at], column);
      for (Index block = 0; block < plan.blocks; ++block) rows[at].store(block);
    });
  for (Index unit = 0; unit < plan.units; ++unit) {
    rows[0].begin(unit / shape.Hk, unit % shape.Hk);
    const auto each_block = [&](auto&& f) {
      parallel::run(plan.threads, [&](int thread, int team) {
        const Range share = share_of(plan.blocks, thread, team);
        for (Index block = share.begin; block < share.end; ++block) f(block);
      });
    };
    each_block([&](Index block) { rows[0].prepare(block); });
    const parallel::Work work_of_column = plan.work_of_block * plan.blocks / std::max<Index>(columns_of(unit), 1);
    if (!plan.for_each(columns_of(unit), work_of_column, args.cancellation,
                       [&](Index column, int thread) { work[static_cast<std::size_t>(thread)].run(rows[0], column); }))
      return false;
    each_block([&](Index block) { rows[0].store(block); });
  }
  return true;
}

}  // namespace seqfuse
