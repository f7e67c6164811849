// Online softmax of attention: the running maximum of each row of scores, and the running sum of exp(s - maximum).
//
// For each key block, with scores s of a row, row_max m, and sum l:
//
//     m' = max(m, max of s)     rescale = exp(m - m')     p = exp(s - m')     l' = rescale * l + sum of p
//
// The caller multiplies whatever it accumulated with earlier weights by `rescale`. The sum has one lane for each
// number of a cache line on every instruction set, and key j is added to lane j mod kLine, so the bits do not depend
// on the packet. A row without keys so far has m = -inf; its rescale and the weights of excluded keys (s = -inf) are
// exactly 0.
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>

#include "seqfuse/lines.hpp"

namespace seqfuse {

// The state of up to kMaxRows rows. kMaxRows is a multiple of the packet size of every instruction set.
template <class T, int kMaxRows>
struct RunningSoftmax {
  using V = Vec<T>;
  static constexpr T kNone = -std::numeric_limits<T>::infinity();

  alignas(kAlignment) T row_max[kMaxRows];
  alignas(kAlignment) T rescale[kMaxRows];  // of the latest key block
  alignas(kAlignment) T sums[kMaxRows][kLine<T>];

  void reset(Index rows) {
    std::fill_n(row_max, kMaxRows, kNone);
    for (Index r = 0; r < rows; ++r) std::fill_n(sums[r], kLine<T>, T(0));
  }

  // Updates row_max and rescale of `rows` rows. block_max[r] is a packet whose largest lane is the maximum of row r
  // in this key block. Squares of packets are transposed, so that the lanes of a row are reduced by elementwise
  // maxima.
  void update_max(Index rows, const V* block_max) {
    for (Index first = 0; first < rows; first += V::kSize) {
      V square[V::kSize];
      for (Index i = 0; i < V::kSize; ++i) square[i] = block_max[first + i];
      transpose(square);
      for (Index half = V::kSize / 2; half > 0; half /= 2)
        for (Index i = 0; i < half; ++i) square[i] = max(square[i], square[i + half]);
      const V before = V::load(row_max + first), now = max(before, square[0]);
      now.store(row_max + first);
      exp_nonpositive(before - finite_max(now)).store(rescale + first);
    }
  }

  // Replaces the scores s[key] of row r by the weights exp(s[key] - row_max[r]), for the keys in `keys`, and updates
  // the sum of the row. `keys` begins and ends on a cache line.
  void exponentiate(Index r, T* s, Range keys) {
    constexpr int kPackets = static_cast<int>(kLine<T> / V::kSize), kUnrolledPackets = 4;
    const V m = finite_max(V::all(row_max[r]));
    V lanes[kPackets];
    for (auto& lane : lanes) lane = V::zero();
    Index key = keys.begin;
    const auto step = [&]<int N>(std::integral_constant<int, N>) __attribute__((always_inline)) {
      const auto p = exp_nonpositive(Vecs<T, N>::each([&](int i) { return V::load(s + key + i * V::kSize) - m; }));
#pragma GCC unroll 8
      for (int i = 0; i < N; ++i) {
        p.v[i].store(s + key + i * V::kSize);
        lanes[i % kPackets] = lanes[i % kPackets] + p.v[i];
      }
      key += N * V::kSize;
    };
    while (key + kUnrolledPackets * V::kSize <= keys.end) step(std::integral_constant<int, kUnrolledPackets>{});
    while (key < keys.end) step(std::integral_constant<int, kPackets>{});
    for (int i = 0; i < kPackets; ++i) {
      T* sum = sums[r] + i * V::kSize;
      madd(V::load(sum), V::all(rescale[r]), lanes[i]).store(sum);
    }
  }

  // Returns 1 / sum of row r, or 0 for a row without keys.
  T inv_sum(Index r) const { return row_max[r] == kNone ? T(0) : T(1) / Line<T>::load(sums[r]).sum(); }

 private:
  // The finite number that is subtracted from scores. With m = -inf the difference -inf - -inf would be NaN.
  static V finite_max(V m) { return max(m, V::all(std::numeric_limits<T>::lowest())); }
};

}  // namespace seqfuse
