// GELU and SiLU, and their gradients, in one pass over the numbers, packet by packet.
//
// Cost: one exponential and one division per number, 0.5 to 0.8 ns in float. That is about the cost of reading and
// writing the numbers in memory. The backward recomputes the slope from x instead of reading a stored one. Computing
// several packets at once (Vecs) was not faster.
#pragma once

#include <algorithm>

#include "seqfuse/memory.hpp"
#include "seqfuse/normal_distribution.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/pointwise.hpp"

namespace seqfuse {

namespace pointwise {

// Calls f(i, remaining) for each packet: the index of its first number, and how many numbers there are from i on.
// Threads divide the numbers at cache lines.
template <class T, class F>
void for_each_packet(Index n, int threads, F&& f) {
  const auto work = parallel::Work::exponentials(n);
  parallel::run(parallel::threads_for(work, threads), [&](int thread, int team) {
    const Range part = share_of(divide_up(n, kLine<T>), thread, team);
    const Index end = std::min(part.end * kLine<T>, n);
    for (Index i = part.begin * kLine<T>; i < end; i += Vec<T>::kSize) f(i, end - i);
  });
}

// All three functions are x * F(x) with a distribution function F that is symmetric, F(-x) = 1 - F(x), and has the
// density F'. They are computed from m = -|x| and the tail F(m), which is accurate where 1 - F(|x|) would cancel:
//
//     y     = max(x, 0) + m * F(m)
//     dy/dx = F(x) + x * F'(x) = slope_at_m if x < 0, else 1 - slope_at_m; slope_at_m = F(m) + m * F'(m)
//
// m is limited to where the tail is exactly 0, so that no infinity enters the arithmetic.
template <class T>
struct Tail {
  Vec<T> m, tail, density;
};

template <class T>
struct Gelu {
  using V = Vec<T>;
  // F = Phi, F' = exp(-x^2 / 2) / sqrt(2 * pi)
  static Tail<T> tail(V x) {
    const V m = max(minus_abs(x), V::all(-NormalConstants<T>::kMax));
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
  // F = sigmoid(u), u = 2 * sqrt(2 / pi) * (x + 0.044715 * x^3), F' = sigmoid'(u) * u'
  static Tail<T> tail(V x) {
    constexpr T kLinear = T(1.5957691216057307118), kCubic = T(0.071354816272600278);
    constexpr T kTailIsZero = sizeof(T) == sizeof(float) ? T(-10.5) : T(-21.5);
    const V m = max(minus_abs(x), V::all(kTailIsZero)), square = m * m;
    const SigmoidTail<T> sigmoid(m * madd(V::all(kCubic), square, V::all(kLinear)));
    return {m, sigmoid.tail, sigmoid.slope * madd(V::all(3 * kCubic), square, V::all(kLinear))};
  }
};

template <class T>
struct Silu {
  using V = Vec<T>;
  // F = sigmoid
  static Tail<T> tail(V x) {
    const V m = max(minus_abs(x), V::all(ExpConstants<T>::kVanishes));
    const SigmoidTail<T> sigmoid(m);
    return {m, sigmoid.tail, sigmoid.slope};
  }
};

// Returns y.
template <class T>
Vec<T> value(Vec<T> x, Tail<T> f) {
  return madd(f.m, f.tail, max(x, Vec<T>::zero()));
}

// Returns dy/dx.
template <class T>
Vec<T> slope(Vec<T> x, Tail<T> f) {
  const Vec<T> slope_at_m = madd(f.m, f.density, f.tail);
  return select(less(x, Vec<T>::zero()), slope_at_m, Vec<T>::all(T(1)) - slope_at_m);
}

// Calls call(F<T>{}) with the structure of the function f.
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
    pointwise::for_each_packet<T>(args.n, args.threads, [x = args.x, y = args.out, f](Index i, Index remaining) {
      const auto packet = Vec<T>::load_first(x + i, remaining);
      value(packet, f.tail(packet)).store_first(y + i, remaining);
    });
  });
}

// forward: y = x * F(x)   =>   dx = dy * (F(x) + x * F'(x))
template <class T>
void pointwise_backward(const PointwiseArgs<T>& args) {
  pointwise::with_function<T>(args.f, [&](auto f) {
    const auto compute = [x = args.x, dy = args.dy, dx = args.out, f](Index i, Index remaining) {
      const auto packet = Vec<T>::load_first(x + i, remaining);
      (Vec<T>::load_first(dy + i, remaining) * slope(packet, f.tail(packet))).store_first(dx + i, remaining);
    };
    pointwise::for_each_packet<T>(args.n, args.threads, compute);
  });
}

}  // namespace seqfuse
