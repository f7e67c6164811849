// Softmax over keys that come block by block: the greatest score so far, and the sum of exp(score - greatest).
//
//     m' = max(m, greatest of the block)     factor = exp(m - m')     p = exp(s - m')     l' = factor * l + sum of p
//
// The sum runs in one cache line of lanes on every instruction set: key j belongs to lane j mod kLine. A row without
// keys so far has m = -inf; its factor and the weights of excluded keys (s = -inf) are exactly 0.
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>

#include "seqfuse/lines.hpp"

namespace seqfuse {

// The state of kMost rows, a multiple of every packet.
template <class T, int kMost>
struct RunningSoftmax {
  using V = Vec<T>;
  static constexpr T kNone = -std::numeric_limits<T>::infinity();

  alignas(kAlignment) T high[kMost];
  alignas(kAlignment) T factor[kMost];  // of the last block: by which what was summed before it shrinks
  alignas(kAlignment) T sums[kMost][kLine<T>];

  void reset(Index rows) {
    std::fill_n(high, kMost, kNone);
    for (Index r = 0; r < rows; ++r) std::fill_n(sums[r], kLine<T>, T(0));
  }

  // Takes note of the greatest scores of a block, still in lanes, for rows 0 .. rows. Rows are reduced a square of
  // packets at a time: turned, the lanes of a row stand below each other.
  void raise(Index rows, const V* greatest) {
    for (Index first = 0; first < rows; first += V::kSize) {
      V square[V::kSize];
      for (Index i = 0; i < V::kSize; ++i) square[i] = greatest[first + i];
      transpose(square);
      for (Index half = V::kSize / 2; half > 0; half /= 2)
        for (Index i = 0; i < half; ++i) square[i] = max(square[i], square[i + half]);
      const V before = V::load(high + first), now = max(before, square[0]);
      now.store(high + first);
      exp_nonpositive(before - floor_of(now)).store(factor + first);
    }
  }

  // Turns the scores of row r for the columns `keys`, whole lines, into weights in place, and sums them.
  void weigh(Index r, T* s, Range keys) {
    constexpr int kPackets = static_cast<int>(kLine<T> / V::kSize), kAtOnce = 4;
    const V m = floor_of(V::all(high[r]));
    V lanes[kPackets];
    for (auto& lane : lanes) lane = V::zero();
    Index key = keys.begin;
    const auto some = [&]<int N>(std::integral_constant<int, N>) __attribute__((always_inline)) {
      const auto p = exp_nonpositive(Vecs<T, N>::each([&](int i) { return V::load(s + key + i * V::kSize) - m; }));
#pragma GCC unroll 8
      for (int i = 0; i < N; ++i) {
        p.v[i].store(s + key + i * V::kSize);
        lanes[i % kPackets] = lanes[i % kPackets] + p.v[i];
      }
      key += N * V::kSize;
    };
    while (key + kAtOnce * V::kSize <= keys.end) some(std::integral_constant<int, kAtOnce>{});
    while (key < keys.end) some(std::integral_constant<int, kPackets>{});
    for (int i = 0; i < kPackets; ++i) {
      T* line = sums[r] + i * V::kSize;
      madd(V::load(line), V::all(factor[r]), lanes[i]).store(line);
    }
  }

  // The reciprocal of row r's sum; 0 where nothing was summed.
  T reciprocal(Index r) const { return high[r] == kNone ? T(0) : T(1) / Line<T>::load(sums[r]).sum(); }

 private:
  // What is subtracted: a row without keys has -inf, and -inf - -inf would be NaN.
  static V floor_of(V m) { return max(m, V::all(std::numeric_limits<T>::lowest())); }
};

}  // namespace seqfuse
