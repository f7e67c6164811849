// Compares every activation and its slope with formulas in double, and tests in-place calls, NaN and threads.
#include "seqfuse/activation_forward.hpp"

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

struct Function {
  const char* name;
  double alpha, beta;
  double (*f)(double a, double alpha, double beta);
  double (*slope)(double a, double alpha, double beta);
};

double logistic(double a) { return 1 / (1 + std::exp(-a)); }

const Function kFunctions[] = {
    {"tanh", 0, 0, [](double a, double, double) { return std::tanh(a); },
     [](double a, double, double) { return 1 - std::tanh(a) * std::tanh(a); }},
    {"sigmoid", 0, 0, [](double a, double, double) { return logistic(a); },
     [](double a, double, double) { return logistic(a) * logistic(-a); }},
    {"relu", 0, 0, [](double a, double, double) { return std::max(a, 0.0); },
     [](double a, double, double) { return a > 0 ? 1.0 : 0.0; }},
    {"linear", 0, 0, [](double a, double, double) { return a; }, [](double, double, double) { return 1.0; }},
    {"hard_sigmoid", 0.25, 0.5,
     [](double a, double alpha, double beta) { return std::clamp(alpha * a + beta, 0.0, 1.0); },
     [](double a, double alpha, double beta) { return alpha * a + beta > 0 && alpha * a + beta < 1 ? alpha : 0.0; }},
    {"softsign", 0, 0, [](double a, double, double) { return a / (1 + std::abs(a)); },
     [](double a, double, double) { return 1 / ((1 + std::abs(a)) * (1 + std::abs(a))); }},
    {"softplus", 0, 0, [](double a, double, double) { return std::max(a, 0.0) + std::log1p(std::exp(-std::abs(a))); },
     [](double a, double, double) { return logistic(a); }},
    {"elu", 0.75, 0, [](double a, double alpha, double) { return a > 0 ? a : alpha * std::expm1(a); },
     [](double a, double alpha, double) { return a > 0 ? 1.0 : alpha * std::exp(a); }},
    {"leaky_relu", 0.25, 0, [](double a, double alpha, double) { return a > 0 ? a : alpha * a; },
     [](double a, double alpha, double) { return a > 0 ? 1.0 : alpha; }},
};

template <class T>
Activation<T> activation(const Function& f) {
  Activation<T> found{ActivationKind::tanh, static_cast<T>(f.alpha), static_cast<T>(f.beta)};
  REQUIRE(find_activation(f.name, found.kind));
  return found;
}

template <class T>
struct Results {
  Numbers<T> y, slope;
};

template <class T>
Results<T> run(const Function& f, const Matrix<T>& a, Index n, int threads) {
  Matrix<T> y(1, n), slope(1, n);
  activation_forward(ActivationArgs<T>{n, a.data(), y.data(), slope.data(), activation<T>(f), threads});
  return {y.numbers(), slope.numbers()};
}

TEST_CASE_TEMPLATE("activations and slopes agree with the formulas, also in place and without slopes", T, float,
                   double) {
  for (const Function& f : kFunctions)
    for (const Index n : {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 1000}) {
      const Matrix<T> a(1, n, 0, 5, 0.1);
      std::vector<Sum> y, slope;
      for (Index i = 0; i < n; ++i) {
        // Saturated values have the rounding error of a number near 1.
        y.emplace_back(f.f(a.at(0, i), f.alpha, f.beta), 1 + std::abs(a.at(0, i)));
        slope.emplace_back(f.slope(a.at(0, i), f.alpha, f.beta), 1);
      }
      const auto got = run(f, a, n, 1);
      require_close(got.y, y, 4, f.name);  // at most 2 ulp of an elementary function, and its sums
      require_close(got.slope, slope, 6, f.name);

      Matrix<T> in_place = a;
      activation_forward(ActivationArgs<T>{n, in_place.data(), in_place.data(), nullptr, activation<T>(f), 1});
      require_same_bits(in_place.numbers(), got.y, f.name);
    }
}

TEST_CASE("find_activation returns false for unknown names") {
  ActivationKind kind;
  REQUIRE_FALSE(find_activation("tan", kind));
  REQUIRE_FALSE(find_activation("", kind));
}

TEST_CASE_TEMPLATE("every activation of NaN is NaN", T, float, double) {
  Matrix<T> a(1, 1);
  a.fill(std::numeric_limits<T>::quiet_NaN());
  for (const Function& f : kFunctions) REQUIRE_EACH(std::isnan(run(f, a, 1, 1).y[0]), "%s", f.name);
}

TEST_CASE_TEMPLATE("activations have the same bits for any number of threads", T, float, double) {
  constexpr Index kN = 100'003;
  const Matrix<T> a(1, kN, 0, 5, 0.1);
  for (const Function& f : kFunctions)
    require_the_bits_of_one_thread([&](int threads) {
      auto got = run(f, a, kN, threads);
      append(got.y, got.slope);
      return got.y;
    });
}

}  // namespace

}  // namespace seqfuse::tests
