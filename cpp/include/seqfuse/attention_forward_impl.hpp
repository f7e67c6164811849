// Attention forward: for each query block, go over its key blocks and compute scores, online softmax and outputs.
//
// A register tile computes the scores of a few query rows with the 64 keys of a key block. The scores become weights
// in the first-level cache, and are multiplied by the values of the block there.
//
// Cost: 2 * (D + Dv) floating-point operations in multiply-adds per query and key, and about 20 in the softmax, which
// uses the same execution ports. At D = Dv = 64 at most 0.87 of the multiply-add peak remains. Memory bandwidth is no
// limit with a few queries or more. A single query is limited by reading keys and values.
//
// Memory: the packed keys and values of one key head, O(Tk), per thread; or once, if all threads share a key head.
#pragma once

#include <vector>

#include "seqfuse/attention_schedule_impl.hpp"
#include "seqfuse/attention_scores_impl.hpp"
#include "seqfuse/softmax.hpp"

namespace seqfuse {

namespace attention {

// Rows of a query block of the forward: 8 register tiles of 6 rows, or 16 of 3.
inline constexpr int kForwardRows = 48;

// Computes one query block at a time. Each thread has its own.
template <class T>
class QueryBlockForward {
 public:
  using V = Vec<T>;

  explicit QueryBlockForward(const AttentionForwardArgs<T>& args)
      : args_(args),
        scores_(args.options, args.shape.D),
        padded_(padded<T>(args.shape.Dv)),
        y_(kForwardRows * padded_),
        s_(kForwardRows * kKeys) {}

  // Computes the query rows `rows` of key head (b, hk). get_key_block(j) returns its key block j.
  template <class GetKeyBlock>
  void run(Index b, Index hk, Range rows, GetKeyBlock&& get_key_block) {
    begin(b, hk, rows);
    const Range blocks = key_block_range(union_of_keys(queries_.keys, rows.size()));
    for (Index block = blocks.begin; block < blocks.end; ++block) add_key_block(block, get_key_block(block));
    finish();
  }

 private:
  [[gnu::noinline]] void begin(Index b, Index hk, Range rows) {
    queries_.set(args_.shape, args_.options.interval, args_.q, b, hk, rows);
    softmax_.reset(rows.size());
    const auto tiles = static_cast<int>(divide_up(rows.size(), kTileRows));
    for (int t = 0; t < tiles; ++t) tiles_[t].rows = share_of(rows.size(), t, tiles);
    std::fill_n(y_.data(), rows.size() * padded_, T(0));
  }

  // Adds one key block to all rows: first the scores of all tiles, then their softmax, then their outputs. Each of
  // the three passes finds its input in the first-level cache, and no product waits for the softmax of its own tile.
  [[gnu::noinline]] void add_key_block(Index block, const KeyBlock<T>& keys) {
    const Index first_key = block * kKeys, tiles = divide_up(queries_.rows, kTileRows);
    for (Index t = 0; t < tiles; ++t) {
      ScoreTile& tile = tiles_[t];
      const Range rows = tile.rows;
      tile = make_score_tile(queries_, rows, first_key, static_cast<bool>(args_.options.mask));
      V* max_lanes = max_lanes_ + rows.begin;
      if (tile.keys.empty())
        std::fill_n(max_lanes, rows.size(), V::all(RunningSoftmax<T, kForwardRows>::kNone));
      else
        scores_.compute(queries_, keys, first_key, tile, s_.data() + rows.begin * kKeys, max_lanes, nullptr);
    }
    softmax_.update_max(queries_.rows, max_lanes_);
    for (Index t = 0; t < tiles; ++t)
      if (!tiles_[t].keys.empty())
        for (Index r = tiles_[t].rows.begin; r < tiles_[t].rows.end; ++r)
          softmax_.exponentiate(r, s_.data() + r * kKeys, tiles_[t].keys);
    if (args_.options.dropout > 0) apply_dropout(first_key);
    for (Index t = 0; t < tiles; ++t)
      if (tiles_[t].keys.empty())
        continue;
      else if (tiles_[t].full || keys.finite)
        add_values(tiles_[t], keys.values);
      else
        add_allowed_values(first_key, tiles_[t], keys.values);
  }

  void apply_dropout(Index first_key) {
    alignas(kAlignment) T factors[kKeys];
    for (Index r = 0; r < queries_.rows; ++r) {
      dropout_factors(args_.options, queries_.b, queries_.head[r], queries_.query[r], first_key, factors);
      for (Index j = 0; j < kKeys; ++j) s_[r * kKeys + j] *= factors[j];
    }
  }

  // y = rescale * y + p v. The sum over the keys of a block starts from zero.
  void add_values(const ScoreTile& tile, const T* values) {
    const T* rows[kTileRows];
    const Index count = tile.rows.size(), K = tile.keys.size();
    for (Index r = 0; r < count; ++r) rows[r] = s_.data() + (tile.rows.begin + r) * kKeys + tile.keys.begin;
    for (Index i = 0; i < padded_; i += kPanelKeys<T>) {
      multiply<T>(
          count, std::min<Index>((padded_ - i) / V::kSize, gemm::kPanelPackets), gemm::RowTerms<T>{rows, K},
          values + tile.keys.begin * padded_ + i, padded_,
          Target<T>::sums(y_.data() + tile.rows.begin * padded_ + i, padded_, softmax_.rescale + tile.rows.begin));
    }
  }

