// The functions that gates are made with, and their slopes.
//
// tanh and sigmoid are compiled into the cells (DefaultActivations). Any other choice is a switch a packet (RuntimeActivations),
// which also hands over the slope: the tape keeps it, so that a backward needs no function at all.
//
//   act.activation(a, slope), act.recurrent(a, slope)     f(clip(a)); slope is written by RuntimeActivations alone
//   act.unclipped_activation(a, slope)                               activation without the clip (LSTM: of c)
//   act.activation_slope(y, slope), ...                   f' times the clip's, from y or as it was kept
//   act.peephole(k, c, a), act.peephole_backward(k, da, dc)   a + P[k] * c, and its gradient for c
#pragma once

#include "seqfuse/cell_options.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

// log(1 + e) for 0 <= e <= 1, as 2 atanh(s), s = e / (2 + e) <= 1/3: no digit of a small e is lost.
template <class T>
Vec<T> log1p_of_fraction(Vec<T> e) {
  using V = Vec<T>;
  constexpr int kTerms = sizeof(T) == sizeof(float) ? 8 : 17;  // (1/9)^n / (2n + 1) is below half an ulp
  const V s = e / (e + V::all(2)), z = s * s;
  V sum = V::all(T(1) / T(2 * kTerms + 1));
  for (int n = kTerms - 1; n > 0; --n) sum = madd(sum, z, V::all(T(1) / T(2 * n + 1)));
  const V twice = s + s;
  return madd(twice * z, sum, twice);
}

// f(a), and f'(a) in slope. NaN passes through every f.
template <class T>
[[gnu::noinline]] Vec<T> activate(const Activation<T>& f, Vec<T> a, Vec<T>& slope) {
  using V = Vec<T>;
  const V zero = V::zero(), one = V::all(1), alpha = V::all(f.alpha), beta = V::all(f.beta);
  const V positive = less(zero, a);
  V y;
  switch (f.kind) {
    case ActivationKind::tanh:
      y = tanh(a);
      slope = madd(zero - y, y, one);
      return y;
    case ActivationKind::sigmoid:
      y = sigmoid(a);
      slope = y * (one - y);
      return y;
    case ActivationKind::relu:
      slope = select(positive, one, zero);
      return max(a, zero);
    case ActivationKind::linear:
      slope = one;
      return a;
    case ActivationKind::hard_sigmoid:
      y = madd(alpha, a, beta);
      slope = select(less(zero, y), select(less(y, one), alpha, zero), zero);
      return min(max(y, zero), one);
    case ActivationKind::softsign:
      y = one / (one + abs(a));
      slope = y * y;
      y = select(less(V::all(std::numeric_limits<T>::max()), abs(a)), with_sign_of(one, a), a / (one + abs(a)));
      return y;
    case ActivationKind::softplus: {
      const V e = exp(minus_abs(a));
      slope = sigmoid(a);
      return max(a, zero) + log1p_of_fraction(e);
    }
    case ActivationKind::elu: {
      const auto parts = exp_parts(max(min(a, zero), V::all(ExpConstants<T>::kLowest)));
      slope = select(positive, one, alpha * madd(parts.s, parts.p(), parts.s));
      return select(positive, a, alpha * madd(parts.s, parts.p(), parts.s - one));
    }
    case ActivationKind::leaky_relu:
      slope = select(positive, one, alpha);
      return a * slope;
  }
  return a;
}

// A unit's functions where they are tanh and sigmoid, known to the compiler, and nothing is clipped.
template <class T>
struct DefaultActivations {
  using V = Vec<T>;
  static constexpr bool kDefaultActivations = true;

  const CellOptions<T>& options;
  const T* parameters;  // (kParameters, lanes), of this block of units; cells that have some
  V mask;               // of h_prev where it enters U; cells that mask it themselves

  bool candidate() const { return options.candidate; }
  V parameter(int k) const { return V::load(parameters + k * V::kSize); }

  V activation(V a, V&) const { return tanh(a); }
  V recurrent(V a, V&) const { return sigmoid(a); }
  V unclipped_activation(V a, V&) const { return tanh(a); }
  V activation_slope(V y, V) const { return madd(V::zero() - y, y, V::all(1)); }
  V recurrent_slope(V y, V) const { return y * (V::all(1) - y); }

  V peephole(int, V, V a) const { return a; }
  V peephole_backward(int, V, V dc) const { return dc; }
};

// The same as the options say.
template <class T>
struct RuntimeActivations {
  using V = Vec<T>;
  static constexpr bool kDefaultActivations = false;

  const CellOptions<T>& options;
  const T* parameters;
  V mask;

  bool candidate() const { return options.candidate; }
  V parameter(int k) const { return V::load(parameters + k * V::kSize); }

  V activation(V a, V& slope) const { return clipped(options.activation, a, slope); }
  V recurrent(V a, V& slope) const { return clipped(options.recurrent_activation, a, slope); }
  V unclipped_activation(V a, V& slope) const { return activate(options.activation, a, slope); }
  V activation_slope(V, V slope) const { return slope; }
  V recurrent_slope(V, V slope) const { return slope; }

  V peephole(int k, V c, V a) const { return options.peephole ? madd(parameter(k), c, a) : a; }
  V peephole_backward(int k, V da, V dc) const { return options.peephole ? madd(parameter(k), da, dc) : dc; }

 private:
  V clipped(const Activation<T>& f, V a, V& slope) const {
    const V most = V::all(options.clip);
    const V y = activate(f, max(min(a, most), V::zero() - most), slope);
    slope = select(less(most, abs(a)), V::zero(), slope);
    return y;
  }
};

}  // namespace seqfuse
