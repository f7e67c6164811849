// SIMD packets of numbers, and exp, tanh and sigmoid on packets. The only file that names Eigen::internal.
//
// A kernel written with Vec<T> compiles to SSE, AVX2, AVX-512 or NEON from one source. All instruction sets with a
// fused multiply-add return the same bits: every fused operation is an explicit madd (the build sets
// -ffp-contract=off), and the elementary functions below consist only of these operations, in a fixed order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "seqfuse/eigen_packets.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

namespace packet = Eigen::internal;

template <class T>
struct Vec {
  using Number = T;
  using Packet = typename packet::packet_traits<T>::type;
  static constexpr Index kSize = packet::unpacket_traits<Packet>::size;

  Packet v;

  static Vec load(const T* p) { return {packet::pload<Packet>(p)}; }    // p is aligned to a packet
  static Vec loadu(const T* p) { return {packet::ploadu<Packet>(p)}; }  // any p
  static Vec all(T x) { return {packet::pset1<Packet>(x)}; }
  static Vec zero() { return all(T(0)); }
  void store(T* p) const { packet::pstore(p, v); }
  void storeu(T* p) const { packet::pstoreu(p, v); }

  // Load or store the first n lanes at p, or all lanes if n >= kSize. Memory from p + n on is not accessed. Loading
  // sets the remaining lanes to zero.
  static Vec load_first(const T* p, Index n) { return n >= kSize ? loadu(p) : load_part(p, n); }
  void store_first(T* p, Index n) const { n >= kSize ? storeu(p) : store_part(p, n, v); }
  // Returns the first n lanes unchanged and zeros in the others, which may have contained NaN.
  Vec first(Index n) const { return n >= kSize ? *this : part(v, n); }

