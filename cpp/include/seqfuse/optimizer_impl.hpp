// One optimizer update in one pass over memory: reads parameters, gradients and states, and writes parameters and
// states.
//
//     g = grads * grad_scale, limited
//     w -= w * weight_decay * learning_rate
//     w = rule(w, g, states)
//     average = average * momentum + w * (1 - momentum)
//
// The speed is limited by memory bandwidth. Adam with 10 million parameters (seven arrays of float32, 280 MB) takes
// 14.7 ms on one core of a Sapphire Rapids. That is 19 GB/s; a copy reaches 13 GB/s. sgd, rmsprop and momentum reach
// 13 to 19 GB/s. Two threads are not faster.
//
// A limit on norms needs another pass over the gradients first. Its sums are divided into blocks, counted from the
// beginning of each run. Threads divide the blocks, and the sums of the blocks are added in order, so any number of
// threads gives the same bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "seqfuse/lines.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/optimizer_rules.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

namespace detail {

// Terms in a block of a norm. Rounding errors do not limit it, since sums_of_lines has short chains. It is small
// enough that there are blocks for all threads.
inline constexpr Index kNormBlock = 8192;

template <class T>
int update_threads(const UpdateArgs<T>& args) {
  Index n = 0;
  for (Index r = 0; r < args.n_runs; ++r) n += args.runs[r].end - args.runs[r].begin;
  return parallel::threads_for(parallel::Work::updates(n), args.threads);
}

// Writes the sum of (grads * scale)^2 of each run to squares_out (n_runs,).
template <class T>
void sums_of_squares(const UpdateArgs<T>& args, T scale, double* squares_out) {
  Buffer<Index> first_block(args.n_runs + 1);  // of each run, and the number of all blocks
  first_block[0] = 0;
  for (Index r = 0; r < args.n_runs; ++r)
    first_block[r + 1] = first_block[r] + divide_up(args.runs[r].end - args.runs[r].begin, kNormBlock);
  const Index blocks = first_block[args.n_runs];
  Buffer<T> sums(blocks);
  parallel::run(update_threads(args), [&](int thread, int team) {
    const Range part = share_of(blocks, thread, team);
    const auto factor = Line<T>::all(scale);
    for (Index r = 0; r < args.n_runs; ++r)
      for (Index b = std::max(first_block[r], part.begin); b < std::min(first_block[r + 1], part.end); ++b) {
        const Index begin = args.runs[r].begin + (b - first_block[r]) * kNormBlock;
        const Index n = std::min<Index>(kNormBlock, args.runs[r].end - begin);
        sums[b] = sums_of_lines<T, 1, 4>(n, [=, g = args.grads + begin](auto line, auto& to) {
          const Line<T> x = line.load(g) * factor;
          to[0] = madd(x, x, to[0]);
        })[0];
      }
  });
  for (Index r = 0; r < args.n_runs; ++r) {
    squares_out[r] = 0;
    for (Index b = first_block[r]; b < first_block[r + 1]; ++b) squares_out[r] += static_cast<double>(sums[b]);
  }
}

// Writes the factor of the gradients of each run to factors_out (n_runs,): grad_scale, reduced by a limit on norms.
//
// Finite gradients have a finite norm. If the squares overflow T, they are computed again from gradients that are
// scaled down by a power of two.
template <class T>
void gradient_factors(const UpdateArgs<T>& args, double* factors_out) {
  std::fill_n(factors_out, args.n_runs, args.grad_scale);
  const bool global = args.limit == GradientLimit::global_norm;
  if (!global && args.limit != GradientLimit::norm) return;
  Buffer<double> norms(args.n_runs);
  sums_of_squares(args, T(1), norms.data());
  bool overflows = false;
  for (Index r = 0; r < args.n_runs; ++r) {
    norms[r] = std::sqrt(norms[r]);
    overflows = overflows || std::isinf(norms[r]);
  }
  if (overflows) {
    Buffer<double> squares(args.n_runs);
    const T scale = std::ldexp(T(1), -(std::numeric_limits<T>::max_exponent / 2 + 16));
    sums_of_squares(args, scale, squares.data());
    for (Index r = 0; r < args.n_runs; ++r)
      if (std::isinf(norms[r])) norms[r] = std::sqrt(squares[r]) / static_cast<double>(scale);
  }
  double global_norm = 0;
  for (Index r = 0; r < args.n_runs; ++r) global_norm = std::hypot(global_norm, norms[r]);
  for (Index r = 0; r < args.n_runs; ++r) {
    const double norm = (global ? global_norm : norms[r]) * std::abs(args.grad_scale);
    if (!(norm <= args.max_gradient)) factors_out[r] *= args.max_gradient / norm;  // NaN if a gradient is NaN
    if (global && std::isinf(norm)) factors_out[r] = std::numeric_limits<double>::quiet_NaN();
  }
}

// Updates the parameters [begin, end), which belong to one run. The gradients are multiplied by grad_factor.
template <class Rule, class T>
void update_range(const UpdateArgs<T>& args, Index begin, Index end, double grad_factor, bool decays) {
  using V = Vec<T>;
  const auto all = [](double x) { return V::all(static_cast<T>(x)); };
  V k[kMaxRuleNumbers];
  const RuleFactors factors = Rule::factors(args.step);
  for (int i = 0; i < kMaxRuleNumbers; ++i) k[i] = all(factors[i]);
  const V scale = all(grad_factor), upper = all(args.max_gradient), lower = all(-args.max_gradient);
  const V decay = all(-args.weight_decay * args.step.learning_rate);
  const V old_weight = all(args.average_momentum), new_weight = all(1.0 - args.average_momentum);
  const bool clips = args.limit == GradientLimit::value;
  for (Index i = begin; i < end; i += V::kSize) {
    const Index n = end - i;
    V g = V::load_first(args.grads + i, n) * scale, w = V::load_first(args.params + i, n);
    if (clips) g = min(max(g, lower), upper);
    if (decays) w = madd(w, decay, w);
    V state[kMaxRuleStates];
    for (int s = 0; s < Rule::kStates; ++s) state[s] = V::load_first(args.states[s] + i, n);
    w = Rule::update(w, g, state, k);
    for (int s = 0; s < Rule::kStates; ++s) state[s].store_first(args.states[s] + i, n);
    w.store_first(args.params + i, n);
    if (args.average != nullptr) {
      T* average = args.average + i;
      madd(V::load_first(average, n), old_weight, w * new_weight).store_first(average, n);
    }
  }
}

// Updates all runs if `Rule` has the name args.rule. Returns false otherwise.
template <class Rule, class T>
bool update_if_named(const UpdateArgs<T>& args) {
  if (args.rule != Rule::kName) return false;
  if (args.n_states != Rule::kStates || args.n_numbers != Rule::kNumbers)
    throw std::invalid_argument("optimizer_update: wrong number of states or numbers for rule " +
                                std::string(args.rule));
  if (args.n_runs == 0) return true;
  Buffer<double> factors(args.n_runs);
  gradient_factors(args, factors.data());
  const Index first = args.runs[0].begin, last = args.runs[args.n_runs - 1].end;
  parallel::run(update_threads(args), [&](int thread, int team) {
    const Range lines = share_of(divide_up(last - first, kLine<T>), thread, team);
    const Index begin = first + lines.begin * kLine<T>, end = std::min(first + lines.end * kLine<T>, last);
    for (Index r = 0; r < args.n_runs; ++r) {
      const UpdateRun& run = args.runs[r];
      update_range<Rule>(args, std::max<Index>(run.begin, begin), std::min<Index>(run.end, end), factors[r],
                         args.weight_decay != 0 && run.decays != 0);
    }
  });
  return true;
}

template <class T, class... Rule>
bool update_by_name(RuleList<Rule...>, const UpdateArgs<T>& args) {
  return (update_if_named<Rule>(args) || ...);
}

}  // namespace detail

template <class T>
void optimizer_update(const UpdateArgs<T>& args) {
  if (!detail::update_by_name(Rules{}, args))
    throw std::invalid_argument("optimizer_update: rule must be a name from optimizer_rules.hpp; got " +
                                std::string(args.rule));
}

}  // namespace seqfuse
