// Sums of numbers that are known by their logarithms: log(exp(a) + exp(b)), where -inf stands for 0.
//
// Every step is an operation of simd.hpp, so that the bits are the same on every instruction set.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "seqfuse/simd.hpp"

namespace seqfuse {

// log(1 + r) = n ln 2 + 2 artanh(f), f = (m - 1) / (m + 1), where 1 + r = 2^n m and n is 0 or 1, so that |f| <= 1/5. The
// series of artanh ends with f^9 / 9 in float and f^21 / 21 in double; what is left out is below 0.16 ulp. For 0 <= r <= 2,
// within 2 ulp: 1 + r is not rounded, so a tiny r is not lost.
template <class T>
[[gnu::always_inline]] inline Vec<T> log1p_of_at_most_two(Vec<T> r) {
  using V = Vec<T>;
  constexpr int kLast = sizeof(T) > sizeof(float) ? 10 : 4;
  const V high = less(V::all(T(0.41421356237309504880)), r);  // 1 + r > sqrt(2)
  const V f = select(high, r - V::all(T(1)), r) / (r + select(high, V::all(T(3)), V::all(T(2))));
  const V z = f * f, twice = f + f;
  V series = V::all(T(1) / T(2 * kLast + 1));
#pragma GCC unroll 16
  for (int k = kLast - 1; k > 0; --k) series = madd(series, z, V::all(T(1) / T(2 * k + 1)));
  return select(high, V::all(T(0.69314718055994530942)), V::zero()) + madd(twice * z, series, twice);
}

// What is subtracted from logarithms of which m is the greatest: -inf - -inf would be NaN.
template <class T>
[[gnu::always_inline]] inline Vec<T> finite_maximum(Vec<T> m) {
  return max(m, Vec<T>::all(std::numeric_limits<T>::lowest()));
}

template <class T>
[[gnu::always_inline]] inline Vec<T> log_add(Vec<T> a, Vec<T> b) {
  const Vec<T> high = max(a, b);
  return high + log1p_of_at_most_two(exp_nonpositive(min(a, b) - finite_maximum(high)));
}

template <class T>
[[gnu::always_inline]] inline Vec<T> log_add(Vec<T> a, Vec<T> b, Vec<T> c) {
  const Vec<T> of_two = max(a, b), high = max(of_two, c), finite = finite_maximum(high);
  const Vec<T> others = exp_nonpositive(min(a, b) - finite) + exp_nonpositive(min(of_two, c) - finite);
  return high + log1p_of_at_most_two(others);
}

inline double log_add(double a, double b) {
  const double high = std::max(a, b);
  return std::isinf(high) ? high : high + std::log1p(std::exp(std::min(a, b) - high));
}

}  // namespace seqfuse
