// Optimizers: one update of all parameters, in place, with a rule that is chosen by name. Arguments and function.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "seqfuse/types.hpp"

namespace seqfuse {

inline constexpr int kMaxRuleStates = 3, kMaxRuleNumbers = 4;

// The hyperparameters of a rule in one update. They are the same for all parameters.
struct RuleStep {
  std::int64_t count = 1;  // number of updates, including this one
  double learning_rate = 0.001;
  std::array<double, kMaxRuleNumbers> numbers{};  // the rule's own hyperparameters, in its order
};

// A range of parameters. Usually it is a set of neighboring variables; if the norm of each variable is limited, it is
// one variable.
struct UpdateRun {
  std::int64_t begin = 0, end = 0;
  std::int64_t decays = 0;  // 0: no weight decay
};

enum class GradientLimit { none, value, norm, global_norm };  // norm: of each run; global_norm: of all runs together

template <class T>
struct UpdateArgs {
  std::string_view rule;                    // a name from optimizer_rules.hpp
  T* params = nullptr;                      // one flat array of all parameters, updated within the runs
  const T* grads = nullptr;                 // same layout as params; may be params
  std::array<T*, kMaxRuleStates> states{};  // same layout as params, updated; must not overlap other arrays
  T* average = nullptr;                     // same layout as params, updated: their moving average; null: none
  int n_states = 0, n_numbers = 0;          // how many states and numbers are given
  const UpdateRun* runs = nullptr;          // (n_runs,), in ascending order, without overlap
  Index n_runs = 0;
  RuleStep step;
  double grad_scale = 1;  // multiplies the gradients before the limit
  GradientLimit limit = GradientLimit::none;
  double max_gradient = 0;  // the largest value or norm that the limit allows
  double weight_decay = 0;  // params -= params * weight_decay * learning_rate, before the rule
  double average_momentum = 0;
  int threads = 1;
};

// Throws std::invalid_argument if there is no such rule, or if it needs other numbers of states and numbers.
template <class T>
void optimizer_update(const UpdateArgs<T>& args);

}  // namespace seqfuse
