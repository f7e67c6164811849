// Tests log_add: its accuracy, tiny terms, and -inf as the logarithm of zero.
#include "seqfuse/log_add.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "require.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/parallel.hpp"
#include "ulps.hpp"

namespace seqfuse::tests {
namespace {

template <class T>
constexpr T kInfinity = std::numeric_limits<T>::infinity();

// Returns a lane of f, called with packets that have the arguments in all lanes.
template <class T, class F, class... Numbers>
T lane(F&& f, Numbers... x) {
  alignas(kAlignment) T out[Vec<T>::kSize];
  parallel::run(1, [&](int, int) { f(Vec<T>::all(x)...).store(out); });
  REQUIRE_EACH(std::equal(out + 1, out + Vec<T>::kSize, out));
  return out[0];
}

TEST_CASE_TEMPLATE("log1p_up_to_two is within two ulps", T, float, double) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(0, 2), exponent(-120, 0);
  double worst = 0;
  for (int i = 0; i < 200'000; ++i) {
    const T r = static_cast<T>(i % 2 == 0 ? uniform(random) : std::exp2(exponent(random)));
    const T got = lane<T>([](auto v) { return log1p_up_to_two(v); }, r);
    worst = std::max(worst, ulps(got, std::log1p(static_cast<long double>(r))));
  }
  REQUIRE_EACH(worst <= 2.0, "%zu bits: %.3f ulp", 8 * sizeof(T), worst);
  REQUIRE_EACH(lane<T>([](auto v) { return log1p_up_to_two(v); }, T(0)) == T(0));
}

// The error is a rounding of the largest argument and of a number below log(3).
TEST_CASE_TEMPLATE("log_add has an error of a few roundings", T, float, double) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal(0, 20);
  const auto two = [](auto a, auto b) { return log_add(a, b); };
  const auto three = [](auto a, auto b, auto c) { return log_add(a, b, c); };
  for (int i = 0; i < 50'000; ++i) {
    const T a = static_cast<T>(normal(random)), b = static_cast<T>(normal(random)), c = static_cast<T>(normal(random));
    const long double la = a, lb = b, lc = c;
    const auto close = [](T got, long double exact) {
      const long double allowed = (std::fabs(exact) + 4) * static_cast<long double>(std::numeric_limits<T>::epsilon());
      return std::fabs(static_cast<long double>(got) - exact) <= allowed;
    };
    REQUIRE_EACH(close(lane<T>(two, a, b), std::log(std::exp(la) + std::exp(lb))), "%g, %g", double(a), double(b));
    REQUIRE_EACH(close(lane<T>(three, a, b, c), std::log(std::exp(la) + std::exp(lb) + std::exp(lc))));
    REQUIRE_EACH(lane<T>(two, a, b) == lane<T>(two, b, a));
    REQUIRE_EACH(lane<T>(two, a, -kInfinity<T>) == a && lane<T>(three, a, -kInfinity<T>, -kInfinity<T>) == a);
    REQUIRE_EACH(lane<T>(three, -kInfinity<T>, a, b) == lane<T>(two, a, b));
    REQUIRE_EACH(lane<T>(three, a, -kInfinity<T>, b) == lane<T>(two, a, b));
    REQUIRE_EACH(lane<T>(three, a, b, -kInfinity<T>) == lane<T>(two, a, b));
  }
  REQUIRE_EACH(lane<T>(two, -kInfinity<T>, -kInfinity<T>) == -kInfinity<T>);
  REQUIRE_EACH(lane<T>(three, -kInfinity<T>, -kInfinity<T>, -kInfinity<T>) == -kInfinity<T>);
  const T lowest = std::numeric_limits<T>::lowest();
  REQUIRE_EACH(lane<T>(two, lowest, -kInfinity<T>) == lowest && lane<T>(two, lowest, T(0)) == T(0));
}

TEST_CASE("log_add of doubles treats minus infinity as the logarithm of zero") {
  REQUIRE(log_add(-kInfinity<double>, -kInfinity<double>) == -kInfinity<double>);
  REQUIRE(log_add(3.0, -kInfinity<double>) == 3.0);
}

}  // namespace

}  // namespace seqfuse::tests
