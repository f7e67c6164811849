// The running softmax over blocks of keys: the sums and factors of one pass, excluded keys, rows without keys.
#include "seqfuse/softmax.hpp"

#include "matrix.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse::tests {

namespace {

constexpr Index kRows = 16, kBlock = 64;

template <class T>
struct Pass {
  RunningSoftmax<T, kRows> softmax;
  std::vector<double> weights;  // (keys, rows), brought to the last maximum

  // Scores (keys, rows), block by block.
  explicit Pass(const std::vector<T>& scores) {
    using V = Vec<T>;
    parallel::run(1, [&](int, int) {
      softmax.reset(kRows);
      const Index keys = static_cast<Index>(scores.size()) / kRows;
      for (Index first = 0; first < keys; first += kBlock) {
        alignas(kAlignment) T block[kRows][kBlock];
        V greatest[kRows];
        for (Index r = 0; r < kRows; ++r) {
          greatest[r] = V::all(RunningSoftmax<T, kRows>::kNone);
          for (Index j = 0; j < kBlock; ++j) block[r][j] = scores[size((first + j) * kRows + r)];
          for (Index j = 0; j < kBlock; j += V::kSize) greatest[r] = max(greatest[r], V::load(block[r] + j));
        }
        softmax.raise(kRows, greatest);
        for (std::size_t i = 0; i < weights.size(); ++i)
          weights[i] *= static_cast<double>(softmax.factor[i % size(kRows)]);
        for (Index r = 0; r < kRows; ++r) softmax.weigh(r, block[r], {0, kBlock});
        for (Index j = 0; j < kBlock; ++j)
          for (Index r = 0; r < kRows; ++r) weights.push_back(static_cast<double>(block[r][j]));
      }
    });
  }
};

TEST_CASE_TEMPLATE("blocks of keys give the softmax of all keys", T, float, double) {
  constexpr Index kKeys = 3 * kBlock;
  auto scores = drawn<T>(kKeys * kRows, 5, 0.1);
  for (std::size_t i = 0; i < scores.size(); i += 7) scores[i] = -std::numeric_limits<T>::infinity();
  for (Index j = 0; j < kKeys; ++j) scores[size(j * kRows + 3)] = -std::numeric_limits<T>::infinity();  // no key at all
  for (Index j = 0; j < kBlock; ++j)
    scores[size(j * kRows + 4)] = -std::numeric_limits<T>::infinity();  // none at first
  const Pass<T> pass(scores);
  for (Index r = 0; r < kRows; ++r) {
    double most = -std::numeric_limits<double>::infinity(), total = 0;
    for (Index j = 0; j < kKeys; ++j) most = std::max(most, static_cast<double>(scores[size(j * kRows + r)]));
    const double reciprocal = static_cast<double>(pass.softmax.reciprocal(r));
    REQUIRE_EACH(static_cast<double>(pass.softmax.high[r]) == most, "row %td", r);
    if (r == 3) {
      REQUIRE(reciprocal == 0);
      continue;
    }
    for (Index j = 0; j < kKeys; ++j) total += std::exp(static_cast<double>(scores[size(j * kRows + r)]) - most);
    for (Index j = 0; j < kKeys; ++j) {
      const double score = static_cast<double>(scores[size(j * kRows + r)]);
      const double wanted = std::exp(score - most) / total, got = pass.weights[size(j * kRows + r)] * reciprocal;
      // Scores apart by at most 10 are off by so many half roundings, and three factors and a sum by a few.
      REQUIRE_EACH(std::abs(got - wanted) <= 24 * kEpsilon<T> * wanted, "row %td, key %td: %g, not %g", r, j, got,
                   wanted);
    }
  }
}

}  // namespace

}  // namespace seqfuse::tests
