// Key blocks and query blocks of attention: their sizes, their layout in memory, and packing.
//
// A key block is kKeys consecutive keys, counted from key 0, on every instruction set. The online softmax and dq are
// accumulated key block by key block, so the size of a key block affects the rounding of the results. A packed key
// block has the layout that the register tiles of gemm.hpp read:
//
//     keys:    panels of kPanelKeys keys, each (D, kPanelKeys)      a score is a sum over d; one lane per key
//     values:  (kKeys, Dv padded to whole packets)                  an output is a sum over keys; one lane per feature
//
// The queries of all query heads that share a key head form one list of rows: row r is query r / group of head
// number r % group in the group. A query block is a range of these rows. Its outputs stay in the cache while the key
// blocks are read one after the other.
#pragma once

#include <algorithm>

#include "seqfuse/attention.hpp"
#include "seqfuse/pack.hpp"

namespace seqfuse::attention {

inline constexpr Index kKeys = 64;
template <class T>
inline constexpr Index kPanelKeys = gemm::kPanelPackets * Vec<T>::kSize;

// Returns D rounded up to whole packets.
template <class T>
Index padded(Index D) {
  return round_up(D, Vec<T>::kSize);
}

template <class T>
struct KeyBlock {
  const T* keys = nullptr;    // packed panels
  const T* values = nullptr;  // (kKeys, padded Dv)
  bool finite = true;         // false: excluded keys must be skipped, since 0 * value may be NaN
};

// Returns true if all lanes are 0. x * 0 is 0 for every finite x, and NaN otherwise.
template <class T>
bool all_zero(Vec<T> v) {
  alignas(kAlignment) T lanes[Vec<T>::kSize];
  v.store(lanes);
  return std::all_of(lanes, lanes + Vec<T>::kSize, [](T x) { return x == T(0); });
}

// Copies the rows row_of(0) .. row_of(rows - 1), of n numbers each, to out (padded_rows, padded n). Writes zeros to
// the padding. Returns true if all numbers are finite.
template <class T, class RowOf>
bool copy_rows(RowOf&& row_of, Index rows, Index padded_rows, Index n, T* out) {
  using V = Vec<T>;
  V check = V::zero();
  for (Index r = 0; r < rows; ++r) {
    const T* from = row_of(r);
    for (Index i = 0; i < n; i += V::kSize, out += V::kSize) {
      const V x = V::load_first(from + i, n - i);
      check = madd(x, V::zero(), check);  // NaN once some x was NaN or infinite
      x.store(out);
    }
  }
  std::fill_n(out, (padded_rows - rows) * padded<T>(n), T(0));
  return all_zero(check);
}

// Returns true if all of the n numbers are finite. n is a multiple of the packet size.
template <class T>
bool are_finite(const T* x, Index n) {
  using V = Vec<T>;
  V check = V::zero();
  for (Index i = 0; i < n; i += V::kSize) check = madd(V::loadu(x + i), V::zero(), check);
  return all_zero(check);
}

// Transposes `count` <= kKeys rows of n numbers, from row `first` of head (b, h) on, into the panels of one key
// block. The remaining kKeys - count keys are zeros.
template <class T>
[[gnu::noinline]] void pack_keys(Heads<const T> k, Index b, Index h, Index first, Index count, Index n, T* out) {
  constexpr Index kWidth = kPanelKeys<T>;
  for (Index begin = 0; begin < kKeys; begin += kWidth, out += n * kWidth) {
    const Index keys = std::clamp<Index>(count - begin, 0, kWidth);
    if (keys < kWidth) std::fill_n(out, n * kWidth, T(0));
    gemm::transpose_into<T>([&](Index j) { return k.at(b, h, first + begin + j); }, keys, {0, n}, Rows<T>{out, kWidth});
  }
}

// Packed key blocks of one key head. Values are not copied if their rows are contiguous and consist of whole packets.
template <class T>
class KeyBlocks {
 public:
  KeyBlocks() = default;
  KeyBlocks(Index blocks, Index D, Index Dv)
      : D_(D),
        Dv_(Dv),
        keys_(checked_product({blocks, kKeys, D})),
        values_(checked_product({blocks, kKeys, padded<T>(Dv)})),
        blocks_(blocks) {}

