// The backward of one column of keys with the blocks of queries that reach it.
#pragma once

#include "seqfuse/attention_rows_impl.hpp"
#include "seqfuse/attention_scores_impl.hpp"
#include "seqfuse/lines.hpp"

namespace seqfuse::attention {

template <class T>
class BackwardWork {
 public:
  using V = Vec<T>;
  using Block = typename GradientRows<T>::Block;

  explicit BackwardWork(const AttentionBackwardArgs<T>& args)
      : args_(args),
        scores_(args.options, args.shape.D),
        D_(padded<T>(args.shape.D)),
        Dv_(padded<T>(args.shape.Dv)),
        keys_(kKeys * args.shape.D),
        values_(kKeys * args.shape.Dv),
        k_(kKeys * D_),
        v_(kKeys * Dv_),
        dk_(kKeys * D_),
        dv_(kKeys * Dv_),
        p_(kGradientRows * kKeys),
        ds_(kGradientRows * kKeys),
        slope_(args.options.softcap != T(0) ? kGradientRows * kKeys : 0),
        factors_(args.options.dropout > 0 ? kGradientRows * kKeys : 0) {
    factors_.fill_zero();
  }

  // A column: gradients of its keys and values, and its part of dq.
  void run(GradientRows<T>& rows, Index column) {
    const Index b = rows.b(), hk = rows.hk(), first = column * kKeys;
    const Index count = std::min(kKeys, args_.options.interval.limit(b) - first);
    pack_keys(args_.k, b, hk, first, count, args_.shape.D, keys_.data());
    pack_keys(args_.v, b, hk, first, count, args_.shape.Dv, values_.data());
    const auto copy = [&](Heads<const T> from, Index n, T* to) {
      return copy_rows<T>([&](Index j) { return from.at(b, hk, first + j); }, count, kKeys, n, to);
    };
    const bool finite_k = copy(args_.k, args_.shape.D, k_.data());
    finite_ = copy(args_.v, args_.shape.Dv, v_.data()) && finite_k;
    dk_.fill_zero();
    dv_.fill_zero();
    for (Index block = 0; block < rows.blocks(); ++block)
      if (rows[block].columns.begin <= column && column < rows[block].columns.end)
        pair(rows, rows[block], block * kGradientRows, column);
    store(args_.dk_out, b, hk, first, count, args_.shape.D, dk_.data());
    store(args_.dv_out, b, hk, first, count, args_.shape.Dv, dv_.data());
  }

 private:
  // A block of queries whose first row is `row`, with the column.
  void pair(GradientRows<T>& rows, Block& block, Index row, Index column) {
    const auto& queries = block.queries;
    const Index first = column * kKeys;
    const auto tiles = static_cast<int>(divide_up(queries.rows, kRows));
    bool whole = true;
    Range reached{kGradientRows, 0}, keys{kKeys, 0};  // rows and keys of any weight
    for (int t = 0; t < tiles; ++t) {
      ScoreTile& tile = tiles_[t];
      tile = tile_of(queries, share_of(queries.rows, t, tiles), first, static_cast<bool>(args_.options.mask));
      if (!tile.whole) {
        whole = false;
        const Index from = tile.rows.begin * kKeys, n = tile.rows.size() * kKeys;
        std::fill_n(p_.data() + from, n, T(0)), std::fill_n(ds_.data() + from, n, T(0));
      }
      if (tile.keys.empty()) continue;
      reached = {std::min(reached.begin, tile.rows.begin), std::max(reached.end, tile.rows.end)};
      keys = {std::min(keys.begin, tile.keys.begin), std::max(keys.end, tile.keys.end)};
      weights(rows, block, row, first, tile);
    }
    const bool finite = finite_ && block.finite;
    if (!whole) clear_excluded(queries, first, finite);
    if (args_.dmask_inout != nullptr || args_.options.softcap != T(0)) through_scores(queries, first);
    if (args_.options.dropout > 0)
      for (Index i = 0; i < queries.rows * kKeys; ++i) p_[i] *= factors_[i];
    if (!whole && !finite) return sums_selected(rows, block, row, column);
    sums_of_columns(p_.data(), reached, keys, rows.dy(row), Dv_, dv_.data());
    sums_of_columns(ds_.data(), reached, keys, rows.q(row), D_, dk_.data());
    in_turn(block, column, [&] {
      for (int t = 0; t < tiles; ++t)
        if (!tiles_[t].keys.empty()) sums_of_rows(tiles_[t], rows.dq(row));
    });
  }

