// The forward of attention: for each block of queries, over the key blocks that it reaches, scores, softmax and output.
//
// Scores of a tile of rows with a block's 64 keys are made in registers, become weights in the first-level cache, and
// multiply the block's values there: 2 (D + Dv) operations a pair of query and key in multiply-adds, and about 20 in
// the softmax, which shares their ports. At D = Dv = 64 that leaves at most 0.87 of the multiply-add peak; memory
// bounds nothing from a few queries on, and one query alone is bound by reading keys and values.
//
// Memory: the packed keys and values of one key head, O(Tk). With few heads all threads share those of one head and
// split its blocks of queries; with many, each thread has heads of its own.
#pragma once

#include <vector>

#include "seqfuse/attention_schedule_impl.hpp"
#include "seqfuse/attention_scores_impl.hpp"
#include "seqfuse/softmax.hpp"

namespace seqfuse {

namespace attention {

// Rows of a query block: eight tiles of six, sixteen of three.
inline constexpr int kQueryRows = 48;

// What one thread needs for one block of queries at a time.
template <class T>
class ForwardWork {
 public:
  using V = Vec<T>;

  explicit ForwardWork(const AttentionForwardArgs<T>& args)
      : args_(args),
        scores_(args.options, args.shape.D),
        padded_(padded<T>(args.shape.Dv)),
        y_(kQueryRows * padded_),
        s_(kQueryRows * kKeys) {}

  // The rows of one (b, hk); block_of(j): key block j of it.
  template <class BlockOf>
  void run(Index b, Index hk, Range rows, BlockOf&& block_of) {
    begin(b, hk, rows);
    const Range blocks = blocks_of(reach(queries_.keys, rows.size()));
    for (Index block = blocks.begin; block < blocks.end; ++block) add(block, block_of(block));
    finish();
  }

 private:
  [[gnu::noinline]] void begin(Index b, Index hk, Range rows) {
    queries_.set(args_.shape, args_.options.interval, args_.q, b, hk, rows);
    softmax_.reset(rows.size());
    const auto tiles = static_cast<int>(divide_up(rows.size(), kRows));
    for (int t = 0; t < tiles; ++t) tiles_[t].rows = share_of(rows.size(), t, tiles);
    std::fill_n(y_.data(), rows.size() * padded_, T(0));
  }

  // One key block for all rows: scores of all tiles, then their softmax, then their outputs. Each of the three finds
  // what it reads in the first-level cache, and no tile waits for the softmax of its own.
  [[gnu::noinline]] void add(Index block, const KeyBlock<T>& keys) {
    const Index first = block * kKeys, tiles = divide_up(queries_.rows, kRows);
    for (Index t = 0; t < tiles; ++t) {
      ScoreTile& tile = tiles_[t];
      const Range rows = tile.rows;
      tile = tile_of(queries_, rows, first, static_cast<bool>(args_.options.mask));
      V* greatest = greatest_ + rows.begin;
      if (tile.keys.empty())
        std::fill_n(greatest, rows.size(), V::all(RunningSoftmax<T, kQueryRows>::kNone));
      else
        scores_.compute(queries_, keys, first, tile, s_.data() + rows.begin * kKeys, greatest, nullptr);
    }
    softmax_.raise(queries_.rows, greatest_);
    for (Index t = 0; t < tiles; ++t)
      if (!tiles_[t].keys.empty())
        for (Index r = tiles_[t].rows.begin; r < tiles_[t].rows.end; ++r)
          softmax_.weigh(r, s_.data() + r * kKeys, tiles_[t].keys);
    if (args_.options.dropout > 0) drop(first);
    for (Index t = 0; t < tiles; ++t)
      if (tiles_[t].keys.empty())
        continue;
      else if (tiles_[t].whole || keys.finite)
        add_values(tiles_[t], keys.values);
      else
        add_values_selected(first, tiles_[t], keys.values);
  }

  void drop(Index first) {
    alignas(kAlignment) T factors[kKeys];
    for (Index r = 0; r < queries_.rows; ++r) {
      dropout_factors(args_.options, queries_.b, queries_.head[r], queries_.query[r], first, factors);
      for (Index j = 0; j < kKeys; ++j) s_[r * kKeys + j] *= factors[j];
    }
  }

  // y = factor * y + p v, a chain over the block's keys from zero.
  void add_values(const ScoreTile& tile, const T* values) {
    const T* rows[kRows];
    const Index count = tile.rows.size(), K = tile.keys.size();
    for (Index r = 0; r < count; ++r) rows[r] = s_.data() + (tile.rows.begin + r) * kKeys + tile.keys.begin;
    for (Index i = 0; i < padded_; i += kPanelKeys<T>) {
      multiply<T>(
          count, std::min<Index>((padded_ - i) / V::kSize, gemm::kPanelPackets), gemm::RowTerms<T>{rows, K},
          values + tile.keys.begin * padded_ + i, padded_,
          Target<T>::sums(y_.data() + tile.rows.begin * padded_ + i, padded_, softmax_.factor + tile.rows.begin));
    }
  }

