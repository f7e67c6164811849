// Attention backward of one key block: its dk and dv, and its contribution to the dq of every query block.
#pragma once

#include "seqfuse/attention_backward_queries_impl.hpp"
#include "seqfuse/attention_scores_impl.hpp"
#include "seqfuse/lines.hpp"

namespace seqfuse::attention {

// Computes one key block at a time. Each thread has its own.
template <class T>
class KeyBlockBackward {
 public:
  using V = Vec<T>;
  using Block = typename BackwardQueries<T>::Block;

  explicit KeyBlockBackward(const AttentionBackwardArgs<T>& args)
      : args_(args),
        scores_(args.options, args.shape.D),
        D_(padded<T>(args.shape.D)),
        Dv_(padded<T>(args.shape.Dv)),
        k_panels_(kKeys * args.shape.D),
        v_panels_(kKeys * args.shape.Dv),
        k_(kKeys * D_),
        v_(kKeys * Dv_),
        dk_(kKeys * D_),
        dv_(kKeys * Dv_),
        p_(kBackwardRows * kKeys),
        ds_(kBackwardRows * kKeys),
        slope_(args.options.softcap != T(0) ? kBackwardRows * kKeys : 0),
        factors_(args.options.dropout > 0 ? kBackwardRows * kKeys : 0) {
    factors_.fill_zero();
  }

  // Writes dk and dv of a key block, and adds to dq of the query blocks that may attend to it.
  void run(BackwardQueries<T>& queries, Index key_block) {
    const Index b = queries.b(), hk = queries.hk(), first_key = key_block * kKeys;
    const Index count = std::min(kKeys, args_.options.interval.limit(b) - first_key);
    pack_keys(args_.k, b, hk, first_key, count, args_.shape.D, k_panels_.data());
    pack_keys(args_.v, b, hk, first_key, count, args_.shape.Dv, v_panels_.data());
    const auto copy = [&](Heads<const T> from, Index n, T* out) {
      return copy_rows<T>([&](Index j) { return from.at(b, hk, first_key + j); }, count, kKeys, n, out);
    };
    const bool finite_k = copy(args_.k, args_.shape.D, k_.data());
    finite_ = copy(args_.v, args_.shape.Dv, v_.data()) && finite_k;
    dk_.fill_zero();
    dv_.fill_zero();
    for (Index block = 0; block < queries.blocks(); ++block)
      if (queries[block].key_blocks.begin <= key_block && key_block < queries[block].key_blocks.end)
        add_query_block(queries, queries[block], block * kBackwardRows, key_block);
    store(args_.dk_out, b, hk, first_key, count, args_.shape.D, dk_.data());
    store(args_.dv_out, b, hk, first_key, count, args_.shape.Dv, dv_.data());
  }

 private:
  // Adds a query block, whose first row is `row`, to dk and dv, and the key block to its dq.
  void add_query_block(BackwardQueries<T>& all_queries, Block& block, Index row, Index key_block) {
    const auto& queries = block.queries;
    const Index first_key = key_block * kKeys;
    const auto tiles = static_cast<int>(divide_up(queries.rows, kTileRows));
    bool full = true;
    Range rows{kBackwardRows, 0}, keys{kKeys, 0};  // rows and keys with weights that may be different from 0
    for (int t = 0; t < tiles; ++t) {
      ScoreTile& tile = tiles_[t];
      tile =
          make_score_tile(queries, share_of(queries.rows, t, tiles), first_key, static_cast<bool>(args_.options.mask));
      if (!tile.full) {
        full = false;
        const Index from = tile.rows.begin * kKeys, n = tile.rows.size() * kKeys;
        std::fill_n(p_.data() + from, n, T(0));
        std::fill_n(ds_.data() + from, n, T(0));
      }
      if (tile.keys.empty()) continue;
      rows = {std::min(rows.begin, tile.rows.begin), std::max(rows.end, tile.rows.end)};
      keys = {std::min(keys.begin, tile.keys.begin), std::max(keys.end, tile.keys.end)};
      compute_weights(all_queries, block, row, first_key, tile);
    }
    const bool finite = finite_ && block.finite;
    if (!full) clear_excluded(queries, first_key, finite);
    if (args_.dmask_inout != nullptr || args_.options.softcap != T(0)) backward_of_scores(queries, first_key);
    if (args_.options.dropout > 0)
      for (Index i = 0; i < queries.rows * kKeys; ++i) p_[i] *= factors_[i];
    if (!full && !finite) return accumulate_allowed(all_queries, block, row, key_block);
    add_transposed_product(p_.data(), rows, keys, all_queries.dy(row), Dv_, dv_.data());
    add_transposed_product(ds_.data(), rows, keys, all_queries.q(row), D_, dk_.data());
    in_key_block_order(block, key_block, [&] {
      for (int t = 0; t < tiles; ++t)
        if (!tiles_[t].keys.empty()) add_dq(tiles_[t], all_queries.dq(row));
    });
  }

