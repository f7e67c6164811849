// Tests of packets: partial loads and stores, fused multiply-add, NaN, signs and rearrangement of lanes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "require.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
struct Lanes {
  alignas(kAlignment) T at[Vec<T>::kSize];
  explicit Lanes(Vec<T> v) { v.store(at); }
};

// The array is allocated with its exact size, so that a sanitizer detects accesses behind it.
TEST_CASE_TEMPLATE("partial loads and stores access only their lanes", T, float, double) {
  using V = Vec<T>;
  const T mark = T(-7);
  for (Index n = 0; n <= V::kSize + 1; ++n) {
    T* exact = new T[static_cast<std::size_t>(n)];
    std::iota(exact, exact + n, T(1));
    const Lanes<T> loaded(V::load_first(exact, n)), cut(V::all(T(3)).first(n));
    for (Index i = 0; i < V::kSize; ++i) {
      REQUIRE_EACH(loaded.at[i] == (i < n ? static_cast<T>(i + 1) : T(0)));
      REQUIRE_EACH(cut.at[i] == (i < n ? T(3) : T(0)));
    }
    V::all(T(5)).store_first(exact, n);
    for (Index i = 0; i < n; ++i) REQUIRE_EACH(exact[i] == (i < V::kSize ? T(5) : static_cast<T>(i + 1)));
    delete[] exact;

    T wide[2 * V::kSize + 2];
    std::fill(wide, wide + 2 * V::kSize + 2, mark);
    V::all(T(5)).store_first(wide + 1, n);
    for (Index i = 0; i < 2 * V::kSize + 2; ++i)
      REQUIRE_EACH(wide[i] == (i >= 1 && i <= std::min(n, V::kSize) ? T(5) : mark), "n %td, i %td", n, i);
  }
}

TEST_CASE_TEMPLATE("first replaces nan by zero in the other lanes", T, float, double) {
  using V = Vec<T>;
  const Lanes<T> lanes(V::all(std::numeric_limits<T>::quiet_NaN()).first(1));
  REQUIRE_EACH(std::isnan(lanes.at[0]));
  for (Index i = 1; i < V::kSize; ++i) REQUIRE_EACH(lanes.at[i] == T(0) && !std::signbit(lanes.at[i]));
}

TEST_CASE_TEMPLATE("pairs are deinterleaved and interleaved again", T, float, double) {
  constexpr Index kSize = Vec<T>::kSize;
  alignas(kAlignment) T run[2 * kSize];
  std::iota(run, run + 2 * kSize, T(0));
  const Pairs<T> split = split_pairs(Vec<T>::load(run), Vec<T>::load(run + kSize)), together = join_pairs(split);
  const Lanes<T> first(split.first), second(split.second), low(together.first), high(together.second);
  for (Index i = 0; i < kSize; ++i) {
    REQUIRE_EACH(first.at[i] == static_cast<T>(2 * i) && second.at[i] == static_cast<T>(2 * i + 1));
    REQUIRE_EACH(low.at[i] == run[i] && high.at[i] == run[kSize + i]);
  }
}

// exp's clamps and softmax's maximum rely on this.
TEST_CASE_TEMPLATE("min and max return a nan on the left", T, float, double) {
  using V = Vec<T>;
  const V nan = V::all(std::numeric_limits<T>::quiet_NaN()), one = V::all(T(1)), two = V::all(T(2));
  REQUIRE_EACH(std::isnan(Lanes<T>(min(nan, one)).at[0]) && std::isnan(Lanes<T>(max(nan, one)).at[0]));
  REQUIRE_EACH(Lanes<T>(min(one, two)).at[0] == T(1) && Lanes<T>(max(one, two)).at[0] == T(2));
}

TEST_CASE_TEMPLATE("with_sign_of and abs set the sign", T, float, double) {
  using V = Vec<T>;
  for (const T s : {T(-3), T(-0.0), -std::numeric_limits<T>::infinity()}) {
    REQUIRE_EACH(Lanes<T>(with_sign_of(V::all(T(2)), V::all(s))).at[0] == T(-2));
    REQUIRE_EACH(Lanes<T>(with_sign_of(V::all(T(2)), V::all(-s))).at[0] == T(2));
    REQUIRE_EACH(!std::signbit(Lanes<T>(abs(V::all(s))).at[0]));
  }
}

// (1 + e)(1 - e) - 1 = -e^2, which two roundings lose.
TEST_CASE_TEMPLATE("madd rounds once if the machine has a fused multiply-add", T, float, double) {
  using V = Vec<T>;
  volatile T e = std::numeric_limits<T>::epsilon();
  const T got = Lanes<T>(madd(V::all(1 + e), V::all(1 - e), V::all(T(-1)))).at[0];
#if defined(__FMA__) || defined(__aarch64__)
  REQUIRE_EACH(got == -e * e, "got %g", static_cast<double>(got));
#else
  REQUIRE_EACH(got == T(0) || got == -e * e);
#endif
}

TEST_CASE_TEMPLATE("transpose swaps rows and columns", T, float, double) {
  using V = Vec<T>;
  V square[V::kSize];
  for (Index i = 0; i < V::kSize; ++i) {
    T row[V::kSize];
    std::iota(row, row + V::kSize, static_cast<T>(i * V::kSize));
    square[i] = V::loadu(row);
  }
  transpose(square);
  for (Index i = 0; i < V::kSize; ++i) {
    const Lanes<T> row(square[i]);
    for (Index j = 0; j < V::kSize; ++j) REQUIRE_EACH(row.at[j] == static_cast<T>(j * V::kSize + i));
  }
}

TEST_CASE_TEMPLATE("square root is rounded correctly", T, float, double) {
  for (T x : {T(2), T(3), T(1e-30), T(0.1), std::numeric_limits<T>::max(), std::numeric_limits<T>::min(), T(0)})
    REQUIRE_EACH(Lanes<T>(sqrt(Vec<T>::all(x))).at[0] == std::sqrt(x));
}

}  // namespace

}  // namespace seqfuse::tests
