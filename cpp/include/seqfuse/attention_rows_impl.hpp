// What the backward of attention keeps of the rows of queries of one key head while its columns go by.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "seqfuse/attention_blocks_impl.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse::attention {

// Rows of a block of queries: ten tiles of six, twenty of three, and no more than one chain of gemm.hpp has terms.
inline constexpr int kGradientRows = 60;
static_assert(kGradientRows <= gemm::kSumBlock);

// All rows as whole packets: q and dy copied, dq summed; and of each what its softmax needs.
template <class T>
class GradientRows {
 public:
  using V = Vec<T>;

  GradientRows(const AttentionBackwardArgs<T>& args, Index rows)
      : args_(args),
        rows_(rows),
        D_(padded<T>(args.shape.D)),
        Dv_(padded<T>(args.shape.Dv)),
        q_(checked_product({rows, D_})),
        dq_(checked_product({rows, D_})),
        dy_(checked_product({rows, Dv_})),
        floor_(rows),
        reciprocal_(rows),
        delta_(rows),
        blocks_(divide_up(rows, kGradientRows)) {}

  void begin(Index b, Index hk) { b_ = b, hk_ = hk; }

  // One block of rows: copies, the delta of each row, and which columns it reaches.
  void prepare(Index block) {
    Block& to = blocks_[static_cast<std::size_t>(block)];
    const Index first = block * kGradientRows, count = std::min<Index>(kGradientRows, rows_ - first);
    to.queries.set(args_.shape, args_.options.interval, args_.q, b_, hk_, {first, first + count});
    auto& queries = to.queries;
    const bool finite_q = copy_rows<T>([&](Index r) { return queries.q[r]; }, count, count, args_.shape.D, q(first));
    const bool finite_dy = copy_rows<T>([&](Index r) { return args_.dy.at(b_, queries.head[r], queries.query[r]); },
                                        count, count, args_.shape.Dv, dy(first));
    to.finite = finite_q && finite_dy;
    std::fill_n(dq(first), count * D_, T(0));
    for (Index r = 0; r < count; ++r) {
      queries.q[r] = q(first + r);
      to.dy[r] = dy(first + r);
      const Index at = queries.at(args_.shape, r);
      // What is subtracted from scores: a row that attended to nothing has -inf, and -inf - -inf would be NaN.
      floor_[first + r] = std::max(args_.high[at], std::numeric_limits<T>::lowest());
      reciprocal_[first + r] = args_.reciprocal[at];
    }
    deltas(queries, first);
    for (Index r = first; r < first + count; ++r)
      to.finite = to.finite && std::isfinite(reciprocal_[r]) && std::isfinite(delta_[r]);
    to.columns = blocks_of(reach(queries.keys, count));
    to.next.store(to.columns.begin, std::memory_order_relaxed);
  }

  // Writes the block's rows of dq to where the caller wants them.
  void store(Index block) {
    const auto& queries = blocks_[static_cast<std::size_t>(block)].queries;
    for (Index r = 0; r < queries.rows; ++r) {
      T* to = args_.dq_out.at(b_, queries.head[r], queries.query[r]);
      std::copy_n(dq(block * kGradientRows + r), args_.shape.D, to);
    }
  }

  struct Block {
    QueryBlock<T, kGradientRows> queries;
    const T* dy[kGradientRows];
    bool finite = true;  // no NaN and no infinity stands in q, dy and what forward kept
    Range columns;
    std::atomic<Index> next{0};  // the column whose turn it is to add to dq
  };

  Index blocks() const { return static_cast<Index>(blocks_.size()); }
  Block& operator[](Index block) { return blocks_[static_cast<std::size_t>(block)]; }
  T* q(Index row) { return q_.data() + row * D_; }
  T* dq(Index row) { return dq_.data() + row * D_; }
  T* dy(Index row) { return dy_.data() + row * Dv_; }
  const T* floor(Index row) const { return floor_.data() + row; }
  const T* reciprocal(Index row) const { return reciprocal_.data() + row; }
  const T* delta(Index row) const { return delta_.data() + row; }
  Index b() const { return b_; }
  Index hk() const { return hk_; }

 private:
  // sum of dy y, less the gradient of the log-sum-exp, for a block of rows; 0 for a row that attended to nothing. The
  // chains are those of dp: a row whose weight is all on one key, y = v, has ds = p (dp - delta) = 0 and not a rounding.
  void deltas(const QueryBlock<T, kGradientRows>& queries, Index row) {
    for (Index first = 0; first < queries.rows; first += V::kSize) {
      const Index count = std::min(V::kSize, queries.rows - first);
      V total = V::zero();
      for (Index begin = 0; begin < Dv_; begin += gemm::kSumBlock) {
        V chain = V::zero();
        for (Index i = begin; i < std::min(begin + gemm::kSumBlock, Dv_); i += V::kSize) {
          V of_dy[V::kSize], of_y[V::kSize];
          for (Index n = 0; n < V::kSize; ++n) {
            const Index r = first + std::min(n, count - 1);
            const T* y = args_.y.at(b_, queries.head[r], queries.query[r]);
            of_dy[n] = V::load(dy(row + r) + i), of_y[n] = V::load_first(y + i, args_.shape.Dv - i);
          }
          transpose(of_dy), transpose(of_y);
          for (Index n = 0; n < V::kSize; ++n) chain = madd(of_dy[n], of_y[n], chain);
        }
        total = begin == 0 ? chain : total + chain;
      }
      total.store_first(delta_.data() + row + first, count);
    }
    for (Index r = 0; r < queries.rows; ++r) {
      T& delta = delta_[row + r];
      if (args_.dlse != nullptr) delta -= args_.dlse[queries.at(args_.shape, r)];
      if (reciprocal_[row + r] == T(0)) delta = T(0);
    }
  }

  const AttentionBackwardArgs<T>& args_;
  Index rows_, D_, Dv_, b_ = 0, hk_ = 0;
  Buffer<T> q_, dq_, dy_;  // (rows, padded D or Dv)
  Buffer<T> floor_, reciprocal_, delta_;
  std::vector<Block> blocks_;
};

}  // namespace seqfuse::attention