  // The same as add_values, but skips excluded keys, for values that may be NaN or infinite: 0 * value would be NaN.
  void add_allowed_values(Index first_key, const ScoreTile& tile, const T* values) {
    for (Index r = tile.rows.begin; r < tile.rows.end; ++r)
      for (Index i = 0; i < padded_; i += V::kSize) {
        V sum = V::zero();
        for (Index j = tile.keys.begin; j < tile.keys.end; ++j)
          if (may_attend(args_.options, queries_, r, first_key + j))
            sum = madd(V::all(s_[r * kKeys + j]), V::loadu(values + j * padded_ + i), sum);
        T* y = y_.data() + r * padded_ + i;
        madd(V::load(y), V::all(softmax_.rescale[r]), sum).store(y);
      }
  }

  [[gnu::noinline]] void finish() {
    for (Index r = 0; r < queries_.rows; ++r) {
      const T inv_sum = softmax_.inv_sum(r);
      const Index at = queries_.row_index(args_.shape, r);
      if (args_.row_max_out != nullptr) args_.row_max_out[at] = softmax_.row_max[r];
      if (args_.inv_sum_out != nullptr) args_.inv_sum_out[at] = inv_sum;
      if (args_.lse_out != nullptr)
        args_.lse_out[at] = inv_sum == T(0) ? softmax_.row_max[r] : softmax_.row_max[r] - std::log(inv_sum);
      T* y = args_.y.at(queries_.b, queries_.head[r], queries_.query[r]);
      for (Index i = 0; i < args_.shape.Dv; i += V::kSize)
        (V::load(y_.data() + r * padded_ + i) * V::all(inv_sum)).store_first(y + i, args_.shape.Dv - i);
    }
  }

  const AttentionForwardArgs<T>& args_;
  Scores<T, kForwardRows> scores_;
  Index padded_;  // Dv
  Buffer<T> y_;   // (kForwardRows, padded Dv): sums of exp(score - row_max) * v, divided by the sums in finish()
  Buffer<T> s_;   // (kForwardRows, kKeys): scores, then weights
  RunningSoftmax<T, kForwardRows> softmax_;
  ScoreTile tiles_[kForwardRows];
  V max_lanes_[kForwardRows];  // the largest lane of each is the maximum of a row in the current key block
  QueryBlock<T, kForwardRows> queries_;
};

// Computes attention by a schedule, with key blocks from the caller.
//
// prepare(key_head, storage, thread, team) is called on each thread that works on a key head, before its query
// blocks: it may pack the part `thread` of `team` of the key blocks. get_key_block(key_head, storage, block) returns
// a key block. `storage` is the thread index if threads compute whole key heads, and 0 if all threads share one.
template <class T, class Prepare, class GetKeyBlock>
bool run_attention(const AttentionForwardArgs<T>& args, const Schedule& plan, Prepare&& prepare,
                   GetKeyBlock&& get_key_block) {
  std::vector<QueryBlockForward<T>> forwards;
  for (int i = 0; i < plan.threads; ++i) forwards.emplace_back(args);
  const auto run = [&](Index key_head, Index block, int thread, int storage) {
    const Index first = block * kForwardRows;
    forwards[static_cast<std::size_t>(thread)].run(
        key_head / args.shape.Hk, key_head % args.shape.Hk, {first, std::min(first + kForwardRows, plan.query_rows)},
        [&](Index key_block) { return get_key_block(key_head, storage, key_block); });
  };
  if (!plan.shared)
    return plan.for_each_key_head(args.cancellation, [&](Index key_head, int thread) {
      prepare(key_head, thread, 0, 1);
      for (Index block = 0; block < plan.query_blocks; ++block) run(key_head, block, thread, thread);
    });
  for (Index key_head = 0; key_head < plan.key_heads; ++key_head) {
    parallel::run(plan.threads, [&](int thread, int team) { prepare(key_head, 0, thread, team); });
    // Starts with the last query block. With a causal mask later blocks have more keys, and the short blocks at the
    // end balance the load of the threads.
    if (!plan.for_each(plan.query_blocks, plan.work_per_query_block, args.cancellation,
                       [&](Index i, int thread) { run(key_head, plan.query_blocks - 1 - i, thread, 0); }))
      return false;
  }
  return true;
}

}  // namespace attention

template <class T>
bool attention_forward(const AttentionForwardArgs<T>& args) {
  using namespace attention;
  const parallel::FlushDenormals flush;
  const AttentionShape& shape = args.shape;
  const Schedule plan(shape, kForwardRows, 2, args.threads);
  // A single query block packs each key block just before it reads it. Several query blocks share all key blocks of a
  // key head, which are packed first.
  const bool pack_on_demand = plan.query_blocks <= 1;
  std::vector<KeyBlocks<T>> packed;
  for (int i = 0; i < (plan.shared ? 1 : plan.threads); ++i)
    packed.emplace_back(pack_on_demand ? 1 : divide_up(shape.Tk, kKeys), shape.D, shape.Dv);
  const auto pack = [&](Index key_head, int storage, Index block, Index slot) {
    const Index b = key_head / shape.Hk;
    packed[static_cast<std::size_t>(storage)].pack(slot, args.k, args.v, b, key_head % shape.Hk, block,
                                                   args.options.interval.limit(b), args.options.keys_depend_on_query());
  };
  return run_attention(
      args, plan,
      [&](Index key_head, int storage, int thread, int team) {
        const Index blocks = divide_up(args.options.interval.limit(key_head / shape.Hk), kKeys);
        const Range part = pack_on_demand ? Range{} : share_of(blocks, thread, team);
        for (Index block = part.begin; block < part.end; ++block) pack(key_head, storage, block, block);
      },
      [&](Index key_head, int storage, Index block) {
        if (pack_on_demand) pack(key_head, storage, block, 0);
        return packed[static_cast<std::size_t>(storage)][pack_on_demand ? 0 : block];
      });
}

}  // namespace seqfuse