  // p and ds of a tile.
  void weights(GradientRows<T>& rows, const Block& block, Index row, Index first, const ScoreTile& tile) {
    const Index begin = tile.rows.begin, count = tile.rows.size(), at = begin * kKeys;
    V greatest[kRows];
    scores_.compute(block.queries, {keys_.data(), nullptr, true}, first, tile, p_.data() + at, greatest,
                    slope_.size() > 0 ? slope_.data() + at : nullptr);
    for (Index r = begin; r < tile.rows.end; ++r) {
      const auto floor = Line<T>::all(*rows.floor(row + r)), scale = Line<T>::all(*rows.reciprocal(row + r));
      T* p = p_.data() + r * kKeys;
      for (Index key = tile.keys.begin; key < tile.keys.end; key += kLine<T>)
        (exp_nonpositive(Line<T>::load(p + key) - floor) * scale).store(p + key);
    }
    const T scale = args_.dmask_inout != nullptr || slope_.size() > 0 ? T(1) : args_.options.scale;
    const bool drops = args_.options.dropout > 0;
    if (drops)
      for (Index r = begin; r < tile.rows.end; ++r)
        dropout_factors(args_.options, block.queries.b, block.queries.head[r], block.queries.query[r], first,
                        factors_.data() + r * kKeys);
    multiply_panels<T>(block.dy + begin, count, args_.shape.Dv, values_.data(), tile.keys, [&](Index key) {
      return Target<T>{.kind = Target<T>::Kind::gradients,
                       .to = ds_.data() + at + key,
                       .scale = scale,
                       .p = p_.data() + at + key,
                       .dropout = drops ? factors_.data() + at + key : nullptr,
                       .delta = rows.delta(row + begin)};
    });
  }

  // forward: s = softcap * tanh(q . k * scale / softcap) + mask   =>   dmask = ds, d(q . k) = ds (1 - t^2) scale
  void through_scores(const QueryBlock<T, kGradientRows>& queries, Index first) {
    for (Index r = 0; r < queries.rows; ++r) {
      const Range keys = within(queries.keys[r], first);
      T* ds = ds_.data() + r * kKeys;
      if (args_.dmask_inout != nullptr) {
        T* dmask = args_.dmask_inout + queries.at(args_.shape, r) * args_.shape.Tk + first;
        for (Index j = keys.begin; j < keys.end; ++j) dmask[j] = ds[j] + T(0);  // an excluded key's -0 becomes 0
      }
      for (Index j = keys.begin; j < keys.end; ++j)
        ds[j] *= slope_.size() > 0 ? slope_[r * kKeys + j] * args_.options.scale : args_.options.scale;
    }
  }

  // ds = p (dp - delta) is NaN where p is 0 and dp is not finite. What is excluded has p = 0, and only that has where
  // all is finite, but for a weight that vanished; elsewhere its p may be NaN too.
  void clear_excluded(const QueryBlock<T, kGradientRows>& queries, Index first, bool finite) {
    if (finite) {
      for (Index i = 0; i < queries.rows * kKeys; i += V::kSize)
        select(less(V::zero(), V::load(p_.data() + i)), V::load(ds_.data() + i), V::zero()).store(ds_.data() + i);
      return;
    }
    for (Index r = 0; r < queries.rows; ++r)
      for (Index j = 0; j < kKeys; ++j)
        if (!may_attend(args_.options, queries, r, first + j)) p_[r * kKeys + j] = ds_[r * kKeys + j] = T(0);
  }

