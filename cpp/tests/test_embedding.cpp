// Tests that the embedding copies rows and sums gradients in the order of the ids, for any number of threads.
#include "seqfuse/embedding.hpp"

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
    embedding_forward(EmbeddingForwardArgs<T>{N, D, ids.data(), E.rows(), y.rows(), threads});
    return y.numbers();
  }
  Numbers<T> backward(int threads) const {
    Matrix<T> dE = initial_dE;
    embedding_backward(EmbeddingBackwardArgs<T>{N, D, ids.data(), dy.rows(), dE.rows(), threads});
    return dE.numbers();
  }
};

template <class T>
void check(const Problem<T>& p) {
  Numbers<T> y, dE = p.initial_dE.numbers();
  for (Index n = 0; n < p.N; ++n)
    for (Index d = 0; d < p.D; ++d) {
      y.push_back(p.E(p.ids[size(n)], d));
      dE[size(p.ids[size(n)] * p.D + d)] += p.dy(n, d);
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
}

}  // namespace

}  // namespace seqfuse::tests
