// Measures rounding errors in units in the last place.
#pragma once

#include <cmath>
#include <limits>

namespace seqfuse::tests {

// Returns the error of `got` in units in the last place of the exact result.
template <class T>
double ulps(T got, long double exact) {
  if (static_cast<long double>(got) == exact) return 0;
  int exponent;
  std::frexp(exact, &exponent);
  const long double unit = std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - exact) / unit);
}

}  // namespace seqfuse::tests
