// Tests GELU, its approximation, SiLU and their slopes against formulas in double, at the ends, and in several threads.
#include "seqfuse/pointwise.hpp"

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

constexpr Pointwise kFunctions[] = {Pointwise::gelu, Pointwise::gelu_tanh, Pointwise::silu};

// The distribution function F of x * F(x), and its density.
struct Distribution {
  double F, density;
};

Distribution distribution(Pointwise f, double x) {
  if (f == Pointwise::gelu) return {std::erfc(-x / std::sqrt(2.0)) / 2, std::exp(-x * x / 2) / std::sqrt(2 * M_PI)};
  const double k = 2 * std::sqrt(2 / M_PI);
  const double u = f == Pointwise::silu ? x : k * (x + 0.044715 * x * x * x);
  const double du = f == Pointwise::silu ? 1 : k * (1 + 3 * 0.044715 * x * x);
  const double sigmoid = 1 / (1 + std::exp(-u));
  return {sigmoid, sigmoid / (1 + std::exp(u)) * du};
}

template <class T>
struct Results {
  Numbers<T> y, dx;
};

template <class T>
Results<T> run(Pointwise f, const Matrix<T>& x, const Matrix<T>& dy, Index n, int threads) {
  Matrix<T> y(1, n), dx(1, n);
  pointwise_forward(PointwiseArgs<T>{f, n, x.data(), nullptr, y.data(), threads});
  pointwise_backward(PointwiseArgs<T>{f, n, x.data(), dy.data(), dx.data(), threads});
  return {y.numbers(), dx.numbers()};
}

TEST_CASE_TEMPLATE("pointwise functions and slopes equal the formulas in double", T, float, double) {
  for (const Pointwise f : kFunctions)
    for (const Index n : {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 1000}) {
      const Matrix<T> x(1, n, 0, 5, 0.1), dy(1, n, 0, 1, 0.2);
      std::vector<Sum> y, dx;
      for (Index i = 0; i < n; ++i) {
        const double at = x.at(0, i);
        const auto [F, density] = distribution(f, at);
        y.emplace_back(at * F);
        dx.emplace_back(dy.at(0, i) * (F + at * density), std::abs(dy.at(0, i)) * (F + std::abs(at) * density));
      }
      const auto got = run(f, x, dy, n, 1);
      // For |x| <= 5 the magnitude of the exponent is at most 26, so its rounding is at most 26 roundings of exp.
      require_close(got.y, y, 48, "y");
      require_close(got.dx, dx, 48, "dx");

      Matrix<T> in_place = x;
      pointwise_forward(PointwiseArgs<T>{f, n, in_place.data(), nullptr, in_place.data(), 1});
      require_same_bits(in_place.numbers(), got.y, "y written to x");
    }
}

TEST_CASE_TEMPLATE("pointwise functions are 0 and x at the ends", T, float, double) {
  constexpr T kInf = std::numeric_limits<T>::infinity();
  Matrix<T> x(1, 5), dy(1, 5);
  x.fill({-kInf, T(-1000), T(0), T(1000), kInf});
  dy.fill(T(1));
  for (const Pointwise f : kFunctions) {
    const auto got = run(f, x, dy, 5, 1);
    for (std::size_t i = 0; i < 2; ++i) REQUIRE_EACH(got.y[i] == T(0) && got.dx[i] == T(0));
    REQUIRE(got.y[2] == T(0));
    REQUIRE(got.dx[2] == T(0.5));
    for (std::size_t i = 3; i < 5; ++i) REQUIRE_EACH(got.y[i] == x(0, static_cast<Index>(i)) && got.dx[i] == T(1));
  }
}

TEST_CASE_TEMPLATE("pointwise functions with several threads have the bits of one thread", T, float, double) {
  constexpr Index kN = 70'003;
  const Matrix<T> x(1, kN, 0, 5, 0.1), dy(1, kN, 0, 1, 0.2);
  for (const Pointwise f : kFunctions)
    require_the_bits_of_one_thread([&](int threads) {
      auto got = run(f, x, dy, kN, threads);
      append(got.y, got.dx);
      return got.y;
    });
}

}  // namespace

}  // namespace seqfuse::tests
