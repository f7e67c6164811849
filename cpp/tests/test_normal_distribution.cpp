// Tests the tail and the density of the normal distribution: accuracy in ulp, and exact values at the ends.
#include "seqfuse/normal_distribution.hpp"

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

// Without fused multiply-adds the square has an error of half an ulp, which makes an error of 40 ulp in its exponential
// at the far end. Results close to denormal numbers lose digits.
#if defined(__FMA__) || defined(__aarch64__)
constexpr double kSlack = 1;
constexpr long double kSmallest = 1.0001L;
#else
constexpr double kSlack = 400;
constexpr long double kSmallest = 1e8L;
#endif

enum class Part { kDensity, kTail };

struct Function {
  const char* name;
  Part which;
  long double (*exact)(long double);
  double near, far_float, far_double;  // limits of the error in ulp: for a <= 6, and for larger a
};

const Function kFunctions[] = {
    {"e^-a^2/2", Part::kDensity, [](long double a) { return std::exp(-a * a / 2); }, 1.3, 1.3, 1.3},
    {"tail", Part::kTail, [](long double a) { return std::erfc(a / std::sqrt(2.0L)) / 2; }, 6.5, 6.5, 16.0},
};

template <class T>
std::vector<T> evaluate(Part part, const std::vector<T>& a) {
  std::vector<T> y(a.size());
  parallel::run(1, [&](int, int) {
    over(a.data(), y.data(), static_cast<Index>(a.size()), [&](Vec<T> v) {
      const auto parts = normal_parts(Vec<T>::zero() - v);
      return part == Part::kDensity ? parts.e : parts.tail;
    });
  });
  return y;
}

// Returns random numbers of all magnitudes, most of them where the functions are not close to 0, and both ends.
template <class T>
std::vector<T> sweep() {
  constexpr double kMax = NormalConstants<T>::kMax;
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> all(0, kMax), near(0, 6), exponent(-60, 0);
  std::vector<T> a{0, NormalConstants<T>::kMax};
  for (int i = 0; i < 200'000; ++i) {
    a.push_back(static_cast<T>(near(random)));
    a.push_back(static_cast<T>(all(random)));
    a.push_back(static_cast<T>(std::exp2(exponent(random))));
  }
  for (int i = 0; i <= 4000; ++i) a.push_back(static_cast<T>(kMax * (1 - i * 1e-5)));
  return a;
}

template <class T>
void check_accuracy(const Function& f, const std::vector<T>& a) {
  constexpr long double kMin = std::numeric_limits<T>::min();
  const auto y = evaluate(f.which, a);
  double near = 0, far = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const long double exact = f.exact(static_cast<long double>(a[i]));
    REQUIRE_EACH(y[i] >= T(0) && y[i] <= T(1), "%s(%.17g) = %.17g", f.name, double(a[i]), double(y[i]));
    if (exact < kSmallest * kMin) {
      REQUIRE_EACH(y[i] <= 1.001L * kSmallest * kMin, "%s(%.17g) = %.17g", f.name, double(a[i]), double(y[i]));
      continue;
    }
    const double error = ulps(y[i], exact);
    double& worst = std::fabs(a[i]) <= 6 ? near : far;
    if (!(error <= worst)) worst = error;
  }
  REQUIRE_EACH(near <= kSlack * f.near && far <= kSlack * (sizeof(T) == sizeof(float) ? f.far_float : f.far_double),
               "%s, %zu bits: %.3f ulp, beyond 6 %.3f ulp", f.name, 8 * sizeof(T), near, far);
}

TEST_CASE_TEMPLATE("the tail and the density are exact at the ends", T, float, double) {
  const T end = NormalConstants<T>::kMax, nan = std::numeric_limits<T>::quiet_NaN();
  for (const Function& f : kFunctions) {
    REQUIRE_EACH(evaluate(f.which, std::vector<T>{end})[0] == T(0));
    REQUIRE_EACH(evaluate(f.which, std::vector<T>{T(0)})[0] == (f.which == Part::kTail ? T(0.5) : T(1)));
    REQUIRE_EACH(std::isnan(evaluate(f.which, std::vector<T>{nan})[0]));
  }
}

TEST_CASE_TEMPLATE("the tail and the density have an error of a few ulps", T, float, double) {
  const auto a = sweep<T>();
  for (const Function& f : kFunctions) check_accuracy(f, a);
}

}  // namespace

}  // namespace seqfuse::tests
