// Scores of a few query rows with one key block: products, softcap, mask and exclusion; and the factors of dropout.
// The forward and the backward share this file, so that the backward recomputes the scores with the same bits.
#pragma once

#include <array>
#include <cmath>

#include "seqfuse/attention_tiles.hpp"
#include "seqfuse/philox.hpp"

namespace seqfuse::attention {

// The part of a query block and of a key block whose scores are computed together.
struct ScoreTile {
  Range rows;         // of the query block
  Range keys;         // of the key block, rounded out to whole cache lines: keys that some row may attend to
  bool full = false;  // every row may attend to every key of the block, so no score is excluded
};

// Returns the part of `keys` that is in the key block that begins at first_key, relative to first_key.
inline Range keys_in_block(Range keys, Index first_key) {
  return {std::clamp<Index>(keys.begin - first_key, 0, kKeys), std::clamp<Index>(keys.end - first_key, 0, kKeys)};
}

// Returns the tile of the query rows `rows` and the key block that begins at first_key. masked: there is a mask.
template <class T, int kMaxRows>
ScoreTile make_score_tile(const QueryBlock<T, kMaxRows>& queries, Range rows, Index first_key, bool masked) {
  if (!masked && queries.common_keys.begin <= first_key && first_key + kKeys <= queries.common_keys.end)
    return {rows, {0, kKeys}, true};
  Range all{kKeys, 0}, common{0, kKeys};
  for (Index r = rows.begin; r < rows.end; ++r) {
    const Range here = keys_in_block(queries.keys[r], first_key);
    if (!here.empty()) all = {std::min(all.begin, here.begin), std::max(all.end, here.end)};
    common = {std::max(common.begin, here.begin), std::min(common.end, here.end)};
  }
  if (all.empty()) return {rows, {}, false};
  const bool full = !masked && common.size() == kKeys;
  return {rows, {all.begin / kLine<T> * kLine<T>, round_up(all.end, kLine<T>)}, full};
}

// Multiplies `count` rows of n numbers by the keys `keys` of packed panels (keys or values of one key block), panel
// by panel. target(key) returns the target of the products with the packets from `key` on.
template <class T, class TargetOf>
void multiply_panels(const T* const* rows, Index count, Index n, const T* panels, Range keys, TargetOf&& target) {
  constexpr Index kWidth = kPanelKeys<T>;
  for (Index begin = keys.begin / kWidth * kWidth; begin < keys.end; begin += kWidth) {
    const Index from = std::max(begin, keys.begin), to = std::min(begin + kWidth, keys.end);
    multiply<T>(count, (to - from) / Vec<T>::kSize, gemm::RowTerms<T>{rows, n}, panels + begin * n + (from - begin),
                kWidth, target(from));
  }
}

// Returns the packet 0, 1, 2, ...
template <class T>
Vec<T> lane_numbers() {
  alignas(kAlignment) static constexpr auto kNumbers = [] {
    std::array<T, Vec<T>::kSize> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<T>(i);
    return numbers;
  }();
  return Vec<T>::load(kNumbers.data());
}

template <class T, int kMaxRows>
class Scores {
 public:
  using V = Vec<T>;
  static constexpr T kLowest = std::numeric_limits<T>::lowest(), kExcluded = -std::numeric_limits<T>::infinity();

  Scores(const AttentionOptions<T>& options, Index D) : options_(options), D_(D) {}

  // Writes the scores of a tile to s (rows of the tile, kKeys), -inf for excluded keys. The largest lane of
  // max_lanes[r] becomes the maximum of row r, or -inf if all its keys are excluded. If slope is not null, writes the
  // derivative of the softcap to slope (rows of the tile, kKeys).
  void compute(const QueryBlock<T, kMaxRows>& queries, const KeyBlock<T>& block, Index first_key, const ScoreTile& tile,
               T* s, V* max_lanes, T* slope) const {
    for (Index r = 0; r < tile.rows.size(); ++r) max_lanes[r] = V::all(kLowest);
    multiply_panels<T>(queries.q + tile.rows.begin, tile.rows.size(), D_, block.keys, tile.keys,
                       [&](Index key) { return Target<T>::scores(s + key, options_.score_scale, max_lanes); });
    if (!tile.full || options_.softcap != T(0)) select_keys(queries, first_key, tile, s, max_lanes, slope);
  }

