// Tests that dropout keeps exactly the elements that the words of Philox select, for any number of threads.
#include "seqfuse/dropout.hpp"

#include "matrix.hpp"
#include "seqfuse/philox.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
Numbers<T> dropped(const Matrix<T>& x, Index n, double rate, std::uint64_t seed, int threads) {
  Matrix<T> y(1, n);
  dropout(DropoutArgs<T>{n, x.data(), y.data(), rate, seed, threads});
  return y.numbers();
}

// Computes element i alone.
template <class T>
T expected_element(T x, Index i, double rate, std::uint64_t seed) {
  std::uint32_t counter[4][1] = {{static_cast<std::uint32_t>(i / 4)}, {0}, {0}, {0}};
  philox4x32(counter, static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
  const bool kept = static_cast<double>(counter[i % 4][0]) >= std::floor(std::ldexp(rate, 32));
  return kept ? x * static_cast<T>(1 / (1 - rate)) : T(0);
}

template <class T>
void check(Index n, double rate, std::uint64_t seed, int threads) {
  Matrix<T> x(1, n, 0, 1, 0.1);
  Numbers<T> expected;
  for (Index i = 0; i < n; ++i) expected.push_back(expected_element(x(0, i), i, rate, seed));
  require_same_bits(dropped(x, n, rate, seed, threads), expected, "y");
  dropout(DropoutArgs<T>{n, x.data(), x.data(), rate, seed, threads});
  require_same_bits(x.numbers(), expected, "y written to x");
}

TEST_CASE_TEMPLATE("dropout keeps and scales the elements that Philox selects", T, float, double) {
  for (const double rate : {0.0, 0.3, 0.99})
    for (const Index n : {0, 1, 3, 4, 5, 127, 128, 129, 1000}) check<T>(n, rate, 0x123456789abcdef, 1);
}

TEST_CASE_TEMPLATE("dropout sets infinities to zero", T, float, double) {
  Matrix<T> x(1, 1000);
  x.fill(std::numeric_limits<T>::infinity());
  const auto y = dropped(x, 1000, 0.5, 3, 1);
  REQUIRE(std::count(y.begin(), y.end(), T(0)) + std::count(y.begin(), y.end(), x(0, 0)) == 1000);
  REQUIRE(std::count(y.begin(), y.end(), T(0)) > 400);
}

TEST_CASE_TEMPLATE("dropout with several threads has the bits of one thread", T, float, double) {
  for (const int threads : {1, 2, 3}) check<T>(70'003, 0.3, 7, threads);
}

}  // namespace

}  // namespace seqfuse::tests
