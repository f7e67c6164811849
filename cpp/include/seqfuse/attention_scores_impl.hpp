// Scores of a few rows of queries with the keys of one block: what forward and backward have in common.
#pragma once

#include <array>
#include <cmath>

#include "seqfuse/attention_tiles.hpp"
#include "seqfuse/philox.hpp"

namespace seqfuse::attention {

// Rows of a query block with the keys of a block that any of them reaches: whole lines of keys, from the block's
// first key on. `whole`: every row may attend to every key, so nothing needs to be selected.
struct ScoreTile {
  Range rows;  // of the query block
  Range keys;  // within the key block
  bool whole = false;
};

// The part of a row's keys that lies in the block whose first key is `first`.
inline Range within(Range keys, Index first) {
  return {std::clamp<Index>(keys.begin - first, 0, kKeys), std::clamp<Index>(keys.end - first, 0, kKeys)};
}

template <class T, int kMost>
ScoreTile tile_of(const QueryBlock<T, kMost>& queries, Range rows, Index first, bool masked) {
  if (!masked && queries.shared.begin <= first && first + kKeys <= queries.shared.end) return {rows, {0, kKeys}, true};
  Range all{kKeys, 0}, shared{0, kKeys};
  for (Index r = rows.begin; r < rows.end; ++r) {
    const Range here = within(queries.keys[r], first);
    if (!here.empty()) all = {std::min(all.begin, here.begin), std::max(all.end, here.end)};
    shared = {std::max(shared.begin, here.begin), std::min(shared.end, here.end)};
  }
  if (all.empty()) return {rows, {}, false};
  const bool whole = !masked && shared.size() == kKeys;
  return {rows, {all.begin / kLine<T> * kLine<T>, round_up(all.end, kLine<T>)}, whole};
}

// The product of rows 0 .. count with the packed keys (or values) of a tile, panel by panel; target(key): what the panel
// that begins at this key of the block goes to.
template <class T, class TargetOf>
void multiply_panels(const T* const* rows, Index count, Index n, const T* panels, Range keys, TargetOf&& target) {
  constexpr Index kWidth = kPanelKeys<T>;
  for (Index begin = keys.begin / kWidth * kWidth; begin < keys.end; begin += kWidth) {
    const Index from = std::max(begin, keys.begin), to = std::min(begin + kWidth, keys.end);
    multiply<T>(count, (to - from) / Vec<T>::kSize, gemm::RowTerms<T>{rows, n}, panels + begin * n + (from - begin),
                kWidth, target(from));
  }
}

// Lanes 0, 1, 2, ...
template <class T>
Vec<T> lane_numbers() {
  alignas(kAlignment) static constexpr auto kNumbers = [] {
    std::array<T, Vec<T>::kSize> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<T>(i);
    return numbers;
  }();
  return Vec<T>::load(kNumbers.data());
}

// Scores of a tile's rows, -inf where excluded; s (rows of the tile, kKeys). greatest[r]: the greatest of row r, in
// lanes, -inf where all are excluded. With `slope` the derivative of the softcap goes there.
template <class T, int kMost>
class Scores {
 public:
  using V = Vec<T>;
  static constexpr T kLowest = std::numeric_limits<T>::lowest(), kExcluded = -std::numeric_limits<T>::infinity();

  Scores(const AttentionOptions<T>& options, Index D) : options_(options), D_(D) {}

  void compute(const QueryBlock<T, kMost>& queries, const KeyBlock<T>& block, Index first, const ScoreTile& tile, T* s,
               V* greatest, T* slope) const {
    for (Index r = 0; r < tile.rows.size(); ++r) greatest[r] = V::all(kLowest);
    multiply_panels<T>(queries.q + tile.rows.begin, tile.rows.size(), D_, block.keys, tile.keys,
                       [&](Index key) { return Target<T>::scores(s + key, options_.scale, greatest); });
    if (!tile.whole || options_.softcap != T(0)) select_keys(queries, first, tile, s, greatest, slope);
  }

