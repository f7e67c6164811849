// Tests every optimizer rule against a computation in double, with limits, weight decay, averages and several threads.
#include "seqfuse/optimizer.hpp"

#include <stdexcept>
#include <string>

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

struct Rule {
  const char* name;
  int states;
  std::vector<double> numbers;
};

const Rule kRules[] = {
    {"sgd", 0, {}},
    {"sgd_momentum", 1, {0.9}},
    {"sgd_nesterov", 1, {0.9}},
    {"rmsprop", 1, {0.9, 0, 0.01}},
    {"rmsprop_centered", 2, {0.9, 0, 0.01}},
    {"rmsprop_momentum", 2, {0.9, 0.8, 0.01}},
    {"rmsprop_centered_momentum", 3, {0.9, 0.8, 0.01}},
    {"adam", 2, {0.9, 0.99, 0.01}},
    {"adam_amsgrad", 3, {0.9, 0.99, 0.01}},
    {"adagrad", 1, {0.01}},
};

constexpr double kRate = 0.125, kCount = 3;

// Returns the new parameter w for the gradient g, and updates the states s.
double updated(const Rule& rule, double w, double g, double* s) {
  const std::string name = rule.name;
  const auto& k = rule.numbers;
  const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
  if (name == "sgd") return w - kRate * g;
  if (name == "adagrad") {
    s[0] += g * g;
    return w - kRate * g / std::sqrt(s[0] + k[0]);
  }
  if (has("sgd")) {
    s[0] = k[0] * s[0] - kRate * g;
    return has("nesterov") ? w + k[0] * s[0] - kRate * g : w + s[0];
  }
  if (has("adam")) {
    s[0] = k[0] * s[0] + (1 - k[0]) * g;
    s[1] = k[1] * s[1] + (1 - k[1]) * g * g;
    if (has("amsgrad")) s[2] = std::max(s[1], s[2]);
    const double rate = kRate * std::sqrt(1 - std::pow(k[1], kCount)) / (1 - std::pow(k[0], kCount));
    return w - rate * s[0] / (std::sqrt(s[has("amsgrad") ? 2 : 1]) + k[2]);
  }
  s[0] = k[0] * s[0] + (1 - k[0]) * g * g;
  double variance = s[0];
  if (has("centered")) {
    double& a = s[has("momentum") ? 2 : 1];
    a = k[0] * a + (1 - k[0]) * g;
    variance = std::max(s[0] - a * a, 0.0);
  }
  const double step = kRate * g / std::sqrt(variance + k[2]);
  if (!has("momentum")) return w - step;
  s[1] = k[1] * s[1] + step;
  return w - s[1];
}

struct Options {
  GradientLimit limit = GradientLimit::none;
  double max_gradient = 0, weight_decay = 0;
  bool average = false;
};

template <class T>
struct Problem {
  const Rule& rule;
  Index n;  // there are two runs, with gaps before, between and after them
  Options options;
  Matrix<T> params{1, n, 0, 1, 0.1}, grads{1, n, 0, 1, 0.2}, average{1, n, 0, 1, 0.3}, states{3, n, 0, 0.5, 0.4};
  std::vector<UpdateRun> runs{{1, n / 3, 0}, {n / 3 + 2, n - 1, 1}};
  double grad_scale = 0.5;

  // Returns params, average and the three states.
  std::vector<Numbers<T>> update(int threads) const {
    Matrix<T> w = params, mean = average, s0(1, n), s1(1, n), s2(1, n);
    Matrix<T>* all[] = {&s0, &s1, &s2};
    const Numbers<T> initial = positive_states();
    UpdateArgs<T> args;
    for (int i = 0; i < 3; ++i) {
      all[i]->fill(Numbers<T>(initial.begin() + i * n, initial.begin() + (i + 1) * n));
      if (i < rule.states) args.states[size(i)] = all[i]->data();
    }
    args.rule = rule.name;
    args.params = w.data();
    args.grads = grads.data();
    if (options.average) args.average = mean.data();
    args.n_states = rule.states;
    args.n_numbers = static_cast<int>(rule.numbers.size());
    args.runs = runs.data();
    args.n_runs = static_cast<Index>(runs.size());
    args.step.count = static_cast<std::int64_t>(kCount);
    args.step.learning_rate = kRate;
    std::copy(rule.numbers.begin(), rule.numbers.end(), args.step.numbers.begin());
    args.grad_scale = grad_scale;
    args.limit = options.limit;
    args.max_gradient = options.max_gradient;
    args.weight_decay = options.weight_decay;
    args.average_momentum = 0.75;
    args.threads = threads;
    optimizer_update(args);
    return {w.numbers(), mean.numbers(), s0.numbers(), s1.numbers(), s2.numbers()};
  }

