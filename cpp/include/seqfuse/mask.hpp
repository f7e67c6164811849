// The keys that a query of attention may attend to: an interval of positions (lengths, causal, window), and a mask.
//
// A key is excluded if the interval or the mask excludes it. A score that is computed to be -inf does not exclude a
// key.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "seqfuse/types.hpp"

namespace seqfuse {

// The keys that a query may attend to by its position.
//
// Query i has the position p = i, or p = i + limit - Tq if bottom_right, which places the last query at the last key.
// It may attend to the keys p - left .. p + right that are below limit = lengths[b], or below Tk without lengths.
struct KeyInterval {
  static constexpr Index kUnbounded = std::numeric_limits<Index>::max() / 4;

  Index Tq = 0, Tk = 0;
  Index left = kUnbounded, right = kUnbounded;  // causal: right = 0
  bool bottom_right = false;
  const std::int64_t* lengths = nullptr;  // (B,); null: Tk for every batch row

  // Returns true if the interval depends on the query.
  bool depends_on_query() const { return left < kUnbounded || right < kUnbounded; }
  Index limit(Index b) const { return lengths == nullptr ? Tk : static_cast<Index>(lengths[b]); }
  // Returns the interval of query i of batch row b. It may be empty.
  Range keys(Index b, Index i) const {
    const Index end = limit(b), p = i + (bottom_right ? end - Tq : 0);
    return {std::max<Index>(p - left, 0), std::min(p + right + 1, end)};
  }
};

// A mask broadcast to (B, Hq, Tq, Tk). At most one of `keep` and `add` is not null; if both are null there is no
// mask. Strides count elements and are 0 along a broadcast axis. stride_j, along the keys, is 1 or 0.
template <class T>
struct AttentionMask {
  const std::uint8_t* keep = nullptr;  // 0: the key is excluded
  const T* add = nullptr;              // added to the score; -inf: the key is excluded
  Index stride_b = 0, stride_h = 0, stride_i = 0, stride_j = 0;

  explicit operator bool() const { return keep != nullptr || add != nullptr; }

  // Writes out[j - keys.begin], for each key j in `keys`: the number to add to the score of query i and key j, or
  // -inf if the key is excluded.
  void row(Index b, Index h, Index i, Range keys, T* out) const {
    constexpr T kExcluded = -std::numeric_limits<T>::infinity();
    const Index at = offset(b, h, i) + keys.begin * stride_j;
    if (stride_j == 0)
      std::fill_n(out, keys.size(), add != nullptr ? add[at] : keep[at] != 0 ? T(0) : kExcluded);
    else if (add != nullptr)
      std::copy_n(add + at, keys.size(), out);
    else
      for (Index j = 0; j < keys.size(); ++j) out[j] = keep[at + j] != 0 ? T(0) : kExcluded;
  }

  bool excludes(Index b, Index h, Index i, Index j) const {
    const Index at = offset(b, h, i) + j * stride_j;
    return add != nullptr ? add[at] == -std::numeric_limits<T>::infinity() : keep != nullptr && keep[at] == 0;
  }

 private:
  Index offset(Index b, Index h, Index i) const { return b * stride_b + h * stride_h + i * stride_i; }
};

}  // namespace seqfuse