 private:
  // Softcap, mask and exclusion, row by row in the first-level cache.
  [[gnu::noinline]] void select_keys(const QueryBlock<T, kMost>& queries, Index first, const ScoreTile& tile, T* s,
                                     V* greatest, T* slope) const {
    for (Index r = 0; r < tile.rows.size(); ++r) {
      const Index row = tile.rows.begin + r;
      T* score = s + r * kKeys;
      if (options_.softcap != T(0)) cap(score, tile.keys, slope == nullptr ? nullptr : slope + r * kKeys);
      const Range may = within(queries.keys[row], first);
      alignas(kAlignment) T added[kKeys];
      if (options_.mask && !may.empty()) {
        std::fill_n(added, kKeys, kExcluded);
        options_.mask.row(queries.b, queries.head[row], queries.query[row], {first + may.begin, first + may.end},
                          added + may.begin);
      }
      const V begin = V::all(static_cast<T>(may.begin)), end = V::all(static_cast<T>(may.end));
      V high = V::all(kExcluded);
      for (Index key = tile.keys.begin; key < tile.keys.end; key += V::kSize) {
        const V lane = lane_numbers<T>() + V::all(static_cast<T>(key));
        V attends = select(less(lane, begin), V::zero(), less(lane, end)), x = V::load(score + key);
        if (options_.mask && !may.empty()) {
          const V more = V::load(added + key);
          x = x + more;
          attends = select(less(more, V::all(kLowest)), V::zero(), attends);
        }
        select(attends, x, V::all(kExcluded)).store(score + key);
        high = max(select(attends, max(V::all(kLowest), x), V::all(kExcluded)), high);  // a NaN counts as the lowest
      }
      greatest[r] = high;
    }
  }

  void cap(T* score, Range keys, T* slope) const {
    const V limit = V::all(options_.softcap);
    for (Index key = keys.begin; key < keys.end; key += V::kSize) {
      const V t = tanh(V::load(score + key) / limit);
      (limit * t).store(score + key);
      if (slope != nullptr) (V::all(T(1)) - t * t).store(slope + key);
    }
  }

  const AttentionOptions<T>& options_;
  Index D_;
};

// Whether row r of the queries may attend to key j: for the few places that cannot select packet by packet.
template <class T, int kMost>
bool may_attend(const AttentionOptions<T>& options, const QueryBlock<T, kMost>& queries, Index r, Index j) {
  return j >= queries.keys[r].begin && j < queries.keys[r].end &&
         !options.mask.excludes(queries.b, queries.head[r], queries.query[r], j);
}

// The factors of dropout for the weights of a row with keys first .. first + kKeys: 0 or 1 / (1 - rate).
// Key j takes word j mod 4 of Philox's counter (j div 4, query, head, b).
template <class T>
void dropout_factors(const AttentionOptions<T>& options, Index b, Index head, Index query, Index first, T* factors) {
  constexpr int kCounters = kKeys / 4;
  alignas(kAlignment) std::uint32_t counter[4][kCounters];
  for (int i = 0; i < kCounters; ++i) {
    counter[0][i] = static_cast<std::uint32_t>(first / 4 + i);
    counter[1][i] = static_cast<std::uint32_t>(query);
    counter[2][i] = static_cast<std::uint32_t>(head);
    counter[3][i] = static_cast<std::uint32_t>(b);
  }
  philox4x32(counter, static_cast<std::uint32_t>(options.seed), static_cast<std::uint32_t>(options.seed >> 32));
  const auto least = static_cast<std::uint32_t>(std::floor(std::ldexp(options.dropout, 32)));
  const T scale = static_cast<T>(1.0 / (1.0 - options.dropout));
  for (int i = 0; i < kCounters; ++i)
    for (int w = 0; w < 4; ++w) factors[4 * i + w] = counter[w][i] >= least ? scale : T(0);
}

}  // namespace seqfuse::attention
