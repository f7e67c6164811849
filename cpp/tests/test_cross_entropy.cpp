// Tests softmax cross-entropy and its gradient against a computation in double, in place, and with several threads.
#include "seqfuse/cross_entropy.hpp"

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
struct Problem {
  Index N, C, gap;
  Matrix<T> logits{N, C, gap, 4, 0.1};
  std::vector<std::int64_t> labels = make_labels();
  double factor = 0.75;

  std::vector<std::int64_t> make_labels() const {
    std::vector<std::int64_t> all;
    for (Index n = 0; n < N; ++n) all.push_back((7 * n + C - 1) % C);  // includes the last class
    return all;
  }

  struct Results {
    double loss;
    Numbers<T> row_max, inv_sum, dlogits;
  };
  Results run(int threads, bool in_place = false) const {
    Matrix<T> row_max(1, N), inv_sum(1, N), dlogits = in_place ? logits : Matrix<T>(N, C, gap);
    const double loss = softmax_cross_entropy_forward(
        CrossEntropyForwardArgs<T>{N, C, logits.rows(), labels.data(), row_max.data(), inv_sum.data(), threads});
    softmax_cross_entropy_backward(
        CrossEntropyBackwardArgs<T>{N, C, in_place ? std::as_const(dlogits).rows() : logits.rows(), labels.data(),
                                    row_max.data(), inv_sum.data(), factor, dlogits.rows(), threads});
    return {loss, row_max.numbers(), inv_sum.numbers(), dlogits.numbers()};
  }
};

template <class T>
void check(const Problem<T>& p) {
  double loss = 0;
  std::vector<Sum> row_max, inv_sum, dlogits;
  for (Index n = 0; n < p.N; ++n) {
    double maximum = -std::numeric_limits<double>::infinity(), total = 0;
    for (Index c = 0; c < p.C; ++c) maximum = std::max(maximum, p.logits.at(n, c));
    for (Index c = 0; c < p.C; ++c) total += std::exp(p.logits.at(n, c) - maximum);
    row_max.emplace_back(maximum);
    inv_sum.emplace_back(1 / total);
    loss += std::log(total) + maximum - p.logits.at(n, p.labels[size(n)]);
    for (Index c = 0; c < p.C; ++c) {
      const double softmax = std::exp(p.logits.at(n, c) - maximum) / total, onehot = c == p.labels[size(n)] ? 1 : 0;
      dlogits.emplace_back((softmax - onehot) * p.factor, (softmax + onehot) * p.factor);
    }
  }
  const auto got = p.run(1);
  require_close(got.row_max, row_max, 0, "row_max");
  // x - maximum, at most 8, is rounded once; exp has an error of 2 ulp; the sum adds a few roundings.
  require_close(got.inv_sum, inv_sum, 16, "inv_sum");
  require_close(got.dlogits, dlogits, 20, "dlogits");
  require_close<T>(Numbers<T>{static_cast<T>(got.loss)}, {Sum(p.N == 0 ? 0 : loss / static_cast<double>(p.N), 8)}, 4,
                   "loss");
  require_same_bits(p.run(1, true).dlogits, got.dlogits, "dlogits written to logits");
}

TEST_CASE_TEMPLATE("cross-entropy equals a computation in double, also in place", T, float, double) {
  for (const Index N : {0, 1, 5})
    for (const Index C : kNastySizes) check(Problem<T>{N, C, C % 3});
}

TEST_CASE_TEMPLATE("cross-entropy with several threads has the bits of one thread", T, float, double) {
  const Problem<T> problem{101, 1003, 1};
  require_the_bits_of_one_thread([&](int threads) {
    const auto got = problem.run(threads);
    Numbers<T> all = got.dlogits;
    append(all, got.row_max);
    append(all, got.inv_sum);
    REQUIRE(got.loss == problem.run(1).loss);
    return all;
  });
}

}  // namespace

}  // namespace seqfuse::tests