  // to (kKeys, n) += the weights' columns times the rows of right: chains over the rows of queries.
  void sums_of_columns(const T* weights, Range rows, Range keys, const T* right, Index n, T* to) {
    const auto tiles = static_cast<int>(divide_up(keys.size(), kRows));
    for (Index i = 0; i < n; i += kPanelKeys<T>)
      for (int t = 0; t < tiles; ++t) {
        const Range some = share_of(keys.size(), t, tiles);
        const Index key = keys.begin + some.begin;
        multiply<T>(some.size(), packets(n - i),
                    gemm::ColumnTerms<T>{weights + rows.begin * kKeys + key, rows.size(), kKeys},
                    right + rows.begin * n + i, n, Target<T>::sums(to + key * n + i, n, kOnes));
      }
  }

  // dq += ds k: a chain over the keys of the block.
  void sums_of_rows(const ScoreTile& tile, T* dq) {
    const T* rows[kRows];
    for (Index r = 0; r < tile.rows.size(); ++r) rows[r] = ds_.data() + (tile.rows.begin + r) * kKeys + tile.keys.begin;
    for (Index i = 0; i < D_; i += kPanelKeys<T>)
      multiply<T>(tile.rows.size(), packets(D_ - i), gemm::RowTerms<T>{rows, tile.keys.size()},
                  k_.data() + tile.keys.begin * D_ + i, D_, Target<T>::sums(dq + tile.rows.begin * D_ + i, D_, kOnes));
  }

  // The same sums where 0 * number may be NaN: the chains leave out what is excluded.
  void sums_selected(GradientRows<T>& rows, Block& block, Index row, Index column) {
    const auto& queries = block.queries;
    const Index first = column * kKeys;
    // to (a, n) += over b with weight(a, b): weight * right (b, n)
    const auto add = [&](Index as, Index bs, auto&& weight, const T* right, Index n, T* to) {
      for (Index a = 0; a < as; ++a)
        for (Index i = 0; i < n; i += V::kSize) {
          V chain = V::zero();
          for (Index b = 0; b < bs; ++b)
            if (const T* w = weight(a, b)) chain = madd(V::all(*w), V::load(right + b * n + i), chain);
          (V::load(to + a * n + i) + chain).store(to + a * n + i);
        }
    };
    const auto at = [&](const T* weights, Index r, Index j) {
      return may_attend(args_.options, queries, r, first + j) ? weights + r * kKeys + j : nullptr;
    };
    const auto of_p = [&](Index j, Index r) { return at(p_.data(), r, j); };
    const auto of_ds = [&](Index j, Index r) { return at(ds_.data(), r, j); };
    add(kKeys, queries.rows, of_p, rows.dy(row), Dv_, dv_.data());
    add(kKeys, queries.rows, of_ds, rows.q(row), D_, dk_.data());
    in_turn(block, column, [&] {
      add(queries.rows, kKeys, [&](Index r, Index j) { return at(ds_.data(), r, j); }, k_.data(), D_, rows.dq(row));
    });
  }

  // Calls add when the columns before this one have added to the block's dq. Threads take columns in order, so the
  // first of those that are not done never waits.
  template <class F>
  static void in_turn(Block& block, Index column, F&& add) {
    parallel::Spin spin;
    while (block.next.load(std::memory_order_acquire) != column) spin.once();
    add();
    block.next.store(column + 1, std::memory_order_release);
  }

  static void store(Heads<T> to, Index b, Index hk, Index first, Index count, Index n, const T* from) {
    for (Index j = 0; j < count; ++j) std::copy_n(from + j * padded<T>(n), n, to.at(b, hk, first + j));
  }

  static Index packets(Index n) { return std::min<Index>(n / V::kSize, gemm::kPanelPackets); }

  static constexpr T kOnes[] = {1, 1, 1, 1, 1, 1, 1, 1};
  static_assert(kRows <= 8);

  const AttentionBackwardArgs<T>& args_;
  Scores<T, kGradientRows> scores_;
  Index D_, Dv_;
  Buffer<T> keys_, values_;  // of the column, in panels
  Buffer<T> k_, v_;          // (kKeys, padded D or Dv)
  Buffer<T> dk_, dv_;
  Buffer<T> p_, ds_, slope_, factors_;  // (kGradientRows, kKeys)
  ScoreTile tiles_[kGradientRows];
  bool finite_ = true;  // no NaN and no infinity stands in the column's keys and values
};

}  // namespace seqfuse::attention
