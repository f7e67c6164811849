// What a caller of an optimizer sees: one update of all parameters, in place, by a rule that has a name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "seqfuse/types.hpp"

namespace seqfuse {

inline constexpr int kMaxRuleStates = 3, kMaxRuleNumbers = 4;

// What a rule makes its factors of, the same for all parameters.
struct RuleStep {
  std::int64_t count = 1;  // of updates, this one included
  double learning_rate = 0.001;
  std::array<double, kMaxRuleNumbers> numbers{};  // the rule's own, in its order
};

// Neighbouring parameters that are treated alike: whole variables, one alone where its norm is limited.
struct UpdateRun {
  std::int64_t begin = 0, end = 0;
  std::int64_t decays = 0;  // 0: weight_decay passes it by
};

enum class GradientLimit { none, value, norm, global_norm };  // norm: of each run by itself; global_norm: of all runs

template <class T>
struct UpdateArgs {
  std::string_view rule;                    // as optimizer_rules.hpp calls it
  T* params = nullptr;                      // flat, updated where runs say so
  const T* grads = nullptr;                 // as params; may be the same memory
  std::array<T*, kMaxRuleStates> states{};  // as params, updated; apart from each other and from all else
  T* average = nullptr;                     // as params, updated: moving average of params; none where it is null
  int n_states = 0, n_numbers = 0;          // how many were given
  const UpdateRun* runs = nullptr;          // (n_runs,), ascending, apart from each other
  Index n_runs = 0;
  RuleStep step;
  double grad_scale = 1;  // multiplies grads first
  GradientLimit limit = GradientLimit::none;
  double most = 0;          // what the limit allows
  double weight_decay = 0;  // params -= params * weight_decay * learning_rate, before the rule
  double average_momentum = 0;
  int threads = 1;
};

// Throws std::invalid_argument where there is no such rule, or it has other numbers of states and numbers.
template <class T>
void optimizer_update(const UpdateArgs<T>& args);

}  // namespace seqfuse
