// Tests that the embedding copies rows, and sums gradients in blocks in the order of the ids, for any number of threads.
#include "seqfuse/embedding.hpp"

#include <utility>

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
struct Problem {
  Index N, D, V, gap;
  Matrix<T> E{V, D, gap, 1, 0.1}, dy{N, D, gap, 1, 0.2}, initial_dE{V, D, gap, 1, 0.3};
  std::vector<std::int64_t> ids = make_ids();

  // Some ids occur often. The first and the last row of the table are included.
  std::vector<std::int64_t> make_ids() const {
    std::vector<std::int64_t> all;
    for (Index n = 0; n < N; ++n) all.push_back(n % 3 == 0 ? V - 1 : n * n % V);
    return all;
  }

  Numbers<T> forward(int threads) const {
    Matrix<T> y(N, D, gap);
    embedding_forward(EmbeddingForwardArgs<T>{N, V, D, ids.data(), E.rows(), y.rows(), threads});
    return y.numbers();
  }
  Numbers<T> backward(int threads) const {
    Matrix<T> dE = initial_dE;
    embedding_backward(EmbeddingBackwardArgs<T>{N, V, D, ids.data(), dy.rows(), dE.rows(), threads});
    return dE.numbers();
  }
};

// Adds terms to `total`: the first 64 directly, the others as sums of 64 terms, of 64 such sums, and of 64 of these.
template <class T>
T add_in_blocks(T total, const Numbers<T>& terms) {
  T block[3] = {};
  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (i < 64) {
      total += terms[i];
      continue;
    }
    block[0] += terms[i];
    const std::size_t count = i - 63;
    if (count % 64 == 0) block[1] += std::exchange(block[0], T(0));
    if (count % (64 * 64) == 0) block[2] += std::exchange(block[1], T(0));
  }
  return terms.size() > 64 ? total + (block[2] + (block[1] + block[0])) : total;
}

template <class T>
void check(const Problem<T>& p) {
  Numbers<T> y, dE = p.initial_dE.numbers();
  for (Index n = 0; n < p.N; ++n)
    for (Index d = 0; d < p.D; ++d) y.push_back(p.E(p.ids[size(n)], d));
  for (Index id = 0; id < p.V; ++id)
    for (Index d = 0; d < p.D; ++d) {
      Numbers<T> terms;
      for (Index n = 0; n < p.N; ++n)
        if (p.ids[size(n)] == id) terms.push_back(p.dy(n, d));
      dE[size(id * p.D + d)] = add_in_blocks(dE[size(id * p.D + d)], terms);
    }
  for (const int threads : {1, 2, 3}) {
    require_same_bits(p.forward(threads), y, "y");
    require_same_bits(p.backward(threads), dE, "dE");
  }
}

TEST_CASE_TEMPLATE("embedding copies rows and adds gradients in the order of the ids", T, float, double) {
  for (const Index N : {0, 1, 9})
    for (const Index D : kNastySizes)
      for (const Index V : {1, 5}) check(Problem<T>{N, D, V, D % 3});
}

TEST_CASE_TEMPLATE("embedding with several threads has the bits of one thread, with many rows and with few", T, float,
                   double) {
  for (const Index V : {1, 2, 301}) check(Problem<T>{4001, 67, V, 1});
  check(Problem<T>{9001, 17, 1, 1});
}

TEST_CASE_TEMPLATE("embedding reads ids outside the table as the nearest row", T, float, double) {
  const Matrix<T> E(3, 2, 0, 1, 0.1), dy(2, 2, 0, 1, 0.2);
  const std::int64_t ids[] = {-(std::int64_t(1) << 40), 3};
  Matrix<T> y(2, 2, 0), dE = E;
  embedding_forward(EmbeddingForwardArgs<T>{2, 3, 2, ids, E.rows(), y.rows(), 1});
  embedding_backward(EmbeddingBackwardArgs<T>{2, 3, 2, ids, dy.rows(), dE.rows(), 1});
  for (Index d = 0; d < 2; ++d) {
    REQUIRE(y(0, d) == E(0, d));
    REQUIRE(y(1, d) == E(2, d));
    REQUIRE(dE(0, d) == E(0, d) + dy(0, d));
    REQUIRE(dE(2, d) == E(2, d) + dy(1, d));
  }
}

}  // namespace

}  // namespace seqfuse::tests