  // The same where 0 * value may be NaN: the chain leaves excluded keys out.
  void add_values_selected(Index first, const ScoreTile& tile, const T* values) {
    for (Index r = tile.rows.begin; r < tile.rows.end; ++r)
      for (Index i = 0; i < padded_; i += V::kSize) {
        V chain = V::zero();
        for (Index j = tile.keys.begin; j < tile.keys.end; ++j)
          if (may_attend(args_.options, queries_, r, first + j))
            chain = madd(V::all(s_[r * kKeys + j]), V::loadu(values + j * padded_ + i), chain);
        T* y = y_.data() + r * padded_ + i;
        madd(V::load(y), V::all(softmax_.factor[r]), chain).store(y);
      }
  }

  [[gnu::noinline]] void finish() {
    for (Index r = 0; r < queries_.rows; ++r) {
      const T scale = softmax_.reciprocal(r);
      const Index at = queries_.at(args_.shape, r);
      if (args_.high_out != nullptr) args_.high_out[at] = softmax_.high[r];
      if (args_.reciprocal_out != nullptr) args_.reciprocal_out[at] = scale;
      if (args_.lse_out != nullptr)
        args_.lse_out[at] = scale == T(0) ? softmax_.high[r] : softmax_.high[r] - std::log(scale);
      T* y = args_.y.at(queries_.b, queries_.head[r], queries_.query[r]);
      for (Index i = 0; i < args_.shape.Dv; i += V::kSize)
        (V::load(y_.data() + r * padded_ + i) * V::all(scale)).store_first(y + i, args_.shape.Dv - i);
    }
  }

  const AttentionForwardArgs<T>& args_;
  Scores<T, kQueryRows> scores_;
  Index padded_;
  Buffer<T> y_;  // (kQueryRows, padded Dv), not divided by the sums yet
  Buffer<T> s_;  // (kQueryRows, kKeys): scores, then weights
  RunningSoftmax<T, kQueryRows> softmax_;
  ScoreTile tiles_[kQueryRows];
  V greatest_[kQueryRows];  // of the rows' scores with a block, in lanes
  QueryBlock<T, kQueryRows> queries_;
};

// Attention over key blocks that prepare(unit, who, thread, team) made, or a thread's share of them for one that has
// the unit to itself, and block_of(unit, who, block) gives; who: the thread, or 0 where all share a unit.
template <class T, class Prepare, class BlockOf>
bool attend(const AttentionForwardArgs<T>& args, const Schedule& plan, Prepare&& prepare, BlockOf&& block_of) {
  std::vector<ForwardWork<T>> work;
  for (int i = 0; i < plan.threads; ++i) work.emplace_back(args);
  const auto run = [&](Index unit, Index block, int thread, int who) {
    const Index first = block * kQueryRows;
    work[static_cast<std::size_t>(thread)].run(unit / args.shape.Hk, unit % args.shape.Hk,
                                               {first, std::min(first + kQueryRows, plan.rows)},
                                               [&](Index key_block) { return block_of(unit, who, key_block); });
  };
  if (!plan.shared)
    return plan.for_each_unit(args.cancellation, [&](Index unit, int thread) {
      prepare(unit, thread, 0, 1);
      for (Index block = 0; block < plan.blocks; ++block) run(unit, block, thread, thread);
    });
  for (Index unit = 0; unit < plan.units; ++unit) {
    parallel::run(plan.threads, [&](int thread, int team) { prepare(unit, 0, thread, team); });
    // Last first: causal rows are the longer the later they come, and the short ones fill the gaps at the end.
    if (!plan.for_each(plan.blocks, plan.work_of_block, args.cancellation,
                       [&](Index i, int thread) { run(unit, plan.blocks - 1 - i, thread, 0); }))
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
  const Schedule plan(shape, kQueryRows, 2, args.threads);
  // All blocks of a unit at once where several blocks of queries read them, else one at a time.
  const bool once = plan.blocks <= 1;
  std::vector<KeyBlocks<T>> packed;
  for (int i = 0; i < (plan.shared ? 1 : plan.threads); ++i)
    packed.emplace_back(once ? 1 : divide_up(shape.Tk, kKeys), shape.D, shape.Dv);
  const auto pack = [&](Index unit, int who, Index block, Index at) {
    const Index b = unit / shape.Hk;
    packed[static_cast<std::size_t>(who)].pack(at, args.k, args.v, b, unit % shape.Hk, block,
                                               args.options.interval.limit(b), args.options.selects());
  };
  return attend(
      args, plan,
      [&](Index unit, int who, int thread, int team) {
        const Index blocks = divide_up(args.options.interval.limit(unit / shape.Hk), kKeys);
        const Range share = once ? Range{} : share_of(blocks, thread, team);
        for (Index block = share.begin; block < share.end; ++block) pack(unit, who, block, block);
      },
      [&](Index unit, int who, Index block) {
        if (once) pack(unit, who, block, 0);
        return packed[static_cast<std::size_t>(who)][once ? 0 : block];
      });
}

}  // namespace seqfuse