  friend Vec operator+(Vec a, Vec b) { return {packet::padd(a.v, b.v)}; }
  friend Vec operator-(Vec a, Vec b) { return {packet::psub(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {packet::pmul(a.v, b.v)}; }
  friend Vec operator/(Vec a, Vec b) { return {packet::pdiv(a.v, b.v)}; }
  friend Vec madd(Vec a, Vec b, Vec c) { return {packet::pmadd(a.v, b.v, c.v)}; }  // a*b + c, rounded once
  friend Vec min(Vec a, Vec b) { return {packet::pmin(a.v, b.v)}; }                // a if a is NaN
  friend Vec max(Vec a, Vec b) { return {packet::pmax(a.v, b.v)}; }                // a if a is NaN
  friend Vec abs(Vec a) { return {packet::pabs(a.v)}; }
  friend Vec minus_abs(Vec a) { return {packet::por(a.v, all(T(-0.0)).v)}; }
  friend Vec sqrt(Vec a) { return {packet::psqrt(a.v)}; }
  friend Vec less(Vec a, Vec b) { return {packet::pcmp_lt(a.v, b.v)}; }  // all bits set if a < b; no bits if not or NaN
  friend Vec select(Vec mask, Vec a, Vec b) {
    return {packet::por(packet::pand(mask.v, a.v), packet::pandnot(b.v, mask.v))};
  }
  // Returns a with the sign of s. Requires that a is >= 0 or NaN.
  friend Vec with_sign_of(Vec a, Vec s) { return {packet::por(a.v, packet::pand(s.v, all(T(-0.0)).v))}; }

 private:
  // Load, store or cut the last packet of a row, with n < kSize lanes. They are not inlined, because hundreds of places
  // use them. A loop in each place made the kernels larger and their compilation slower.
  [[gnu::noinline]] static Vec load_part(const T* p, Index n) {
    alignas(64) T lanes[kSize] = {};
    for (Index i = 0; i < n; ++i) lanes[i] = p[i];
    return load(lanes);
  }
  [[gnu::noinline]] static void store_part(T* p, Index n, Packet packet) {
    alignas(64) T lanes[kSize];
    Vec{packet}.store(lanes);
    for (Index i = 0; i < n; ++i) p[i] = lanes[i];
  }
  [[gnu::noinline]] static Vec part(Packet packet, Index n) {
    alignas(64) T lanes[kSize];
    Vec{packet}.store(lanes);
    for (Index i = n; i < kSize; ++i) lanes[i] = T(0);
    return load(lanes);
  }
};

// Transposes a square matrix in registers: kSize packets of kSize numbers. As a function call, which passes the packets
// through memory, it would take three times as long.
template <class T>
[[gnu::always_inline]] inline void transpose(Vec<T>* rows) {
  constexpr int kSize = static_cast<int>(Vec<T>::kSize);
  packet::PacketBlock<typename Vec<T>::Packet, kSize> block;
  for (int i = 0; i < kSize; ++i) block.packet[i] = rows[i].v;
  packet::ptranspose(block);
  for (int i = 0; i < kSize; ++i) rows[i].v = block.packet[i];
}

// The deinterleaved form of pairs (p0, q0, p1, q1, ...): `first` contains all p, `second` all q.
template <class T>
struct Pairs {
  Vec<T> first, second;
};

// Returns the lanes with indices I of the concatenation of a and b.
template <class T, int... I>
Vec<T> select_lanes(Vec<T> a, Vec<T> b, std::integer_sequence<int, I...>) {
  using Lanes [[gnu::vector_size(sizeof(typename Vec<T>::Packet))]] = T;
  Lanes from_a, from_b, selected;
  std::memcpy(&from_a, &a.v, sizeof from_a);
  std::memcpy(&from_b, &b.v, sizeof from_b);
  selected = __builtin_shufflevector(from_a, from_b, I...);
  std::memcpy(&a.v, &selected, sizeof selected);
  return a;
}

// Deinterleaves two consecutive packets a and b of pairs.
template <class T>
Pairs<T> split_pairs(Vec<T> a, Vec<T> b) {
  return [&]<int... I>(std::integer_sequence<int, I...>) -> Pairs<T> {
    return {select_lanes(a, b, std::integer_sequence<int, 2 * I...>{}),
            select_lanes(a, b, std::integer_sequence<int, 2 * I + 1 ...>{})};
  }(std::make_integer_sequence<int, static_cast<int>(Vec<T>::kSize)>{});
}

// Interleaves the pairs again, the inverse of split_pairs. Returns packet a in `first` and packet b in `second`.
template <class T>
Pairs<T> join_pairs(Pairs<T> pairs) {
  constexpr int kSize = static_cast<int>(Vec<T>::kSize);
  return [&]<int... I>(std::integer_sequence<int, I...>) -> Pairs<T> {
    return {select_lanes(pairs.first, pairs.second, std::integer_sequence<int, I / 2 + I % 2 * kSize...>{}),
            select_lanes(pairs.first, pairs.second,
                         std::integer_sequence<int, (I + kSize) / 2 + (I + kSize) % 2 * kSize...>{})};
  }(std::make_integer_sequence<int, kSize>{});
}

// Constants of exp, tanh and sigmoid for each type.
//
// q: coefficients of expm1(r) = r + r^2 q(r) for |r| <= ln(2)/2. They are a minimax fit of the relative error, which is
// 0.22 units of 2^-24 for float and 0.003 units of 2^-53 for double.
// kRound: adding it to a number rounds to an integer n and leaves n + exponent bias in the low bits.
template <class T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  using Bits = std::int32_t;
  static constexpr int kMantissa = 23;
  static constexpr float kRound = 12582912.0f + 127.0f;                       // 1.5 * 2^23 + bias
  static constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // n * kLn2High is exact
  static constexpr float kLowest = -87.3f, kHighest = 88.3f;                  // 2^n is a normal number in this interval
  static constexpr float kExpMin = -87.33654f, kExpMax = 88.72283f;           // exp is a normal number in this interval
  static constexpr float kVanishes = -88.0f;                                  // the bits of 2^n are those of 0 here
  static constexpr float kTanhIsOne = 9.1f;                                   // tanh rounds to 1 from here on
  static constexpr float q[] = {0.499999981329f, 0.166665426847f, 0.0416672039372f, 0.00836664678225f,
                                0.00138824962416f};
};

template <>
struct ExpConstants<double> {
  using Bits = std::int64_t;
  static constexpr int kMantissa = 52;
  static constexpr double kRound = 6755399441055744.0 + 1023.0;
  static constexpr double kLn2High = 0.693145751953125, kLn2Low = 1.42860682030941723212e-6;
  static constexpr double kLowest = -708.3, kHighest = 709.4;
  static constexpr double kExpMin = -708.3964185322641, kExpMax = 709.782712893384;
  static constexpr double kVanishes = -709.0;
  static constexpr double kTanhIsOne = 19.1;
  static constexpr double q[] = {0.5000000000000000008678,   0.1666666666666667669576,   0.04166666666666650574099,
                                 0.008333333333321513688779, 0.001388888888896350453203, 0.0001984126988647719697423,
                                 2.480158717103898194771e-5, 2.75572438042842079888e-6,  2.755740329908694526105e-7,
                                 2.510919508498119337969e-8, 2.087531765490028375047e-9};
};

// N packets that go through the same operations in an interleaved order. In a chain of dependent operations, each takes
// about four cycles. N independent chains keep the core busy in the meantime, within the range of its out-of-order
// window.
template <class T, int N>
struct Vecs {
  using Number = T;
  Vec<T> v[N];

