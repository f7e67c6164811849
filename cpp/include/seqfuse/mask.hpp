// Which keys a query may attend to: by position (lengths, causal, window), and by a mask.
//
// Excluded means excluded by one of these, never a score that was computed to be -inf.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "seqfuse/types.hpp"

namespace seqfuse {

// The keys of a query by position: an interval. Query i stands at position p = i, or where the last query stands at
// the last key: p = i + limit - Tq; it may attend to keys p - left .. p + right below limit = lengths[b], else Tk.
struct KeyInterval {
  static constexpr Index kUnbounded = std::numeric_limits<Index>::max() / 4;

  Index Tq = 0, Tk = 0;
  Index left = kUnbounded, right = kUnbounded;  // causal: right = 0
  bool bottom_right = false;
  const std::int64_t* lengths = nullptr;  // (B,), or none

  // Whether the keys depend on the query.
  bool by_position() const { return left < kUnbounded || right < kUnbounded; }
  Index limit(Index b) const { return lengths == nullptr ? Tk : static_cast<Index>(lengths[b]); }
  Range keys(Index b, Index i) const {
    const Index end = limit(b), p = i + (bottom_right ? end - Tq : 0);
    return {std::max<Index>(p - left, 0), std::min(p + right + 1, end)};  // may be empty
  }
};

// A mask broadcast to (B, Hq, Tq, Tk): `keep` (0: excluded) or `add` (joins the score; -inf: excluded), or neither.
// Strides count elements and are 0 along a broadcast axis; that of the keys is 1 or 0.
template <class T>
struct AttentionMask {
  const std::uint8_t* keep = nullptr;
  const T* add = nullptr;
  Index stride_b = 0, stride_h = 0, stride_i = 0, stride_j = 0;

  explicit operator bool() const { return keep != nullptr || add != nullptr; }

  // out[j - keys.begin] = what joins the score of query i and key j, -inf where it is excluded.
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