 private:
  // Applies softcap, mask and exclusion to the scores, row by row. The scores are in the first-level cache.
  [[gnu::noinline]] void select_keys(const QueryBlock<T, kMaxRows>& queries, Index first_key, const ScoreTile& tile,
                                     T* s, V* max_lanes, T* slope) const {
    for (Index r = 0; r < tile.rows.size(); ++r) {
      const Index row = tile.rows.begin + r;
      T* score = s + r * kKeys;
      if (options_.softcap != T(0)) apply_softcap(score, tile.keys, slope == nullptr ? nullptr : slope + r * kKeys);
      const Range allowed = keys_in_block(queries.keys[row], first_key);
      alignas(kAlignment) T mask[kKeys];
      if (options_.mask && !allowed.empty()) {
        std::fill_n(mask, kKeys, kExcluded);
        options_.mask.row(queries.b, queries.head[row], queries.query[row],
                          {first_key + allowed.begin, first_key + allowed.end}, mask + allowed.begin);
      }
      const V begin = V::all(static_cast<T>(allowed.begin)), end = V::all(static_cast<T>(allowed.end));
      V row_max = V::all(kExcluded);
      for (Index key = tile.keys.begin; key < tile.keys.end; key += V::kSize) {
        const V lane = lane_numbers<T>() + V::all(static_cast<T>(key));
        V attends = select(less(lane, begin), V::zero(), less(lane, end)), x = V::load(score + key);
        if (options_.mask && !allowed.empty()) {
          const V added = V::load(mask + key);
          x = x + added;
          attends = select(less(added, V::all(kLowest)), V::zero(), attends);
        }
        select(attends, x, V::all(kExcluded)).store(score + key);
        // The inner max replaces NaN by kLowest.
        row_max = max(select(attends, max(V::all(kLowest), x), V::all(kExcluded)), row_max);
      }
      max_lanes[r] = row_max;
    }
  }

  void apply_softcap(T* score, Range keys, T* slope) const {
    const V softcap = V::all(options_.softcap);
    for (Index key = keys.begin; key < keys.end; key += V::kSize) {
      const V t = tanh(V::load(score + key) / softcap);
      (softcap * t).store(score + key);
      if (slope != nullptr) (V::all(T(1)) - t * t).store(slope + key);
    }
  }

  const AttentionOptions<T>& options_;
  Index D_;
};

// Returns true if row r of the queries may attend to key j. For single keys; `Scores` tests whole packets.
template <class T, int kMaxRows>
bool may_attend(const AttentionOptions<T>& options, const QueryBlock<T, kMaxRows>& queries, Index r, Index j) {
  return j >= queries.keys[r].begin && j < queries.keys[r].end &&
         !options.mask.excludes(queries.b, queries.head[r], queries.query[r], j);
}

// Writes the factors of dropout for one row and the keys first_key .. first_key + kKeys: 0 for a dropped weight, else
// keep_scale = 1 / (1 - dropout). Key j uses word j mod 4 of the Philox counter (j div 4, query, head, b).
template <class T>
void dropout_factors(const AttentionOptions<T>& options, Index b, Index head, Index query, Index first_key,
                     T* factors) {
  constexpr int kCounters = kKeys / 4;
  alignas(kAlignment) std::uint32_t counter[4][kCounters];
  for (int i = 0; i < kCounters; ++i) {
    counter[0][i] = static_cast<std::uint32_t>(first_key / 4 + i);
    counter[1][i] = static_cast<std::uint32_t>(query);
    counter[2][i] = static_cast<std::uint32_t>(head);
    counter[3][i] = static_cast<std::uint32_t>(b);
  }
  philox4x32(counter, static_cast<std::uint32_t>(options.seed), static_cast<std::uint32_t>(options.seed >> 32));
  const auto threshold = static_cast<std::uint32_t>(std::floor(std::ldexp(options.dropout, 32)));
  const T keep_scale = static_cast<T>(1.0 / (1.0 - options.dropout));
  for (int i = 0; i < kCounters; ++i)
    for (int w = 0; w < 4; ++w) factors[4 * i + w] = counter[w][i] >= threshold ? keep_scale : T(0);
}

}  // namespace seqfuse::attention