  // Returns the initial states. Second moments must be positive, and larger than the square of a mean: 1.25 is added.
  Numbers<T> positive_states() const {
    Numbers<T> all = states.numbers();
    for (std::size_t i = 0; i < all.size(); ++i)
      if (i < size(n) || std::string(rule.name).find("adam") == 0) all[i] += T(1.25);
    return all;
  }

  double gradient_factor(std::size_t r) const {
    double squared_norm = 0;
    for (std::size_t other = 0; other < runs.size(); ++other)
      if (other == r || options.limit == GradientLimit::global_norm)
        for (Index i = runs[other].begin; i < runs[other].end; ++i) squared_norm += grads.at(0, i) * grads.at(0, i);
    const bool norm = options.limit == GradientLimit::norm || options.limit == GradientLimit::global_norm;
    return norm ? grad_scale * std::min(1.0, options.max_gradient / (std::sqrt(squared_norm) * grad_scale))
                : grad_scale;
  }

  void check() const {
    const Numbers<T> initial = positive_states();
    std::vector<std::vector<Sum>> expected(5);
    for (Index i = 0; i < n; ++i) {
      expected[0].emplace_back(params.at(0, i));
      expected[1].emplace_back(average.at(0, i));
      for (Index k = 0; k < 3; ++k) expected[size(2 + k)].emplace_back(static_cast<double>(initial[size(k * n + i)]));
    }
    for (std::size_t r = 0; r < runs.size(); ++r)
      for (Index i = runs[r].begin; i < runs[r].end; ++i) {
        double w = params.at(0, i), g = grads.at(0, i) * gradient_factor(r), s[3];
        for (std::size_t k = 0; k < 3; ++k) s[k] = expected[2 + k][size(i)].value;
        if (options.limit == GradientLimit::value) g = std::clamp(g, -options.max_gradient, options.max_gradient);
        if (runs[r].decays != 0) w -= w * options.weight_decay * kRate;
        w = updated(rule, w, g, s);
        expected[0][size(i)] = {w, 2};
        if (options.average) expected[1][size(i)] = {average.at(0, i) * 0.75 + w * 0.25, 2};
        for (std::size_t k = 0; k < size(rule.states); ++k) expected[2 + k][size(i)] = {s[k], 2};
      }
    const auto got = update(1);
    // Parameters and states are below 2, and every rule has at most twelve operations.
    for (std::size_t k = 0; k < 5; ++k) require_close(got[k], expected[k], 12, rule.name);
  }
};

TEST_CASE_TEMPLATE("every rule equals a computation in double, and changes nothing outside its runs", T, float,
                   double) {
  for (const Rule& rule : kRules)
    for (const Index n : {7, 16, 17, 41, 65}) {
      Problem<T>{rule, n, {}}.check();
      Problem<T>{rule, n, {GradientLimit::value, 0.25, 0.5, true}}.check();
    }
}

TEST_CASE_TEMPLATE("norms are limited for each run or for all runs together", T, float, double) {
  for (const double max_gradient : {0.5, 1000.0})
    for (const auto limit : {GradientLimit::norm, GradientLimit::global_norm})
      Problem<T>{kRules[0], 41, {limit, max_gradient, 0, false}}.check();
}

TEST_CASE_TEMPLATE("a norm is limited even if its square overflows", T, float, double) {
  Problem<T> problem{kRules[0], 41, {GradientLimit::global_norm, 0.5, 0, false}};
  problem.grads.fill(std::numeric_limits<T>::max() / 64);
  const auto limited = problem.update(1);
  for (const T w : limited[0]) REQUIRE_EACH(std::abs(w) <= T(1.5));
  problem.grads.fill(std::numeric_limits<T>::quiet_NaN());
  REQUIRE(std::isnan(problem.update(1)[0][2]));
}

TEST_CASE("an unknown rule and wrong numbers of states or numbers are refused") {
  const Rule unknown{"adamax", 0, {}}, extra_state{"sgd", 1, {}}, missing_numbers{"adam", 2, {0.9}};
  for (const Rule* rule : {&unknown, &extra_state, &missing_numbers}) {
    const Problem<float> problem{*rule, 16, {}};
    REQUIRE_THROWS_AS(problem.update(1), std::invalid_argument);
  }
}

TEST_CASE_TEMPLATE("updates with several threads have the bits of one thread", T, float, double) {
  for (const Rule& rule : kRules) {
    const Problem<T> problem{rule, 100'003, {GradientLimit::global_norm, 0.5, 0.5, true}};
    require_the_bits_of_one_thread([&](int threads) {
      Numbers<T> all;
      for (const auto& one : problem.update(threads)) append(all, one);
      return all;
    });
  }
}

}  // namespace

}  // namespace seqfuse::tests
