// One pass over the numbers, packet by packet: an exponential and a division each, 0.5 to 0.8 ns a number in float, which
// is about what reading and writing them costs where they come from memory. A backward computes from x again rather than
// reads a slope that was kept. Several packets side by side (Vecs) were no faster.
#pragma once

#include <algorithm>

#include "seqfuse/memory.hpp"
#include "seqfuse/normal_distribution.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/pointwise.hpp"

namespace seqfuse {

namespace pointwise {

// f(packet number, how many numbers are left) for all packets; threads split cache lines.
template <class T, class F>
void for_each_packet(Index n, int threads, F&& f) {
  const auto work = parallel::Work::exponentials(n);
  parallel::run(parallel::threads_for(work, threads), [&](int thread, int team) {
    const Range share = share_of(divide_up(n, kLine<T>), thread, team);
    const Index end = std::min(share.end * kLine<T>, n);
    for (Index i = share.begin * kLine<T>; i < end; i += Vec<T>::kSize) f(i, end - i);
  });
}

// All three are x F(x) with a distribution function F that is symmetric, F(-x) = 1 - F(x), of density F'. With m = -|x|
// and its tail F(m), which has all of its digits where 1 - F would have none:
//
//     y = max(x, 0) + m F(m)
//     dy/dx = F(x) + x F'(x) = below for x < 0, else 1 - below; below = F(m) + m F'(m)
//
// m is held to where the tail is exactly 0, so that nothing is made of infinities.
template <class T>
struct Tail {
  Vec<T> m, tail, density;
};

template <class T>
struct Gelu {
  using V = Vec<T>;
  // F = Phi, F' = e^(-x^2/2) / sqrt(2 pi)
  static Tail<T> at(V x) {
    const V m = max(minus_abs(x), V::all(-NormalConstants<T>::kMost));
    const auto parts = normal_parts(m);
    return {m, parts.tail, parts.e * V::all(T(0.39894228040143267794))};
  }
};

// sigmoid(u) and its slope for u <= 0.
template <class T>
struct SigmoidTail {
  Vec<T> tail, slope;
  explicit SigmoidTail(Vec<T> u) {
    const Vec<T> one = Vec<T>::all(T(1)), e = exp_nonpositive(u), r = one / (one + e);
    tail = e * r;
    slope = tail * r;
  }
};

template <class T>
struct GeluTanh {
  using V = Vec<T>;
  // F = sigmoid(u), u = 2 sqrt(2 / pi) (x + 0.044715 x^3), F' = sigmoid'(u) u'
  static Tail<T> at(V x) {
    constexpr T kLinear = T(1.5957691216057307118), kCubic = T(0.071354816272600278);
    constexpr T kVanishes = sizeof(T) == sizeof(float) ? T(-10.5) : T(-21.5);
    const V m = max(minus_abs(x), V::all(kVanishes)), square = m * m;
    const SigmoidTail<T> sigmoid(m * madd(V::all(kCubic), square, V::all(kLinear)));
    return {m, sigmoid.tail, sigmoid.slope * madd(V::all(3 * kCubic), square, V::all(kLinear))};
  }
};

template <class T>
struct Silu {
  using V = Vec<T>;
  // F = sigmoid
  static Tail<T> at(V x) {
    const V m = max(minus_abs(x), V::all(ExpConstants<T>::kVanishes));
    const SigmoidTail<T> sigmoid(m);
    return {m, sigmoid.tail, sigmoid.slope};
  }
};

template <class T>
Vec<T> value(Vec<T> x, Tail<T> at) {
  return madd(at.m, at.tail, max(x, Vec<T>::zero()));
}

template <class T>
Vec<T> slope(Vec<T> x, Tail<T> at) {
  const Vec<T> below = madd(at.m, at.density, at.tail);
  return select(less(x, Vec<T>::zero()), below, Vec<T>::all(T(1)) - below);
}

// call(F<T>) of the chosen function.
template <class T, class Call>
void with_function(Pointwise f, Call&& call) {
  switch (f) {
    case Pointwise::gelu:
      return call(Gelu<T>{});
    case Pointwise::gelu_tanh:
      return call(GeluTanh<T>{});
    case Pointwise::silu:
      return call(Silu<T>{});
  }
}

}  // namespace pointwise

template <class T>
void pointwise_forward(const PointwiseArgs<T>& args) {
  pointwise::with_function<T>(args.f, [&](auto f) {
    pointwise::for_each_packet<T>(args.n, args.threads, [x = args.x, y = args.out, f](Index i, Index left) {
      const auto number = Vec<T>::load_first(x + i, left);
      value(number, f.at(number)).store_first(y + i, left);
    });
  });
}

template <class T>
void pointwise_backward(const PointwiseArgs<T>& args) {
  pointwise::with_function<T>(args.f, [&](auto f) {
    const auto one = [x = args.x, dy = args.dy, dx = args.out, f](Index i, Index left) {
      const auto number = Vec<T>::load_first(x + i, left);
      (Vec<T>::load_first(dy + i, left) * slope(number, f.at(number))).store_first(dx + i, left);
    };
    pointwise::for_each_packet<T>(args.n, args.threads, one);
  });
}

}  // namespace seqfuse