  // Packs key block `block` of head (b, h), which has `limit` keys, and its values into slot `slot`. The values are
  // checked for NaN and infinity if they are copied anyway, or if keys_depend_on_query: then a query may attend to a
  // part of the block.
  [[gnu::noinline]] void pack(Index slot, Heads<const T> k, Heads<const T> v, Index b, Index h, Index block,
                              Index limit, bool keys_depend_on_query) {
    const Index first = block * kKeys, count = std::min(kKeys, limit - first);
    T* keys = keys_.data() + slot * kKeys * D_;
    pack_keys(k, b, h, first, count, D_, keys);
    const T* in_place = v.at(b, h, first);
    if (count == kKeys && v.stride_n == Dv_ && Dv_ == padded<T>(Dv_)) {
      blocks_[slot] = {keys, in_place, !keys_depend_on_query || are_finite(in_place, kKeys * Dv_)};
      return;
    }
    T* values = values_.data() + slot * kKeys * padded<T>(Dv_);
    const bool finite = copy_rows<T>([&](Index j) { return v.at(b, h, first + j); }, count, kKeys, Dv_, values);
    blocks_[slot] = {keys, values, finite};
  }

  const KeyBlock<T>& operator[](Index slot) const { return blocks_[slot]; }

 private:
  Index D_ = 0, Dv_ = 0;
  Buffer<T> keys_, values_;
  Buffer<KeyBlock<T>> blocks_;
};

// Up to kMaxRows query rows of one key head, and the keys that each row may attend to by its position.
template <class T, int kMaxRows>
struct QueryBlock {
  Index b = 0, hk = 0, rows = 0;
  Index head[kMaxRows], query[kMaxRows];  // of each row
  Range keys[kMaxRows];                   // of each row
  Range common_keys;                      // keys that every row may attend to
  const T* q[kMaxRows];                   // (D,) each

  [[gnu::noinline]] void set(const AttentionShape& shape, const KeyInterval& interval, Heads<const T> queries,
                             Index batch_row, Index key_head, Range row_range) {
    const Index group = shape.group(), first_head = key_head * group;
    b = batch_row;
    hk = key_head;
    rows = row_range.size();
    common_keys = {0, interval.Tk};
    Index i = row_range.begin / group, h = row_range.begin % group;
    for (Index r = 0; r < rows; ++r) {
      head[r] = first_head + h;
      query[r] = i;
      keys[r] = interval.keys(b, i);
      q[r] = queries.at(b, head[r], i);
      common_keys = {std::max(common_keys.begin, keys[r].begin), std::min(common_keys.end, keys[r].end)};
      if (++h == group) {
        h = 0;
        ++i;
      }
    }
  }
  // Returns the index of row r in an array (B, Hq, Tq).
  Index row_index(const AttentionShape& shape, Index r) const { return (b * shape.Hq + head[r]) * shape.Tq + query[r]; }
};

// Returns the smallest range that contains the keys of all rows.
inline Range union_of_keys(const Range* keys, Index rows) {
  Range all{KeyInterval::kUnbounded, 0};
  for (Index r = 0; r < rows; ++r)
    if (!keys[r].empty()) all = {std::min(all.begin, keys[r].begin), std::max(all.end, keys[r].end)};
  return all;
}

// Returns the range of key blocks that contain a range of keys.
inline Range key_block_range(Range keys) {
  return keys.empty() ? Range{} : Range{keys.begin / kKeys, divide_up(keys.end, kKeys)};
}

}  // namespace seqfuse::attention
