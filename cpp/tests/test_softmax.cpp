// Tests the running softmax over blocks of keys: weights and sums, excluded keys, and rows without keys.
#include "seqfuse/softmax.hpp"

#include "matrix.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse::tests {

namespace {

constexpr Index kRows = 16, kBlock = 64;

template <class T>
struct Pass {
  RunningSoftmax<T, kRows> softmax;
  std::vector<double> weights;  // (keys, rows): exp(score - row_max) with the last row_max

  // Processes the scores (keys, rows) block by block.
  explicit Pass(const std::vector<T>& scores) {
    using V = Vec<T>;
    parallel::run(1, [&](int, int) {
      softmax.reset(kRows);
      const Index keys = static_cast<Index>(scores.size()) / kRows;
      for (Index first = 0; first < keys; first += kBlock) {
        alignas(kAlignment) T block[kRows][kBlock];
        V max_lanes[kRows];
        for (Index r = 0; r < kRows; ++r) {
          max_lanes[r] = V::all(RunningSoftmax<T, kRows>::kNone);
          for (Index j = 0; j < kBlock; ++j) block[r][j] = scores[size((first + j) * kRows + r)];
          for (Index j = 0; j < kBlock; j += V::kSize) max_lanes[r] = max(max_lanes[r], V::load(block[r] + j));
        }
        softmax.update_max(kRows, max_lanes);
        for (std::size_t i = 0; i < weights.size(); ++i)
          weights[i] *= static_cast<double>(softmax.rescale[i % size(kRows)]);
        for (Index r = 0; r < kRows; ++r) softmax.exponentiate(r, block[r], {0, kBlock});
        for (Index j = 0; j < kBlock; ++j)
          for (Index r = 0; r < kRows; ++r) weights.push_back(static_cast<double>(block[r][j]));
      }
    });
  }
};

TEST_CASE_TEMPLATE("the running softmax over blocks equals the softmax of all keys", T, float, double) {
  constexpr Index kKeys = 3 * kBlock;
  auto scores = drawn<T>(kKeys * kRows, 5, 0.1);
  for (std::size_t i = 0; i < scores.size(); i += 7) scores[i] = -std::numeric_limits<T>::infinity();
  for (Index j = 0; j < kKeys; ++j)
    scores[size(j * kRows + 3)] = -std::numeric_limits<T>::infinity();  // row 3 has no key
  for (Index j = 0; j < kBlock; ++j)
    scores[size(j * kRows + 4)] = -std::numeric_limits<T>::infinity();  // row 4 has no key in the first block
  const Pass<T> pass(scores);
  for (Index r = 0; r < kRows; ++r) {
    double maximum = -std::numeric_limits<double>::infinity(), total = 0;
    for (Index j = 0; j < kKeys; ++j) maximum = std::max(maximum, static_cast<double>(scores[size(j * kRows + r)]));
    const double inv_sum = static_cast<double>(pass.softmax.inv_sum(r));
    REQUIRE_EACH(static_cast<double>(pass.softmax.row_max[r]) == maximum, "row %td", r);
    if (r == 3) {
      REQUIRE(inv_sum == 0);
      continue;
    }
    for (Index j = 0; j < kKeys; ++j) total += std::exp(static_cast<double>(scores[size(j * kRows + r)]) - maximum);
    for (Index j = 0; j < kKeys; ++j) {
      const double score = static_cast<double>(scores[size(j * kRows + r)]);
      const double expected = std::exp(score - maximum) / total, got = pass.weights[size(j * kRows + r)] * inv_sum;
      // Differences of scores, at most 10, are rounded once. Three factors and a sum add a few roundings.
      REQUIRE_EACH(std::abs(got - expected) <= 24 * kEpsilon<T> * expected, "row %td, key %td: %g, not %g", r, j, got,
                   expected);
    }
  }
}

}  // namespace

}  // namespace seqfuse::tests
