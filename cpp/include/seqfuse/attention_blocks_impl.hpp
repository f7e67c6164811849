// How attention cuts its work, and how keys and values lie meanwhile.
//
// A key block is kKeys keys, counted from key 0, whatever the instruction set: online softmax and the gradients of
// queries go from block to block, so the block is part of the arithmetic. Its keys are packed as the tile of gemm.hpp
// reads them, the keys as units:
//
//     keys:    panels of kPanelKeys keys, each (D, kPanelKeys)      a score is a chain over d, lanes are keys
//     values:  (kKeys, Dv padded to packets)                        an output is a chain over keys, lanes are dv
//
// Rows of queries of all heads that share a key head go together, query by query: row r is query r / group of head
// r % group. A query block is some of them; its outputs stay in the cache while the key blocks go by.
#pragma once

#include <algorithm>

#include "seqfuse/attention.hpp"
#include "seqfuse/pack.hpp"

namespace seqfuse::attention {

inline constexpr Index kKeys = 64;
template <class T>
inline constexpr Index kPanelKeys = gemm::kPanelPackets * Vec<T>::kSize;

// Packets of one row of D numbers, in elements.
template <class T>
Index padded(Index D) {
  return round_up(D, Vec<T>::kSize);
}

template <class T>
struct KeyBlock {
  const T* keys = nullptr;    // packed panels
  const T* values = nullptr;  // (kKeys, padded Dv)
  bool finite = true;         // no NaN and no infinity stands in the values, or nothing of them is ever left out
};

// Whether all lanes are 0, as x * 0 is of every finite x.
template <class T>
bool all_zero(Vec<T> v) {
  alignas(kAlignment) T lanes[Vec<T>::kSize];
  v.store(lanes);
  return std::all_of(lanes, lanes + Vec<T>::kSize, [](T x) { return x == T(0); });
}

// Rows row_of(0 .. rows) of n numbers as whole packets, zeros behind them and in rows up to `all`; whether all numbers
// are finite.
template <class T, class RowOf>
bool copy_rows(RowOf&& row_of, Index rows, Index all, Index n, T* to) {
  using V = Vec<T>;
  V seen = V::zero();
  for (Index r = 0; r < rows; ++r) {
    const T* from = row_of(r);
    for (Index i = 0; i < n; i += V::kSize, to += V::kSize) {
      const V x = V::load_first(from + i, n - i);
      seen = madd(x, V::zero(), seen);  // NaN from an infinity or a NaN on
      x.store(to);
    }
  }
  std::fill_n(to, (all - rows) * padded<T>(n), T(0));
  return all_zero(seen);
}

// Whether n numbers, whole packets, are all finite.
template <class T>
bool are_finite(const T* x, Index n) {
  using V = Vec<T>;
  V seen = V::zero();
  for (Index i = 0; i < n; i += V::kSize) seen = madd(V::loadu(x + i), V::zero(), seen);
  return all_zero(seen);
}

// `count` <= kKeys rows of n numbers turned into panels; the keys that are missing are zeros.
template <class T>
[[gnu::noinline]] void pack_keys(Heads<const T> k, Index b, Index h, Index first, Index count, Index n, T* to) {
  constexpr Index kWidth = kPanelKeys<T>;
  for (Index begin = 0; begin < kKeys; begin += kWidth, to += n * kWidth) {
    const Index keys = std::clamp<Index>(count - begin, 0, kWidth);
    if (keys < kWidth) std::fill_n(to, n * kWidth, T(0));
    gemm::transpose_into<T>([&](Index j) { return k.at(b, h, first + begin + j); }, keys, {0, n}, Rows<T>{to, kWidth});
  }
}

// Packed key blocks of one head. Values whose rows are whole packets and lie one behind the other are left there.
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

  // Packs keys block*kKeys .. and their values into place `at`. `selects`: some query may attend to some of the block
  // and not to all of it, so it matters whether the values are finite.
  [[gnu::noinline]] void pack(Index at, Heads<const T> k, Heads<const T> v, Index b, Index h, Index block, Index limit,
                              bool selects) {
    const Index first = block * kKeys, count = std::min(kKeys, limit - first);
    T* keys = keys_.data() + at * kKeys * D_;
    pack_keys(k, b, h, first, count, D_, keys);
    const T* in_place = v.at(b, h, first);
    if (count == kKeys && v.stride_n == Dv_ && Dv_ == padded<T>(Dv_)) {
      blocks_[at] = {keys, in_place, !selects || are_finite(in_place, kKeys * Dv_)};
      return;
    }
    T* values = values_.data() + at * kKeys * padded<T>(Dv_);
    const bool finite = copy_rows<T>([&](Index j) { return v.at(b, h, first + j); }, count, kKeys, Dv_, values);
    blocks_[at] = {keys, values, finite};
  }

  const KeyBlock<T>& operator[](Index at) const { return blocks_[at]; }

 private:
  Index D_ = 0, Dv_ = 0;
  Buffer<T> keys_, values_;
  Buffer<KeyBlock<T>> blocks_;
};

// Some rows of queries, and the keys that each may attend to by its position.
template <class T, int kMost>
struct QueryBlock {
  Index b = 0, hk = 0, rows = 0;
  Index head[kMost], query[kMost];
  Range keys[kMost];
  Range shared;  // the keys that every row may attend to
  const T* q[kMost];

  [[gnu::noinline]] void set(const AttentionShape& shape, const KeyInterval& interval, Heads<const T> queries,
                             Index batch, Index key_head, Range of_rows) {
    const Index group = shape.group(), first_head = key_head * group;
    b = batch, hk = key_head, rows = of_rows.size();
    shared = {0, interval.Tk};
    Index i = of_rows.begin / group, h = of_rows.begin % group;
    for (Index r = 0; r < rows; ++r) {
      head[r] = first_head + h;
      query[r] = i;
      keys[r] = interval.keys(b, i);
      q[r] = queries.at(b, head[r], i);
      shared = {std::max(shared.begin, keys[r].begin), std::min(shared.end, keys[r].end)};
      if (++h == group) h = 0, ++i;
    }
  }
  // Where in an array (B, Hq, Tq) row r is.
  Index at(const AttentionShape& shape, Index r) const { return (b * shape.Hq + head[r]) * shape.Tq + query[r]; }
};

// The keys that rows of queries reach by position, together: from the least to the greatest.
inline Range reach(const Range* keys, Index rows) {
  Range all{KeyInterval::kUnbounded, 0};
  for (Index r = 0; r < rows; ++r)
    if (!keys[r].empty()) all = {std::min(all.begin, keys[r].begin), std::max(all.end, keys[r].end)};
  return all;
}

// The key blocks that hold a range of keys.
inline Range blocks_of(Range keys) {
  return keys.empty() ? Range{} : Range{keys.begin / kKeys, divide_up(keys.end, kKeys)};
}

}  // namespace seqfuse::attention