  static Vecs all(T x) {
    return each([&](int) { return Vec<T>::all(x); });
  }
  static Vecs load(const T* p) {  // any p
    return each([&](int i) { return Vec<T>::loadu(p + i * Vec<T>::kSize); });
  }
  void store(T* p) const {
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) v[i].storeu(p + i * Vec<T>::kSize);
  }
  // Returns the packets f(0), ..., f(N - 1).
  template <class F>
  [[gnu::always_inline]] static Vecs each(F&& f) {
    Vecs out;
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) out.v[i] = f(i);
    return out;
  }
  friend Vecs operator+(Vecs a, Vecs b) {
    return each([&](int i) { return a.v[i] + b.v[i]; });
  }
  friend Vecs operator-(Vecs a, Vecs b) {
    return each([&](int i) { return a.v[i] - b.v[i]; });
  }
  friend Vecs operator*(Vecs a, Vecs b) {
    return each([&](int i) { return a.v[i] * b.v[i]; });
  }
  friend Vecs madd(Vecs a, Vecs b, Vecs c) {
    return each([&](int i) { return madd(a.v[i], b.v[i], c.v[i]); });
  }
  friend Vecs max(Vecs a, Vecs b) {  // a if a is NaN
    return each([&](int i) { return max(a.v[i], b.v[i]); });
  }
  friend Vecs exp(Vecs a) {
    return each([&](int i) { return exp(a.v[i]); });
  }

  // Reduces all lanes to one number with f(packet, packet). Each round combines the upper half of the lanes with the
  // lower half. The order is the same on every instruction set.
  template <class F>
  T reduce(F&& f) const {
    Vec<T> packets[N];
    std::copy_n(v, N, packets);
#pragma GCC unroll 4
    for (int half = N / 2; half > 0; half /= 2)
#pragma GCC unroll 4
      for (int i = 0; i < half; ++i) packets[i] = f(packets[i], packets[i + half]);
    const Vec<T> all = fold_lanes<static_cast<int>(Vec<T>::kSize)>(packets[0], f);
    T first;
    std::memcpy(&first, &all.v, sizeof first);
    return first;
  }
  T sum() const {
    return reduce([](Vec<T> a, Vec<T> b) { return a + b; });
  }

 private:
  template <int n, class F>
  static Vec<T> fold_lanes(Vec<T> a, F&& f) {
    if constexpr (n == 1) {
      return a;
    } else {
      constexpr int half = n / 2, kSize = static_cast<int>(Vec<T>::kSize);
      const Vec<T> upper = [&]<int... I>(std::integer_sequence<int, I...>) {
        return select_lanes(a, a, std::integer_sequence<int, (I + half) % kSize...>{});
      }(std::make_integer_sequence<int, kSize>{});
      return fold_lanes<half>(f(a, upper), f);
    }
  }
};

// Returns 2^n for a t that contains n + exponent bias in its low bits. Shifts these bits into the exponent and discards
// the others.
template <class T>
[[gnu::always_inline]] inline Vec<T> as_exponent(Vec<T> t) {
  using Int [[gnu::vector_size(sizeof(typename Vec<T>::Packet))]] = typename ExpConstants<T>::Bits;
  Int bits;
  std::memcpy(&bits, &t.v, sizeof bits);
  bits <<= ExpConstants<T>::kMantissa;
  std::memcpy(&t.v, &bits, sizeof bits);
  return t;
}
template <class T, int N>
[[gnu::always_inline]] inline Vecs<T, N> as_exponent(Vecs<T, N> t) {
  return Vecs<T, N>::each([&](int i) { return as_exponent(t.v[i]); });
}

// The parts of exp(x) = s * (1 + p), with s = 2^n, r = x - n ln 2 and p = expm1(r) = r + r^2 q. Requires x between
// kLowest and kHighest. V is Vec or Vecs.
template <class V>
struct ExpParts {
  V s, r, q;
  V p() const { return madd(r * r, q, r); }
};

// Returns the parts for a given r. Requires t = n + kRound.
template <class V>
[[gnu::always_inline]] inline ExpParts<V> exp_parts(V t, V r) {
  using C = ExpConstants<typename V::Number>;
  constexpr int kTerms = sizeof(C::q) / sizeof(typename V::Number);
  V q = V::all(C::q[kTerms - 1]);
#pragma GCC unroll 16
  for (int i = kTerms - 2; i >= 0; --i) q = madd(q, r, V::all(C::q[i]));
  return {as_exponent(t), r, q};
}

