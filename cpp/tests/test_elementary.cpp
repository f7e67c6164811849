// Tests that exp, tanh and sigmoid have errors of at most 2 ulp if the result is normal, and are exact at the limits.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "elementwise.hpp"
#include "require.hpp"
#include "ulps.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
using Limits = std::numeric_limits<T>;

struct Function {
  const char* name;
  Elementary which;
  long double (*exact)(long double);
};

const Function kFunctions[] = {
    {"exp", Elementary::kExp, [](long double x) { return std::exp(x); }},
    {"tanh", Elementary::kTanh, [](long double x) { return std::tanh(x); }},
    {"sigmoid", Elementary::kSigmoid, [](long double x) { return 1.0L / (1.0L + std::exp(-x)); }},
};

template <class T>
std::vector<T> evaluate(Elementary f, const std::vector<T>& x) {
  std::vector<T> y(x.size());
  elementwise(f, x.data(), y.data(), static_cast<Index>(x.size()));
  return y;
}

template <class T>
T evaluate(Elementary f, T x) {
  return evaluate(f, std::vector<T>{x})[0];
}

// Checks the largest error over all x with a normal result. Smaller results must be 0 or nearly 0, larger ones inf.
template <class T>
void check_within_two_ulps(const Function& f, const std::vector<T>& x) {
  const auto y = evaluate(f.which, x);
  double worst = 0;
  T at = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double exact = f.exact(static_cast<long double>(x[i]));
    if (f.which != Elementary::kExp) {
      REQUIRE_EACH(y[i] <= T(1) && y[i] >= (f.which == Elementary::kTanh ? T(-1) : T(0)), "x = %.17g", double(x[i]));
    }
    if (std::fabs(exact) < static_cast<long double>(Limits<T>::min())) {
      REQUIRE_EACH(std::fabs(y[i]) <= Limits<T>::min(), "%s(%.17g) = %.17g", f.name, double(x[i]), double(y[i]));
    } else if (static_cast<T>(exact) > Limits<T>::max()) {
      REQUIRE_EACH(y[i] == Limits<T>::infinity(), "%s(%.17g) = %.17g", f.name, double(x[i]), double(y[i]));
    } else if (const double error = ulps(y[i], exact); !(error <= worst)) {
      worst = error;
      at = x[i];
    }
  }
  REQUIRE_EACH(worst <= 2.0, "%s, %zu bits: %.3f ulp at %.17g", f.name, 8 * sizeof(T), worst, static_cast<double>(at));
}

// Returns floats of both signs with every exponent and 2048 mantissas each, and all floats around the constants of exp.
std::vector<float> dense_sweep() {
  std::vector<float> x;
  for (std::uint32_t exponent = 1; exponent < 255; ++exponent)
    for (std::uint32_t step = 0; step < 2048; ++step) {
      const std::uint32_t mantissa = step == 2047 ? 0x7fffff : step * 4096 + step * 7919 % 4096;
      x.push_back(std::bit_cast<float>(exponent << 23 | mantissa));
      x.push_back(-x.back());
    }
  for (const float edge : {87.33654f, 88.72284f, 0.34657359f, 9.1f, 9.0109f, 17.32868f, 88.3f, 87.3f})
    for (int i = -2000; i <= 2000; ++i) {
      x.push_back(std::bit_cast<float>(std::bit_cast<std::int32_t>(edge) + i));
      x.push_back(-x.back());
    }
  return x;
}

// Returns random doubles of every magnitude. Most are in the range in which the functions are not constant.
std::vector<double> random_sweep() {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(-1, 1), exponent(-1022, 1023), near(-30, 9.6);
  std::vector<double> x;
  for (int i = 0; i < 30'000; ++i) x.push_back(std::ldexp(uniform(random), static_cast<int>(exponent(random))));
  for (int i = 0; i < 150'000; ++i) x.push_back(uniform(random) * std::exp2(near(random)));
  for (int i = 0; i < 50'000; ++i) x.push_back(uniform(random));
  for (const double edge : {708.3964185322641, 709.782712893384, 0.34657359027997264, 19.1, 709.4, 708.3})
    for (int i = -2000; i <= 2000; ++i) {
      x.push_back(std::bit_cast<double>(std::bit_cast<std::int64_t>(edge) + i));
      x.push_back(-x.back());
    }
  return x;
}

TEST_CASE_TEMPLATE("limits and zeros are exact", T, float, double) {
  const T inf = Limits<T>::infinity(), nan = Limits<T>::quiet_NaN(), max = Limits<T>::max();
  for (const T big : {inf, max, T(1000)}) {
    REQUIRE_EACH(evaluate(Elementary::kTanh, big) == T(1) && evaluate(Elementary::kTanh, -big) == T(-1));
    REQUIRE_EACH(evaluate(Elementary::kSigmoid, big) == T(1) && evaluate(Elementary::kSigmoid, -big) == T(0));
    REQUIRE_EACH(evaluate(Elementary::kExp, big) == inf && evaluate(Elementary::kExp, -big) == T(0));
  }
  for (const T zero : {T(0.0), T(-0.0)}) {
    REQUIRE_EACH(evaluate(Elementary::kTanh, zero) == T(0));
    REQUIRE_EACH(std::signbit(evaluate(Elementary::kTanh, zero)) == std::signbit(zero));
    REQUIRE_EACH(evaluate(Elementary::kSigmoid, zero) == T(0.5) && evaluate(Elementary::kExp, zero) == T(1));
  }
  for (const Function& f : kFunctions)
    REQUIRE_EACH(std::isnan(evaluate(f.which, nan)) && std::isnan(evaluate(f.which, -nan)));
}

// Checks that f does not decrease between adjacent numbers around `middle`.
template <class T>
void check_monotone_around(const Function& f, T middle, int each_side) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  std::vector<T> x;
  for (int i = -each_side; i <= each_side; ++i)
    x.push_back(std::bit_cast<T>(static_cast<Bits>(std::bit_cast<Bits>(middle) + i)));
  if (middle < 0) std::reverse(x.begin(), x.end());
  const auto y = evaluate(f.which, x);
  REQUIRE_EACH(std::is_sorted(y.begin(), y.end()), "%s near %g", f.name, static_cast<double>(middle));
}

TEST_CASE_TEMPLATE("tanh and sigmoid are monotone where they saturate", T, float, double) {
  const bool single = sizeof(T) == 4;
  for (const double sign : {-1.0, 1.0}) {
    for (const double x : single ? std::vector{9.0109, 9.1} : std::vector{19.0615, 19.1})
      check_monotone_around(kFunctions[1], static_cast<T>(sign * x), 50'000);
    for (const double x :
         single ? std::vector{16.6355, 17.3287, 87.3, 88.3} : std::vector{36.7368, 37.4299, 708.3, 709.4})
      check_monotone_around(kFunctions[2], static_cast<T>(sign * x), 50'000);
  }
}

TEST_CASE("elementary functions are within two ulps") {
  const auto floats = dense_sweep();
  const auto doubles = random_sweep();
  for (const Function& f : kFunctions) {
    check_within_two_ulps(f, floats);
    check_within_two_ulps(f, doubles);
  }
}

}  // namespace

}  // namespace seqfuse::tests
