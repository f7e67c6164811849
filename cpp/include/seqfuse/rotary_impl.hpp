// Rotary position embeddings. Each number is read and written once, in the order in which x is stored. The speed is
// limited by memory bandwidth; a row of the tables cos and sin stays in the cache for all heads.
//
// Both layouts of pairs use the same two lines of arithmetic, so they give the same bits.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "seqfuse/parallel.hpp"
#include "seqfuse/rotary.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

namespace detail {

// forward: y = (p * cos - q * sin, q * cos + p * sin)   =>   backward: the same with -sin
template <class T>
Pairs<T> rotate(Pairs<T> x, Vec<T> cos, Vec<T> sin) {
  const Vec<T> p = x.first, q = x.second;
  return {madd(q, Vec<T>::zero() - sin, p * cos), madd(p, sin, q * cos)};
}

// Rotates one row x (D,) into y (D,). cos, sin: (pairs,). sign: -1 to rotate by the negative angles.
template <class T, bool kInterleaved>
void rotate_row(const T* x, T* y, const T* cos, const T* sin, Index pairs, Index D, Vec<T> sign) {
  using V = Vec<T>;
  for (Index i = 0; i < pairs; i += V::kSize) {
    const Index left = pairs - i;
    const V c = V::load_first(cos + i, left), s = V::load_first(sin + i, left) * sign;
    if constexpr (kInterleaved) {
      const T* from = x + 2 * i;
      T* to = y + 2 * i;
      const Pairs<T> y_i = join_pairs(rotate(
          split_pairs(V::load_first(from, 2 * left), V::load_first(from + V::kSize, 2 * left - V::kSize)), c, s));
      y_i.first.store_first(to, 2 * left);
      y_i.second.store_first(to + V::kSize, 2 * left - V::kSize);
    } else {
      const Pairs<T> y_i = rotate(Pairs<T>{V::load_first(x + i, left), V::load_first(x + pairs + i, left)}, c, s);
      y_i.first.store_first(y + i, left);
      y_i.second.store_first(y + pairs + i, left);
    }
  }
  std::copy_n(x + 2 * pairs, D - 2 * pairs, y + 2 * pairs);
}

}  // namespace detail

template <class T>
void rotary(const RotaryArgs<T>& args) {
  const Index rows = args.B * args.H * args.N;
  const auto rotate_row = args.interleaved ? detail::rotate_row<T, true> : detail::rotate_row<T, false>;
  const auto sign = Vec<T>::all(args.inverse ? T(-1) : T(1));
  // The inner loop goes over the axis of x with the smaller stride: heads or steps.
  const bool heads_inside = std::abs(args.x.stride_h) < std::abs(args.x.stride_n);
  const Index inner_size = heads_inside ? args.H : args.N, outer_size = heads_inside ? args.N : args.H;
  const auto work = parallel::Work::moves(rows * args.D);
  parallel::run(parallel::threads_for(work, args.threads), [&](int thread, int team) {
    const Range part = share_of(rows, thread, team);
    Index inner = part.begin % inner_size, outer = part.begin / inner_size % outer_size;
    Index b = part.begin / inner_size / outer_size;
    for (Index row = part.begin; row < part.end; ++row) {
      const Index h = heads_inside ? inner : outer, n = heads_inside ? outer : inner;
      const Index position = args.positions == nullptr ? n : args.positions[b * args.positions_stride + n];
      rotate_row(args.x.at(b, h, n), args.y.at(b, h, n), args.cos.row(position), args.sin.row(position), args.pairs,
                 args.D, sign);
      if (++inner < inner_size) continue;
      inner = 0;
      if (++outer < outer_size) continue;
      outer = 0;
      ++b;
    }
  });
}

}  // namespace seqfuse
