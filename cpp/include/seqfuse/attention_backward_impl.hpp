// Attention backward: for each key block, go over the query blocks that may attend to it.
//
//     s, p     recomputed with row_max and inv_sum from the forward: p = exp(s - row_max) * inv_sum
//     dp     = dropout(dy v^T)
//     delta  = sum over features of dy * y - dlse                 (equals sum over keys of p * dp, minus dlse)
//     ds     = p * (dp - delta)                                   gradient of the mask
//     da     = ds * score_scale * (derivative of the softcap)     gradient of q . k
//     dv    += dropout(p)^T dy,  dk += da^T q                     accumulated in the second-level cache
//     dq    += da k                                               accumulated over key blocks, first to last
//
// Cost: five products of 60 x 64 x D per query block and key block, all with the register tile of gemm.hpp. With
// D = Dv that is 5 * D multiply-adds per query and key, and about 20 other operations. At D = 64 at most 0.94 of the
// multiply-add peak remains.
//
// Order of the sums: dq is summed over the keys of a key block, dk and dv over the rows of a query block; then blocks
// are added in order. If several threads share a key head, each computes its own key blocks. Before a thread adds to
// the dq of a query block, it waits for the thread with the previous key block. So the sums are the same for any
// number of threads.
#pragma once

#include <vector>

#include "seqfuse/attention_backward_key_block_impl.hpp"
#include "seqfuse/attention_schedule_impl.hpp"

namespace seqfuse {

template <class T>
bool attention_backward(const AttentionBackwardArgs<T>& args) {
  using namespace attention;
  const parallel::FlushDenormals flush;
  const AttentionShape& shape = args.shape;
  const Schedule plan(shape, kBackwardRows, 5, args.threads);
  const auto key_heads_at_once = static_cast<std::size_t>(plan.shared ? 1 : plan.threads);
  std::vector<BackwardQueries<T>> queries;
  std::vector<KeyBlockBackward<T>> backwards;
  for (std::size_t i = 0; i < key_heads_at_once; ++i) queries.emplace_back(args, plan.query_rows);
  for (int i = 0; i < plan.threads; ++i) backwards.emplace_back(args);

  const auto key_blocks = [&](Index key_head) {
    return divide_up(args.options.interval.limit(key_head / shape.Hk), kKeys);
  };
  if (!plan.shared)
    return plan.for_each_key_head(args.cancellation, [&](Index key_head, int thread) {
      const auto at = static_cast<std::size_t>(thread);
      queries[at].set_key_head(key_head / shape.Hk, key_head % shape.Hk);
      for (Index block = 0; block < plan.query_blocks; ++block) queries[at].prepare(block);
      for (Index block = 0; block < key_blocks(key_head); ++block) backwards[at].run(queries[at], block);
      for (Index block = 0; block < plan.query_blocks; ++block) queries[at].store(block);
    });
  for (Index key_head = 0; key_head < plan.key_heads; ++key_head) {
    queries[0].set_key_head(key_head / shape.Hk, key_head % shape.Hk);
    const auto for_each_query_block = [&](auto&& f) {
      parallel::run(plan.threads, [&](int thread, int team) {
        const Range part = share_of(plan.query_blocks, thread, team);
        for (Index block = part.begin; block < part.end; ++block) f(block);
      });
    };
    for_each_query_block([&](Index block) { queries[0].prepare(block); });
    const parallel::Work work_per_key_block =
        plan.work_per_query_block * plan.query_blocks / std::max<Index>(key_blocks(key_head), 1);
    if (!plan.for_each(key_blocks(key_head), work_per_key_block, args.cancellation, [&](Index block, int thread) {
          backwards[static_cast<std::size_t>(thread)].run(queries[0], block);
        }))
      return false;
    for_each_query_block([&](Index block) { queries[0].store(block); });
  }
  return true;
}

}  // namespace seqfuse
