// Softmax cross-entropy: loss and gradient written out in double, in place, by any number of threads.
#include "seqfuse/cross_entropy.hpp"

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
struct Problem {
  Index N, C, gap;
  Matrix<T> logits{N, C, gap, 4, 0.1};
  std::vector<std::int64_t> labels = drawn_labels();
  double factor = 0.75;

  std::vector<std::int64_t> drawn_labels() const {
    std::vector<std::int64_t> all;
    for (Index n = 0; n < N; ++n) all.push_back((7 * n + C - 1) % C);  // the last class, too
    return all;
  }

  struct Results {
    double loss;
    Numbers<T> high, scale, dlogits;
  };
  Results run(int threads, bool in_place = false) const {
    Matrix<T> high(1, N), scale(1, N), dlogits = in_place ? logits : Matrix<T>(N, C, gap);
    const double loss = softmax_cross_entropy_forward(
        CrossEntropyForwardArgs<T>{N, C, logits.rows(), labels.data(), high.data(), scale.data(), threads});
    softmax_cross_entropy_backward(
        CrossEntropyBackwardArgs<T>{N, C, in_place ? std::as_const(dlogits).rows() : logits.rows(), labels.data(),
                                    high.data(), scale.data(), factor, dlogits.rows(), threads});
    return {loss, high.numbers(), scale.numbers(), dlogits.numbers()};
  }
};

template <class T>
void check(const Problem<T>& p) {
  double loss = 0;
  std::vector<Sum> high, scale, dlogits;
  for (Index n = 0; n < p.N; ++n) {
    double most = -std::numeric_limits<double>::infinity(), total = 0;
    for (Index c = 0; c < p.C; ++c) most = std::max(most, p.logits.at(n, c));
    for (Index c = 0; c < p.C; ++c) total += std::exp(p.logits.at(n, c) - most);
    high.emplace_back(most), scale.emplace_back(1 / total);
    loss += std::log(total) + most - p.logits.at(n, p.labels[size(n)]);
    for (Index c = 0; c < p.C; ++c) {
      const double softmax = std::exp(p.logits.at(n, c) - most) / total, one = c == p.labels[size(n)] ? 1 : 0;
      dlogits.emplace_back((softmax - one) * p.factor, (softmax + one) * p.factor);
    }
  }
  const auto got = p.run(1);
  require_close(got.high, high, 0, "high");
  // x - maximum is off by half a rounding of at most 8, exp by 2 ulp of its own; the sum adds a few.
  require_close(got.scale, scale, 16, "scale");
  require_close(got.dlogits, dlogits, 20, "dlogits");
  require_close<T>(Numbers<T>{static_cast<T>(got.loss)}, {Sum(p.N == 0 ? 0 : loss / static_cast<double>(p.N), 8)}, 4,
                   "loss");
  require_same_bits(p.run(1, true).dlogits, got.dlogits, "dlogits in place of the logits");
}

TEST_CASE_TEMPLATE("cross-entropy is the one written out, in place too", T, float, double) {
  for (const Index N : {0, 1, 5})
    for (const Index C : kNastySizes) check(Problem<T>{N, C, C % 3});
}

TEST_CASE_TEMPLATE("cross-entropy has the bits of one thread", T, float, double) {
  const Problem<T> problem{101, 1003, 1};
  require_the_bits_of_one_thread([&](int threads) {
    const auto got = problem.run(threads);
    Numbers<T> all = got.dlogits;
    append(all, got.high), append(all, got.scale);
    REQUIRE(got.loss == problem.run(1).loss);
    return all;
  });
}

}  // namespace

}  // namespace seqfuse::tests
