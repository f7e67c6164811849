// Activation functions and their derivatives on packets.
//
// The cells are compiled with tanh and sigmoid (DefaultActivations). For any other choice, RuntimeActivations selects
// the function with one switch per packet. It also returns the slope, which the tape keeps, so that the backward
// evaluates no function. Both classes have the same methods:
//
//   act.activation(a, slope), act.recurrent(a, slope)     f(clip(a)). Only RuntimeActivations writes the slope.
//   act.unclipped_activation(a, slope)                    the activation without the clip; the LSTM applies it to c
//   act.activation_slope(y, slope), ...                   derivative of f(clip(a)), from y or from the slope kept
//   act.peephole(k, c, a), act.peephole_backward(k, da, dc)   a + P[k] * c, and dc + P[k] * da, its gradient for c
#pragma once

#include "seqfuse/cell_options.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

// Returns log(1 + e) for 0 <= e <= 1, computed as 2 atanh(s) with s = e / (2 + e) <= 1/3. It is accurate for small e,
// too.
template <class T>
Vec<T> log1p_of_fraction(Vec<T> e) {
  using V = Vec<T>;
  constexpr int kTerms = sizeof(T) == sizeof(float) ? 8 : 17;  // from here on, (1/9)^n / (2n + 1) is below 0.5 ulp
  const V s = e / (e + V::all(2)), z = s * s;
  V sum = V::all(T(1) / T(2 * kTerms + 1));
  for (int n = kTerms - 1; n > 0; --n) sum = madd(sum, z, V::all(T(1) / T(2 * n + 1)));
  const V twice = s + s;
  return madd(twice * z, sum, twice);
}

// Returns f(a) and writes f'(a) to `slope`. f(NaN) is NaN for every f.
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

// The functions of a block of units, fixed at compile time: tanh and sigmoid, without clip and peepholes.
template <class T>
struct DefaultActivations {
  using V = Vec<T>;
  static constexpr bool kDefaultActivations = true;

  const CellOptions<T>& options;
  const T* parameters;  // (kParameters, lanes), aligned, of this block of units; unused by cells without parameters
  V mask;               // recurrent mask, for the cells that multiply h_prev by it themselves

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

// The functions of a block of units, chosen at run time by the options.
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
    const V limit = V::all(options.clip);
    const V y = activate(f, max(min(a, limit), V::zero() - limit), slope);
    slope = select(less(limit, abs(a)), V::zero(), slope);
    return y;
  }
};

}  // namespace seqfuse
