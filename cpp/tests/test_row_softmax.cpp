// Tests the softmax of rows and its gradient against a computation in double, in place, with huge numbers, and with
// several threads.
#include "seqfuse/row_softmax.hpp"

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
Matrix<T> forward(const Matrix<T>& x, Index N, Index D, Index gap, int threads) {
  Matrix<T> y(N, D, gap);
  softmax_forward(SoftmaxForwardArgs<T>{N, D, x.rows(), y.rows(), threads});
  return y;
}

template <class T>
Matrix<T> backward(const Matrix<T>& y, const Matrix<T>& dy, Index N, Index D, Index gap, int threads) {
  Matrix<T> dx(N, D, gap);
  softmax_backward(SoftmaxBackwardArgs<T>{N, D, y.rows(), dy.rows(), dx.rows(), threads});
  return dx;
}

template <class T>
void check(Index N, Index D, Index gap) {
  const Matrix<T> x(N, D, gap, 4, 0.1), dy(N, D, gap, 1, 0.2);
  const Matrix<T> y = forward(x, N, D, gap, 1);
  std::vector<Sum> expected_y, expected_dx;
  for (Index n = 0; n < N; ++n) {
    double total = 0;
    Sum dot;
    for (Index d = 0; d < D; ++d) total += std::exp(x.at(n, d));
    for (Index d = 0; d < D; ++d) dot.add(y.at(n, d) * dy.at(n, d));
    for (Index d = 0; d < D; ++d) {
      expected_y.emplace_back(std::exp(x.at(n, d)) / total);
      expected_dx.emplace_back(y.at(n, d) * (dy.at(n, d) - dot.value),
                               y.at(n, d) * (std::abs(dy.at(n, d)) + dot.magnitude));
    }
  }
  // x - maximum, at most 8, is rounded once; exp has an error of 2 ulp; a sum of D terms adds a few roundings.
  require_close(y.numbers(), expected_y, 16, "y");
  require_close(backward(y, dy, N, D, gap, 1).numbers(), expected_dx, static_cast<double>(D + 4), "dx");

  Matrix<T> in_place = x;
  softmax_forward(SoftmaxForwardArgs<T>{N, D, std::as_const(in_place).rows(), in_place.rows(), 1});
  require_same_bits(in_place.numbers(), y.numbers(), "y written to x");
  Matrix<T> gradient = dy;
  softmax_backward(SoftmaxBackwardArgs<T>{N, D, y.rows(), std::as_const(gradient).rows(), gradient.rows(), 1});
  require_same_bits(gradient.numbers(), backward(y, dy, N, D, gap, 1).numbers(), "dx written to dy");
}

TEST_CASE_TEMPLATE("the softmax of rows equals a computation in double, also in place", T, float, double) {
  for (const Index N : {0, 1, 3})
    for (const Index D : kNastySizes) check<T>(N, D, D % 3);
}

TEST_CASE_TEMPLATE("the softmax of huge numbers, infinities and NaN is its limit or NaN", T, float, double) {
  constexpr T kInf = std::numeric_limits<T>::infinity(), kMax = std::numeric_limits<T>::max();
  const auto softmax = [](const Numbers<T>& row) {
    Matrix<T> x(1, 3);
    x.fill(row);
    return forward(x, 1, 3, 0, 1).numbers();
  };
  require_same_bits(softmax({kMax, kMax, -kMax}), {T(0.5), T(0.5), T(0)}, "of the largest numbers");
  require_same_bits(softmax({-kInf, T(1), -kInf}), {T(0), T(1), T(0)}, "with -inf");
  for (const T y : softmax({-kInf, -kInf, -kInf})) REQUIRE(std::isnan(y));
  for (const T y : softmax({T(0), std::numeric_limits<T>::quiet_NaN(), T(1)})) REQUIRE(std::isnan(y));
}

TEST_CASE_TEMPLATE("the softmax of rows with several threads has the bits of one thread", T, float, double) {
  constexpr Index kN = 101, kD = 1003;
  const Matrix<T> x(kN, kD, 1, 4, 0.1), dy(kN, kD, 1, 1, 0.2);
  require_the_bits_of_one_thread([&](int threads) {
    const Matrix<T> y = forward(x, kN, kD, 2, threads);
    Numbers<T> all = y.numbers();
    append(all, backward(y, dy, kN, kD, 2, threads).numbers());
    return all;
  });
}

}  // namespace

}  // namespace seqfuse::tests
