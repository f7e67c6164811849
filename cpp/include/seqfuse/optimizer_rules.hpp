// The optimizer rules: how one gradient changes one parameter. One structure per rule, without memory, threads or
// limits.
//
// A rule has kName; kStates, the number of its states (arrays like the parameters, kept from update to update); and
// kNumbers, the number of its hyperparameters besides the learning rate. factors() is called once per update and
// returns the numbers that update() needs, in all lanes of k. update() returns the new parameter w for the gradient
// g, and changes the states. Names and meanings are those of Keras 3.
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
  static V update(V w, V g, V*, const V* k) {
    return madd(g, k[0], w);
  }
};

// m = momentum * m - learning_rate * g
// w += m, or with Nesterov momentum: w += momentum * m - learning_rate * g
//
// Sutskever et al. 2013, ICML, "On the importance of initialization and momentum in deep learning".
template <bool kNesterov>
struct Momentum {
  static constexpr std::string_view kName = kNesterov ? "sgd_nesterov" : "sgd_momentum";
  static constexpr int kStates = 1, kNumbers = 1;  // state m; number momentum

  static RuleFactors factors(const RuleStep& step) { return {-step.learning_rate, step.numbers[0]}; }

  template <class V>
  static V update(V w, V g, V* m, const V* k) {
    const V step = g * k[0];
    m[0] = madd(m[0], k[1], step);
    return w + (kNesterov ? madd(m[0], k[1], step) : m[0]);
  }
};

// v += (g^2 - v) * (1 - rho)
// step = learning_rate * g / sqrt(v + epsilon)
// w -= step, or with momentum: m = momentum * m + step; w -= m
//
// Centered: a += (g - a) * (1 - rho), and the variance v - a^2 replaces v in the step. It is limited to at least 0,
// below which it could be rounded. The states are v, m, a; those that are not used are left out. Hinton 2012.
template <bool kMomentum, bool kCentered>
struct RmsProp {
  static constexpr std::string_view kName = kMomentum   ? (kCentered ? "rmsprop_centered_momentum" : "rmsprop_momentum")
                                            : kCentered ? "rmsprop_centered"
                                                        : "rmsprop";
  static constexpr int kStates = 1 + kMomentum + kCentered, kNumbers = 3;  // numbers rho, momentum, epsilon

  static RuleFactors factors(const RuleStep& step) {
    const auto [rho, momentum, epsilon, unused] = step.numbers;
    return {step.learning_rate, 1.0 - rho, momentum, epsilon};
  }

  template <class V>
  static V update(V w, V g, V* state, const V* k) {
    V& v = state[0];
    v = madd(g * g - v, k[1], v);
    V variance = v;
    if constexpr (kCentered) {
      V& a = state[1 + kMomentum];
      a = madd(g - a, k[1], a);
      variance = max(v - a * a, V::zero());
    }
    const V step = k[0] * g / sqrt(variance + k[3]);
    if constexpr (!kMomentum) return w - step;
    V& m = state[1];
    m = madd(m, k[2], step);
    return w - m;
  }
};

// m += (g - m) * (1 - beta_1)
// v += (g^2 - v) * (1 - beta_2)
// w -= m * alpha / (sqrt(v) + epsilon), alpha = learning_rate * sqrt(1 - beta_2^count) / (1 - beta_1^count)
//
// Kingma and Ba 2015, arXiv:1412.6980, in the order of the last paragraph of section 2, as in Keras 3.
// AMSGrad replaces v in the last line by the maximum of all v so far. Reddi et al. 2018, arXiv:1904.09237.
template <bool kAmsGrad>
struct Adam {
  static constexpr std::string_view kName = kAmsGrad ? "adam_amsgrad" : "adam";
  static constexpr int kStates = 2 + kAmsGrad, kNumbers = 3;  // numbers beta_1, beta_2, epsilon

  static RuleFactors factors(const RuleStep& step) {
    const auto [beta_1, beta_2, epsilon, unused] = step.numbers;
    const auto count = static_cast<double>(step.count);
    const double alpha =
        step.learning_rate * std::sqrt(1.0 - std::pow(beta_2, count)) / (1.0 - std::pow(beta_1, count));
    return {alpha, 1.0 - beta_1, 1.0 - beta_2, epsilon};
  }

  template <class V>
  static V update(V w, V g, V* state, const V* k) {
    V &m = state[0], &v = state[1];
    m = madd(g - m, k[1], m);
    v = madd(g * g - v, k[2], v);
    V variance = v;
    if constexpr (kAmsGrad) variance = state[2] = max(v, state[2]);
    return w - m * k[0] / (sqrt(variance) + k[3]);
  }
};

// v += g^2
// w -= learning_rate * g / sqrt(v + epsilon)
//
// Duchi et al. 2011, JMLR 12, "Adaptive subgradient methods for online learning and stochastic optimization".
struct Adagrad {
  static constexpr std::string_view kName = "adagrad";
  static constexpr int kStates = 1, kNumbers = 1;  // state v; number epsilon

  static RuleFactors factors(const RuleStep& step) { return {step.learning_rate, step.numbers[0]}; }

  template <class V>
  static V update(V w, V g, V* v, const V* k) {
    v[0] = madd(g, g, v[0]);
    return w - k[0] * g / sqrt(v[0] + k[1]);
  }
};

// All rules. optimizer_update searches this list for a name.
template <class...>
struct RuleList {};
using Rules = RuleList<Sgd, Momentum<false>, Momentum<true>, RmsProp<false, false>, RmsProp<false, true>,
                       RmsProp<true, false>, RmsProp<true, true>, Adam<false>, Adam<true>, Adagrad>;

}  // namespace seqfuse
