// Density and lower tail of the normal distribution for packets, from one exponential and one division.
//
// erf is not used: below x = -5.5 in float, 1 + erf(x / sqrt(2)) cancels to 0. The tail is computed directly instead
// and keeps its relative accuracy there. Like simd.hpp, this file gives the same bits on every instruction set with
// fused multiply-adds.
#pragma once

#include "seqfuse/simd.hpp"

namespace seqfuse {

// Phi(-a) = exp(-a^2 / 2) * q(t), t = (a - k) / (a + k), for 0 <= a <= kMax. The polynomial q is a minimax fit of the
// relative error (float: 0.11 units of 2^-24; double: 0.03 units of 2^-53). At kMax the factor 2^n from exp_parts is
// 0.
template <class T>
struct NormalConstants;

template <>
struct NormalConstants<float> {
  static constexpr float kMax = 13.266f, k = 3;
  static constexpr float q[] = {0.121513947724f,    -0.206402617929f, 0.123225021703f,     -0.0462133138089f,
                                0.0061321830006f,   0.0029047026136f, -0.000984182546745f, -0.000339911228551f,
                                0.000116037116124f, 5.41506648282e-5f};
};

template <>
struct NormalConstants<double> {
  static constexpr double kMax = 37.656, k = 5;
  static constexpr double q[] = {
      0.076919304975006295927,   -0.1434575552640119751,     0.11606881188600329143,      -0.080883877264127104854,
      0.047855352284170030291,   -0.02341390048770099494,    0.0089913705505914410701,    -0.0023788443565780295979,
      0.00021955073760058772316, 0.0001342768426038028147,   -0.000060427482680731909726, 9.6130939003086952626e-7,
      6.6444210838448214933e-6,  -1.2700852917054750001e-6,  -6.7507948582640844886e-7,   2.4336482115826934034e-7,
      7.7111532031967013771e-8,  -3.9189657161901407079e-8,  -1.100287711570575412e-8,    5.7040051835726768789e-9,
      1.8327413335627321986e-9,  -5.7407128827650510136e-10, -2.3430326609369277424e-10};
};

template <class T>
struct NormalParts {
  Vec<T> tail;  // Phi(m)
  Vec<T> e;     // exp(-m^2 / 2): the density without its factor 1 / sqrt(2 * pi)
};

// Returns both parts for m = -a <= 0. e is within 1.2 ulp. The tail is within 6 ulp for a <= 6, and within 16 ulp for
// larger a (float: 4 and 6 ulp). Both are 0 where they would be denormal. NaN gives NaN.
template <class T>
[[gnu::always_inline]] inline NormalParts<T> normal_parts(Vec<T> m) {
  using C = NormalConstants<T>;
  using E = ExpConstants<T>;
  using V = Vec<T>;
  constexpr int kTerms = sizeof(C::q) / sizeof(T);
  const V k = V::all(C::k), t = (m + k) / (m - k);
  V q = V::all(C::q[kTerms - 1]);
#pragma GCC unroll 32
  for (int i = kTerms - 2; i >= 0; --i) q = madd(q, t, V::all(C::q[i]));
  // The same as exp_parts(-m^2 / 2), except that -m^2 / 2 - n ln 2 is rounded only once. If the square was rounded
  // first, e would be up to 40 ulp off in float.
  const V half = m * V::all(T(-0.5));
  const V exponent = madd(m * half, V::all(T(1.44269504088896340736)), V::all(E::kRound));
  const V n = exponent - V::all(E::kRound);
  const V r = madd(m, half, n * V::all(-E::kLn2High));
  const auto parts = exp_parts(exponent, madd(n, V::all(-E::kLn2Low), r));
  const V p = parts.p();
  return {parts.s * madd(p, q, q), madd(p, parts.s, parts.s)};
}

}  // namespace seqfuse
