// An update in one pass: parameters, gradients and states are read once, parameters and states written once.
//
//     g = grads * grad_scale;  g within the limit;  w -= w * weight_decay * learning_rate;  w moves as the rule says
//     average = average * momentum + w * (1 - momentum)
//
// Bound by memory: 10 million parameters of Adam (seven arrays of float32, 280 MB) take 14.7 ms on one core of a Sapphire
// Rapids, 19 GB/s where a copy reaches 13; sgd, rmsprop and momentum 13 to 19, two threads no more.
//
// A norm needs a pass over the gradients before. Its sum is cut into blocks that are counted from the beginning of a
// run; threads share the blocks, whose sums are added in order, so that any number of threads gives the same bits.
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

// Terms of a block of a norm: sums_of_lines has its rounding errors in hand, and blocks are many enough to share.
inline constexpr Index kNormBlock = 8192;

template <class T>
int update_threads(const UpdateArgs<T>& args) {
  Index n = 0;
  for (Index r = 0; r < args.n_runs; ++r) n += args.runs[r].end - args.runs[r].begin;
  return parallel::threads_for(parallel::Work::updates(n), args.threads);
}

// squares_out (n_runs,): of each run the sum of (grads * shrink)^2.
template <class T>
void sums_of_squares(const UpdateArgs<T>& args, T shrink, double* squares_out) {
  Buffer<Index> first(args.n_runs + 1);  // block of each run, and their number
  first[0] = 0;
  for (Index r = 0; r < args.n_runs; ++r)
    first[r + 1] = first[r] + divide_up(args.runs[r].end - args.runs[r].begin, kNormBlock);
  const Index blocks = first[args.n_runs];
  Buffer<T> sums(blocks);
  parallel::run(update_threads(args), [&](int thread, int team) {
    const Range share = share_of(blocks, thread, team);
    const auto factor = Line<T>::all(shrink);
    for (Index r = 0; r < args.n_runs; ++r)
      for (Index b = std::max(first[r], share.begin); b < std::min(first[r + 1], share.end); ++b) {
        const Index begin = args.runs[r].begin + (b - first[r]) * kNormBlock;
        const Index n = std::min<Index>(kNormBlock, args.runs[r].end - begin);
        sums[b] = sums_of_lines<T, 1, 4>(n, [=, g = args.grads + begin](auto line, auto& to) {
          const Line<T> x = line.load(g) * factor;
          to[0] = madd(x, x, to[0]);
        })[0];
      }
  });
  for (Index r = 0; r < args.n_runs; ++r) {
    squares_out[r] = 0;
    for (Index b = first[r]; b < first[r + 1]; ++b) squares_out[r] += static_cast<double>(sums[b]);
  }
}

// factors_out (n_runs,): what the gradients of each run are multiplied by. A finite gradient has a finite norm: where
// its squares leave the range of T, they are those of gradients shrunk by a power of two.
template <class T>
void gradient_factors(const UpdateArgs<T>& args, double* factors_out) {
  std::fill_n(factors_out, args.n_runs, args.grad_scale);
  const bool global = args.limit == GradientLimit::global_norm;
  if (!global && args.limit != GradientLimit::norm) return;
  Buffer<double> norms(args.n_runs);
  sums_of_squares(args, T(1), norms.data());
  bool beyond = false;
  for (Index r = 0; r < args.n_runs; ++r) {
    norms[r] = std::sqrt(norms[r]);
    beyond = beyond || std::isinf(norms[r]);
  }
  if (beyond) {
    Buffer<double> squares(args.n_runs);
    const T shrink = std::ldexp(T(1), -(std::numeric_limits<T>::max_exponent / 2 + 16));
    sums_of_squares(args, shrink, squares.data());
    for (Index r = 0; r < args.n_runs; ++r)
      if (std::isinf(norms[r])) norms[r] = std::sqrt(squares[r]) / static_cast<double>(shrink);
  }
  double of_all = 0;
  for (Index r = 0; r < args.n_runs; ++r) of_all = std::hypot(of_all, norms[r]);
  for (Index r = 0; r < args.n_runs; ++r) {
    const double norm = (global ? of_all : norms[r]) * std::abs(args.grad_scale);
    if (!(norm <= args.most)) factors_out[r] *= args.most / norm;  // NaN where a gradient is
    if (global && std::isinf(norm)) factors_out[r] = std::numeric_limits<double>::quiet_NaN();
  }
}

// Parameters [begin, end), all of one run, whose gradients are multiplied by `factor`.
template <class Rule, class T>
void update_part(const UpdateArgs<T>& args, Index begin, Index end, double factor, bool decays) {
  using V = Vec<T>;
  const auto all = [](double x) { return V::all(static_cast<T>(x)); };
  V k[kMaxRuleNumbers];
  const RuleFactors factors = Rule::factors(args.step);
  for (int i = 0; i < kMaxRuleNumbers; ++i) k[i] = all(factors[i]);
  const V scale = all(factor), most = all(args.most), least = all(-args.most);
  const V decay = all(-args.weight_decay * args.step.learning_rate);
  const V old_share = all(args.average_momentum), new_share = all(1.0 - args.average_momentum);
  const bool clips = args.limit == GradientLimit::value;
  for (Index i = begin; i < end; i += V::kSize) {
    const Index n = end - i;
    V g = V::load_first(args.grads + i, n) * scale, w = V::load_first(args.params + i, n);
    if (clips) g = min(max(g, least), most);
    if (decays) w = madd(w, decay, w);
    V state[kMaxRuleStates];
    for (int s = 0; s < Rule::kStates; ++s) state[s] = V::load_first(args.states[s] + i, n);
    w = Rule::moved(w, g, state, k);
    for (int s = 0; s < Rule::kStates; ++s) state[s].store_first(args.states[s] + i, n);
    w.store_first(args.params + i, n);
    if (args.average != nullptr) {
      T* average = args.average + i;
      madd(V::load_first(average, n), old_share, w * new_share).store_first(average, n);
    }
  }
}

template <class Rule, class T>
bool update_by(const UpdateArgs<T>& args) {
  if (args.rule != Rule::kName) return false;
  if (args.n_states != Rule::kStates || args.n_numbers != Rule::kNumbers)
    throw std::invalid_argument(std::string(args.rule) + ": wrong number of states or numbers");
  if (args.n_runs == 0) return true;
  Buffer<double> factors(args.n_runs);
  gradient_factors(args, factors.data());
  const Index first = args.runs[0].begin, last = args.runs[args.n_runs - 1].end;
  parallel::run(update_threads(args), [&](int thread, int team) {
    const Range lines = share_of(divide_up(last - first, kLine<T>), thread, team);
    const Index begin = first + lines.begin * kLine<T>, end = std::min(first + lines.end * kLine<T>, last);
    for (Index r = 0; r < args.n_runs; ++r) {
      const UpdateRun& run = args.runs[r];
      update_part<Rule>(args, std::max<Index>(run.begin, begin), std::min<Index>(run.end, end), factors[r],
                        args.weight_decay != 0 && run.decays != 0);
    }
  });
  return true;
}

template <class T, class... Rule>
bool update_by_any(RuleList<Rule...>, const UpdateArgs<T>& args) {
  return (update_by<Rule>(args) || ...);
}

}  // namespace detail

template <class T>
void optimizer_update(const UpdateArgs<T>& args) {
  if (!detail::update_by_any(Rules{}, args)) throw std::invalid_argument("no such rule: " + std::string(args.rule));
}

}  // namespace seqfuse
