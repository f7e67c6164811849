// Queries of one key head in the attention backward: copies of q and dy, the sums dq, and statistics per row.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "seqfuse/attention_blocks_impl.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse::attention {

// Rows of a query block of the backward: 10 register tiles of 6 rows, or 20 of 3. dk and dv are sums over the rows of
// a query block, which must fit into one chain of gemm.hpp.
inline constexpr int kBackwardRows = 60;
static_assert(kBackwardRows <= gemm::kSumBlock);

template <class T>
class BackwardQueries {
 public:
  using V = Vec<T>;

  BackwardQueries(const AttentionBackwardArgs<T>& args, Index rows)
      : args_(args),
        rows_(rows),
        D_(padded<T>(args.shape.D)),
        Dv_(padded<T>(args.shape.Dv)),
        q_(checked_product({rows, D_})),
        dq_(checked_product({rows, D_})),
        dy_(checked_product({rows, Dv_})),
        row_max_(rows),
        inv_sum_(rows),
        delta_(rows),
        blocks_(divide_up(rows, kBackwardRows)) {}

  void set_key_head(Index b, Index hk) {
    b_ = b;
    hk_ = hk;
  }

  // Prepares one query block: copies its rows, clears dq, and computes delta and the key blocks that it may attend
  // to.
  void prepare(Index block) {
    Block& to = blocks_[static_cast<std::size_t>(block)];
    const Index first = block * kBackwardRows, count = std::min<Index>(kBackwardRows, rows_ - first);
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
      const Index at = queries.row_index(args_.shape, r);
      // The number is subtracted from scores. For a row without keys it must not be -inf: -inf - -inf would be NaN.
      row_max_[first + r] = std::max(args_.row_max[at], std::numeric_limits<T>::lowest());
      inv_sum_[first + r] = args_.inv_sum[at];
    }
    compute_delta(queries, first);
    for (Index r = first; r < first + count; ++r)
      to.finite = to.finite && std::isfinite(inv_sum_[r]) && std::isfinite(delta_[r]);
    to.key_blocks = key_block_range(union_of_keys(queries.keys, count));
    to.next_key_block.store(to.key_blocks.begin, std::memory_order_relaxed);
  }

  // Copies the block's rows of dq to the output array.
  void store(Index block) {
    const auto& queries = blocks_[static_cast<std::size_t>(block)].queries;
    for (Index r = 0; r < queries.rows; ++r) {
      T* to = args_.dq_out.at(b_, queries.head[r], queries.query[r]);
      std::copy_n(dq(block * kBackwardRows + r), args_.shape.D, to);
    }
  }

  struct Block {
    QueryBlock<T, kBackwardRows> queries;
    const T* dy[kBackwardRows];            // (padded Dv,) each
    bool finite = true;                    // q, dy, inv_sum and delta are finite
    Range key_blocks;                      // that some row may attend to
    std::atomic<Index> next_key_block{0};  // the key block whose turn it is to add to dq
  };

  Index blocks() const { return static_cast<Index>(blocks_.size()); }
  Block& operator[](Index block) { return blocks_[static_cast<std::size_t>(block)]; }
  T* q(Index row) { return q_.data() + row * D_; }
  T* dq(Index row) { return dq_.data() + row * D_; }
  T* dy(Index row) { return dy_.data() + row * Dv_; }
  const T* row_max(Index row) const { return row_max_.data() + row; }
  const T* inv_sum(Index row) const { return inv_sum_.data() + row; }
  const T* delta(Index row) const { return delta_.data() + row; }
  Index b() const { return b_; }
  Index hk() const { return hk_; }

 private:
  // delta = sum over dv of dy * y - dlse for the rows of a query block that begins at `row`; 0 for rows without keys.
  //
  // The terms are added in the same order as those of dp = dy v^T. So if all the weight of a row is on one key, and
  // y = v, then ds = p * (dp - delta) is exactly 0, without a rounding error.
  void compute_delta(const QueryBlock<T, kBackwardRows>& queries, Index row) {
    for (Index first = 0; first < queries.rows; first += V::kSize) {
      const Index count = std::min(V::kSize, queries.rows - first);
      V total = V::zero();
      for (Index begin = 0; begin < Dv_; begin += gemm::kSumBlock) {
        V sum = V::zero();
        for (Index i = begin; i < std::min(begin + gemm::kSumBlock, Dv_); i += V::kSize) {
          V dy_square[V::kSize], y_square[V::kSize];
          for (Index n = 0; n < V::kSize; ++n) {
            const Index r = first + std::min(n, count - 1);
            const T* y = args_.y.at(b_, queries.head[r], queries.query[r]);
            dy_square[n] = V::load(dy(row + r) + i);
            y_square[n] = V::load_first(y + i, args_.shape.Dv - i);
          }
          transpose(dy_square);
          transpose(y_square);
          for (Index n = 0; n < V::kSize; ++n) sum = madd(dy_square[n], y_square[n], sum);
        }
        total = begin == 0 ? sum : total + sum;
      }
      total.store_first(delta_.data() + row + first, count);
    }
    for (Index r = 0; r < queries.rows; ++r) {
      T& delta = delta_[row + r];
      if (args_.dlse != nullptr) delta -= args_.dlse[queries.row_index(args_.shape, r)];
      if (inv_sum_[row + r] == T(0)) delta = T(0);
    }
  }

  const AttentionBackwardArgs<T>& args_;
  Index rows_, D_, Dv_, b_ = 0, hk_ = 0;
  Buffer<T> q_, dq_, dy_;                // (rows, padded D or Dv)
  Buffer<T> row_max_, inv_sum_, delta_;  // (rows,)
  std::vector<Block> blocks_;
};

}  // namespace seqfuse::attention