  // Computes p and ds of a tile.
  //
  // forward: p = exp(s - row_max) * inv_sum, y = sum of dropout(p) * v
  //   =>     dp = dropout(dy v^T), ds = p * (dp - delta)
  //
  // Without a softcap and dmask, ds is multiplied by score_scale at once. Otherwise backward_of_scores does it.
  void compute_weights(BackwardQueries<T>& all_queries, const Block& block, Index row, Index first_key,
                       const ScoreTile& tile) {
    const Index begin = tile.rows.begin, count = tile.rows.size(), at = begin * kKeys;
    V max_lanes[kTileRows];  // not used: row_max is known from the forward
    scores_.compute(block.queries, {k_panels_.data(), nullptr, true}, first_key, tile, p_.data() + at, max_lanes,
                    slope_.size() > 0 ? slope_.data() + at : nullptr);
    for (Index r = begin; r < tile.rows.end; ++r) {
      const auto row_max = Line<T>::all(*all_queries.row_max(row + r));
      const auto inv_sum = Line<T>::all(*all_queries.inv_sum(row + r));
      T* p = p_.data() + r * kKeys;
      for (Index key = tile.keys.begin; key < tile.keys.end; key += kLine<T>)
        (exp_nonpositive(Line<T>::load(p + key) - row_max) * inv_sum).store(p + key);
    }
    const T score_scale = args_.dmask_inout != nullptr || slope_.size() > 0 ? T(1) : args_.options.score_scale;
    const bool has_dropout = args_.options.dropout > 0;
    if (has_dropout)
      for (Index r = begin; r < tile.rows.end; ++r)
        dropout_factors(args_.options, block.queries.b, block.queries.head[r], block.queries.query[r], first_key,
                        factors_.data() + r * kKeys);
    multiply_panels<T>(block.dy + begin, count, args_.shape.Dv, v_panels_.data(), tile.keys, [&](Index key) {
      return Target<T>{.kind = Target<T>::Kind::gradients,
                       .out = ds_.data() + at + key,
                       .score_scale = score_scale,
                       .p = p_.data() + at + key,
                       .dropout = has_dropout ? factors_.data() + at + key : nullptr,
                       .delta = all_queries.delta(row + begin)};
    });
  }

  // Writes dmask, and turns ds_ from the gradient of the scores into the gradient of q . k.
  //
  // forward: s = softcap * t + mask, t = tanh(score_scale * q . k / softcap)
  //   =>     dmask = ds, d(q . k) = ds * (1 - t^2) * score_scale
  void backward_of_scores(const QueryBlock<T, kBackwardRows>& queries, Index first_key) {
    for (Index r = 0; r < queries.rows; ++r) {
      const Range keys = keys_in_block(queries.keys[r], first_key);
      T* ds = ds_.data() + r * kKeys;
      if (args_.dmask_inout != nullptr) {
        T* dmask = args_.dmask_inout + queries.row_index(args_.shape, r) * args_.shape.Tk + first_key;
        for (Index j = keys.begin; j < keys.end; ++j) dmask[j] = ds[j] + T(0);  // turns -0 of excluded keys into 0
      }
      for (Index j = keys.begin; j < keys.end; ++j)
        ds[j] *= slope_.size() > 0 ? slope_[r * kKeys + j] * args_.options.score_scale : args_.options.score_scale;
    }
  }

  // Sets ds to 0 for excluded keys. ds = p * (dp - delta) is NaN if p is 0 and dp is not finite.
  //
  // Excluded entries have p = 0. If all inputs are finite, p is 0 elsewhere only where the exponential underflows,
  // and then ds is 0 too; so p > 0 selects the entries. Otherwise p may be NaN, and each key is tested.
  void clear_excluded(const QueryBlock<T, kBackwardRows>& queries, Index first_key, bool finite) {
    if (finite) {
      for (Index i = 0; i < queries.rows * kKeys; i += V::kSize)
        select(less(V::zero(), V::load(p_.data() + i)), V::load(ds_.data() + i), V::zero()).store(ds_.data() + i);
      return;
    }
    for (Index r = 0; r < queries.rows; ++r)
      for (Index j = 0; j < kKeys; ++j)
        if (!may_attend(args_.options, queries, r, first_key + j)) p_[r * kKeys + j] = ds_[r * kKeys + j] = T(0);
  }

