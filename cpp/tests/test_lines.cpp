// Tests of sums along rows: every number is added once, memory behind the row is not accessed, and lanes are added in
// halves.
#include <cmath>
#include <random>
#include <vector>

#include "require.hpp"
#include "seqfuse/lines.hpp"

namespace seqfuse::tests {

namespace {

// The row is allocated with its exact size, so that a sanitizer detects accesses behind it.
TEST_CASE_TEMPLATE("sums_of_lines adds every number once", T, float, double) {
  for (const Index C : {0, 1, 7, 8, 15, 16, 17, 63, 64, 65, 1000, 4096, 5000, 70'000}) {
    std::vector<T> row(static_cast<std::size_t>(C));
    double sum = 0, squares = 0;
    for (Index c = 0; c < C; ++c) {
      const auto small = static_cast<double>(c % 7 - 3);  // sums of small integers are exact
      row[static_cast<std::size_t>(c)] = static_cast<T>(small);
      sum += small;
      squares += small * small;
    }
    const T* x = row.data();
    const auto add = [=](auto line, auto& sums) {
      const Line<T> a = line.load(x);
      sums[0] = sums[0] + a;
      sums[1] = madd(a, a, sums[1]);
    };
    const auto by_one = sums_of_lines<T, 2, 1>(C, add), by_four = sums_of_lines<T, 2, 4>(C, add);
    REQUIRE_EACH(by_one[0] == T(sum) && by_one[1] == T(squares), "C %td", C);
    REQUIRE_EACH(by_four[0] == T(sum) && by_four[1] == T(squares), "C %td", C);
  }
}

TEST_CASE_TEMPLATE("an incomplete line is filled when loaded and stored only up to its end", T, float, double) {
  for (Index C = 1; C <= 3 * kLine<T>; ++C) {
    std::vector<T> row(static_cast<std::size_t>(C), T(2)), out(static_cast<std::size_t>(C + 1), T(-7));
    T sum = 0;
    Index lines = 0;
    for_each_line<T>(C, [&](auto line) {
      sum += line.load(row.data(), T(5)).sum();
      line.store(Line<T>::all(T(3)), out.data());
      ++lines;
    });
    REQUIRE_EACH(lines == divide_up(C, kLine<T>) && sum == T(2 * C + 5 * (lines * kLine<T> - C)), "C %td", C);
    for (Index c = 0; c <= C; ++c) REQUIRE_EACH(out[static_cast<std::size_t>(c)] == (c < C ? T(3) : T(-7)));
  }
}

TEST_CASE_TEMPLATE("lanes are reduced in halves", T, float, double) {
  std::mt19937 random(1);
  std::uniform_real_distribution<T> uniform(-1, 1);
  for (int draw = 0; draw < 100; ++draw) {
    alignas(kAlignment) T lanes[kLine<T>], left[kLine<T>];
    for (T& lane : lanes) lane = uniform(random);
    std::copy_n(lanes, kLine<T>, left);
    for (Index half = kLine<T> / 2; half > 0; half /= 2)
      for (Index i = 0; i < half; ++i) left[i] += left[i + half];
    const auto line = Line<T>::load(lanes);
    REQUIRE_EACH(line.sum() == left[0]);
    REQUIRE_EACH(line.reduce([](Vec<T> a, Vec<T> b) { return max(a, b); }) ==
                 *std::max_element(lanes, lanes + kLine<T>));
  }
}

}  // namespace

}  // namespace seqfuse::tests
