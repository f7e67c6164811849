// THE rules: how a parameter moves by its gradient, one struct each, and nothing about memory, threads or limits.
//
// A rule has a name; its number of states (arrays like the parameters, carried from update to update) and of numbers
// of its own; `factors`, what an update makes of these once; and `moved`, the new w of one lane, given w, the gradient
// g, the states, which it changes, and the factors. Names and meanings are those of Keras 3.
#pragma once

#include <array>
#include <cmath>
#include <string_view>

#include "seqfuse/optimizer.hpp"

namespace seqfuse {

using RuleFactors = std::array<double, kMaxRuleNumbers>;

// w -= learning_rate * g
struct Sgd {
  static constexpr std::string_view kName = "sgd";
  static constexpr int kStates = 0, kNumbers = 0;

  static RuleFactors factors(const RuleStep& step) { return {-step.learning_rate}; }

  template <class V>
  static V moved(V w, V g, V*, const V* k) {
    return madd(g, k[0], w);
  }
};

// m = momentum * m - learning_rate * g;  w += m, or where it looks ahead: w += momentum * m - learning_rate * g
//                                                                   (Sutskever et al. 2013, ICML, "On the importance ...")
template <bool kAhead>
struct Momentum {
  static constexpr std::string_view kName = kAhead ? "sgd_nesterov" : "sgd_momentum";
  static constexpr int kStates = 1, kNumbers = 1;

  static RuleFactors factors(const RuleStep& step) { return {-step.learning_rate, step.numbers[0]}; }

  template <class V>
  static V moved(V w, V g, V* m, const V* k) {
    const V pull = g * k[0];
    m[0] = madd(m[0], k[1], pull);
    return w + (kAhead ? madd(m[0], k[1], pull) : m[0]);
  }
};

// v += (g^2 - v) * (1 - rho);  move = learning_rate * g / sqrt(v + epsilon)                             (Hinton 2012)
// centred:  a += (g - a) * (1 - rho);  v - a^2 in v's place, the variance, which rounding must not take below 0
// w -= move, or with momentum: m = momentum * m + move; w -= m.  States v, then m, then a, as far as there are any.
template <bool kMomentum, bool kCentred>
struct RmsProp {
  static constexpr std::string_view kName = kMomentum  ? (kCentred ? "rmsprop_centered_momentum" : "rmsprop_momentum")
                                            : kCentred ? "rmsprop_centered"
                                                       : "rmsprop";
  static constexpr int kStates = 1 + kMomentum + kCentred, kNumbers = 3;  // rho, momentum, epsilon

  static RuleFactors factors(const RuleStep& step) {
    const auto [rho, momentum, epsilon, none] = step.numbers;
    return {step.learning_rate, 1.0 - rho, momentum, epsilon};
  }

  template <class V>
  static V moved(V w, V g, V* state, const V* k) {
    V& v = state[0];
    v = madd(g * g - v, k[1], v);
    V spread = v;
    if constexpr (kCentred) {
      V& a = state[1 + kMomentum];
      a = madd(g - a, k[1], a);
      spread = max(v - a * a, V::zero());
    }
    const V move = k[0] * g / sqrt(spread + k[3]);
    if constexpr (!kMomentum) return w - move;
    V& m = state[1];
    m = madd(m, k[2], move);
    return w - m;
  }
};

// m += (g - m) * (1 - beta_1);  v += (g^2 - v) * (1 - beta_2);  w -= m * alpha / (sqrt(v) + epsilon)
// alpha = learning_rate * sqrt(1 - beta_2^count) / (1 - beta_1^count)
//          (Kingma and Ba 2015, arXiv:1412.6980, in the order of its section 2's last paragraph, as Keras 3 does)
// AMSGrad: the greatest v so far in v's place                                 (Reddi et al. 2018, arXiv:1904.09237)
template <bool kGreatest>
struct Adam {
  static constexpr std::string_view kName = kGreatest ? "adam_amsgrad" : "adam";
  static constexpr int kStates = 2 + kGreatest, kNumbers = 3;  // beta_1, beta_2, epsilon

  static RuleFactors factors(const RuleStep& step) {
    const auto [beta_1, beta_2, epsilon, none] = step.numbers;
    const auto count = static_cast<double>(step.count);
    const double alpha =
        step.learning_rate * std::sqrt(1.0 - std::pow(beta_2, count)) / (1.0 - std::pow(beta_1, count));
    return {alpha, 1.0 - beta_1, 1.0 - beta_2, epsilon};
  }

  template <class V>
  static V moved(V w, V g, V* state, const V* k) {
    V &m = state[0], &v = state[1];
    m = madd(g - m, k[1], m);
    v = madd(g * g - v, k[2], v);
    V spread = v;
    if constexpr (kGreatest) spread = state[2] = max(v, state[2]);
    return w - m * k[0] / (sqrt(spread) + k[3]);
  }
};

// v += g^2;  w -= learning_rate * g / sqrt(v + epsilon)                                        (Duchi et al. 2011, JMLR)
struct Adagrad {
  static constexpr std::string_view kName = "adagrad";
  static constexpr int kStates = 1, kNumbers = 1;  // epsilon

  static RuleFactors factors(const RuleStep& step) { return {step.learning_rate, step.numbers[0]}; }

  template <class V>
  static V moved(V w, V g, V* v, const V* k) {
    v[0] = madd(g, g, v[0]);
    return w - k[0] * g / sqrt(v[0] + k[1]);
  }
};

// Every rule there is: instantiation and the search by name go over this list.
template <class...>
struct RuleList {};
using Rules = RuleList<Sgd, Momentum<false>, Momentum<true>, RmsProp<false, false>, RmsProp<false, true>,
                       RmsProp<true, false>, RmsProp<true, true>, Adam<false>, Adam<true>, Adagrad>;

}  // namespace seqfuse