template <class V>
[[gnu::always_inline]] inline ExpParts<V> exp_parts(V x) {
  using T = typename V::Number;
  using C = ExpConstants<T>;
  const V t = madd(x, V::all(T(1.44269504088896340736)), V::all(C::kRound));
  const V n = t - V::all(C::kRound);
  const V r = madd(n, V::all(-C::kLn2High), x);
  return exp_parts(t, madd(n, V::all(-C::kLn2Low), r));
}

// Returns e^x with an error of at most 1.05 ulp. If e^x is below the smallest normal number, returns 0. If it is above
// the largest one, returns inf. exp(NaN) is NaN.
template <class T>
[[gnu::always_inline]] inline Vec<T> exp(Vec<T> x) {
  using C = ExpConstants<T>;
  using V = Vec<T>;
  using Int [[gnu::vector_size(sizeof(typename V::Packet))]] = typename C::Bits;
  const V upper = V::all(C::kExpMax), lower = V::all(C::kExpMin), one = V::all(T(1));
  const auto parts = exp_parts(max(min(x, upper), lower));
  V inside = parts.p() + one;  // multiplied by 2^n through its exponent bits, because 2^n overflows for the largest n
  Int bits, power, unit;
  std::memcpy(&bits, &inside.v, sizeof bits);
  std::memcpy(&power, &parts.s.v, sizeof power);
  std::memcpy(&unit, &one.v, sizeof unit);
  bits += power - unit;
  std::memcpy(&inside.v, &bits, sizeof bits);
  const V below = V{packet::pcmp_lt(x.v, lower.v)};
  const V beyond = V{packet::pcmp_lt_or_nan(upper.v, x.v)};
  const V end = x * V::all(std::numeric_limits<T>::infinity());  // inf or NaN
  return {packet::por(packet::pandnot(packet::pandnot(inside.v, below.v), beyond.v), packet::pand(beyond.v, end.v))};
}

// Returns e^x for x <= 0 with fewer operations than exp. The error is at most 0.9 ulp. If e^x is below the smallest
// normal number, returns 0. exp_nonpositive(NaN) is NaN.
template <class V>
[[gnu::always_inline]] inline V exp_nonpositive(V x) {
  const auto parts = exp_parts(max(x, V::all(ExpConstants<typename V::Number>::kVanishes)));
  return madd(parts.p(), parts.s, parts.s);
}

// Returns tanh(x) = sign(x) (1 - e) / (1 + e) with e = exp(-2|x|). Numerator and denominator are rounded once each.
// They are computed from expm1, so that no digits cancel near zero. The error is at most 1.96 ulp over all floats.
//
// The sign of the exponent matters: near zero, exp(+2|x|) + 1 is just above 2, where the rounding error is twice as
// large, and the total error would be 2.57 ulp.
template <class T>
[[gnu::always_inline]] inline Vec<T> tanh(Vec<T> x) {
  using V = Vec<T>;
  const V one = V::all(T(1));
  const V a = max(minus_abs(x), V::all(-ExpConstants<T>::kTanhIsOne));
  const auto parts = exp_parts(a + a);
  const V s = parts.s, p = parts.p(), c = one - s;
  V numerator = c - s * p;
  if constexpr (sizeof(T) > sizeof(float)) {
    // Avoids the rounding of p, with which the error was 2.02 ulp in tests. All floats were tested, which is not
    // possible for doubles.
    const V high = c - s * parts.r;
    numerator = high + ((c - high) - s * parts.r - s * (parts.r * parts.r * parts.q));
  }
  return with_sign_of(numerator / madd(p, s, s + one), x);
}

// Returns 1 / (1 + e^-x) with e^-x = s + s p. The denominator is max(s, 1) + (s p + min(s, 1)), so that e^-x is not
// rounded separately. The error is below 2 ulp over all floats; it would be 2.48 ulp with a separate rounding. For -inf
// the quotient is denormal, which kernels flush to 0.
template <class T>
[[gnu::always_inline]] inline Vec<T> sigmoid(Vec<T> x) {
  using C = ExpConstants<T>;
  using V = Vec<T>;
  const V one = V::all(T(1));
  const V a = V::zero() - max(min(x, V::all(-C::kLowest)), V::all(-C::kHighest));
  const auto parts = exp_parts(a);
  return one / (max(parts.s, one) + madd(parts.p(), parts.s, min(parts.s, one)));
}

}  // namespace seqfuse
