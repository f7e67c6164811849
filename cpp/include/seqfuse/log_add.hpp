// Addition of numbers that are given by their logarithms: log(exp(a) + exp(b)). -inf represents 0.
//
// Uses only operations of simd.hpp, so the bits are the same on every instruction set.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "seqfuse/simd.hpp"

namespace seqfuse {

// Returns log(1 + r) for 0 <= r <= 2, within 2 ulp. 1 + r is not rounded, so a tiny r is not lost.
//
// log(1 + r) = n ln 2 + 2 artanh(f), f = (m - 1) / (m + 1), where 1 + r = 2^n m, n is 0 or 1, and |f| <= 1/5. The
// series of artanh ends with f^9 / 9 in float and f^21 / 21 in double. The rest of the series is below 0.16 ulp.
template <class T>
[[gnu::always_inline]] inline Vec<T> log1p_up_to_two(Vec<T> r) {
  using V = Vec<T>;
  constexpr int kLast = sizeof(T) > sizeof(float) ? 10 : 4;
  const V n_is_1 = less(V::all(T(0.41421356237309504880)), r);  // 1 + r > sqrt(2)
  const V f = select(n_is_1, r - V::all(T(1)), r) / (r + select(n_is_1, V::all(T(3)), V::all(T(2))));
  const V z = f * f, twice = f + f;
  V series = V::all(T(1) / T(2 * kLast + 1));
#pragma GCC unroll 16
  for (int k = kLast - 1; k > 0; --k) series = madd(series, z, V::all(T(1) / T(2 * k + 1)));
  return select(n_is_1, V::all(T(0.69314718055994530942)), V::zero()) + madd(twice * z, series, twice);
}

// Returns the finite number to subtract from logarithms whose maximum is m. With m = -inf, -inf - m would be NaN.
template <class T>
[[gnu::always_inline]] inline Vec<T> finite_max(Vec<T> m) {
  return max(m, Vec<T>::all(std::numeric_limits<T>::lowest()));
}

// Returns log(exp(a) + exp(b)).
template <class T>
[[gnu::always_inline]] inline Vec<T> log_add(Vec<T> a, Vec<T> b) {
  const Vec<T> m = max(a, b);
  return m + log1p_up_to_two(exp_nonpositive(min(a, b) - finite_max(m)));
}

// Returns log(exp(a) + exp(b) + exp(c)).
template <class T>
[[gnu::always_inline]] inline Vec<T> log_add(Vec<T> a, Vec<T> b, Vec<T> c) {
  const Vec<T> max_ab = max(a, b), m = max(max_ab, c), finite = finite_max(m);
  const Vec<T> others = exp_nonpositive(min(a, b) - finite) + exp_nonpositive(min(max_ab, c) - finite);
  return m + log1p_up_to_two(others);
}

// Returns log(exp(a) + exp(b)).
inline double log_add(double a, double b) {
  const double m = std::max(a, b);
  return std::isinf(m) ? m : m + std::log1p(std::exp(std::min(a, b) - m));
}

}  // namespace seqfuse