  // out (kKeys, n) += weights^T right, for the rows and keys in `rows` and `keys`; weights (kBackwardRows, kKeys),
  // right (kBackwardRows, n). Each sum over the rows of a query block starts from zero.
  void add_transposed_product(const T* weights, Range rows, Range keys, const T* right, Index n, T* out) {
    const auto tiles = static_cast<int>(divide_up(keys.size(), kTileRows));
    for (Index i = 0; i < n; i += kPanelKeys<T>)
      for (int t = 0; t < tiles; ++t) {
        const Range part = share_of(keys.size(), t, tiles);
        const Index key = keys.begin + part.begin;
        multiply<T>(part.size(), packets(n - i),
                    gemm::ColumnTerms<T>{weights + rows.begin * kKeys + key, rows.size(), kKeys},
                    right + rows.begin * n + i, n, Target<T>::sums(out + key * n + i, n, kOnes));
      }
  }

  // dq (rows of the query block, padded D) += ds k for the rows of a tile. Each sum over the keys starts from zero.
  void add_dq(const ScoreTile& tile, T* dq) {
    const T* rows[kTileRows];
    for (Index r = 0; r < tile.rows.size(); ++r) rows[r] = ds_.data() + (tile.rows.begin + r) * kKeys + tile.keys.begin;
    for (Index i = 0; i < D_; i += kPanelKeys<T>)
      multiply<T>(tile.rows.size(), packets(D_ - i), gemm::RowTerms<T>{rows, tile.keys.size()},
                  k_.data() + tile.keys.begin * D_ + i, D_, Target<T>::sums(dq + tile.rows.begin * D_ + i, D_, kOnes));
  }

  // Adds to dk, dv and dq without excluded keys, for inputs that are not finite: 0 * number may be NaN.
  void accumulate_allowed(BackwardQueries<T>& all_queries, Block& block, Index row, Index key_block) {
    const auto& queries = block.queries;
    const Index first_key = key_block * kKeys;
    // out (A, n) += sum over b < B of weight(a, b) * right (B, n); weight returns null if the key is excluded
    const auto add = [&](Index A, Index B, auto&& weight, const T* right, Index n, T* out) {
      for (Index a = 0; a < A; ++a)
        for (Index i = 0; i < n; i += V::kSize) {
          V sum = V::zero();
          for (Index b = 0; b < B; ++b)
            if (const T* w = weight(a, b)) sum = madd(V::all(*w), V::load(right + b * n + i), sum);
          (V::load(out + a * n + i) + sum).store(out + a * n + i);
        }
    };
    const auto weight_at = [&](const T* weights, Index r, Index j) {
      return may_attend(args_.options, queries, r, first_key + j) ? weights + r * kKeys + j : nullptr;
    };
    const auto p_transposed = [&](Index j, Index r) { return weight_at(p_.data(), r, j); };
    const auto ds_transposed = [&](Index j, Index r) { return weight_at(ds_.data(), r, j); };
    add(kKeys, queries.rows, p_transposed, all_queries.dy(row), Dv_, dv_.data());
    add(kKeys, queries.rows, ds_transposed, all_queries.q(row), D_, dk_.data());
    in_key_block_order(block, key_block, [&] {
      add(
          queries.rows, kKeys, [&](Index r, Index j) { return weight_at(ds_.data(), r, j); }, k_.data(), D_,
          all_queries.dq(row));
    });
  }

  // Waits until all earlier key blocks have added to the dq of a query block, then calls add. Threads take key blocks
  // in order, so the thread with the first unfinished key block never waits, and there is no deadlock.
  template <class F>
  static void in_key_block_order(Block& block, Index key_block, F&& add) {
    parallel::Spin spin;
    while (block.next_key_block.load(std::memory_order_acquire) != key_block) spin.once();
    add();
    block.next_key_block.store(key_block + 1, std::memory_order_release);
  }

  static void store(Heads<T> out, Index b, Index hk, Index first_key, Index count, Index n, const T* from) {
    for (Index j = 0; j < count; ++j) std::copy_n(from + j * padded<T>(n), n, out.at(b, hk, first_key + j));
  }

  static Index packets(Index n) { return std::min<Index>(n / V::kSize, gemm::kPanelPackets); }

  static constexpr T kOnes[] = {1, 1, 1, 1, 1, 1, 1, 1};
  static_assert(kTileRows <= 8);

  const AttentionBackwardArgs<T>& args_;
  Scores<T, kBackwardRows> scores_;
  Index D_, Dv_;                   // padded
  Buffer<T> k_panels_, v_panels_;  // of the key block, packed in panels
  Buffer<T> k_, v_;                // of the key block, (kKeys, padded D or Dv)
  Buffer<T> dk_, dv_;              // (kKeys, padded D or Dv)
  Buffer<T> p_, ds_;               // (kBackwardRows, kKeys)
  Buffer<T> slope_;                // (kBackwardRows, kKeys): derivative of the softcap; empty without one
  Buffer<T> factors_;              // (kBackwardRows, kKeys): factors of dropout; empty without it
  ScoreTile tiles_[kBackwardRows];
  bool finite_ = true;  // k and v of the key block contain no NaN and no infinity
};

}  // namespace seqfuse::attention
