// Tests the CTC loss and its gradient against a sum over all paths, with padding, and with several threads.
#include "seqfuse/ctc.hpp"

#include "matrix.hpp"
#include "seqfuse/memory.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
struct Problem {
  Index T_, B, C, S;
  std::vector<std::int64_t> labels, label_lengths;
  std::vector<unsigned char> valid;
  Index blank = 0;
  Matrix<T> logits{T_ * B, C, 2, 2, 0.1}, dlosses{1, B, 0, 1, 0.2};

  CtcBatch<T> batch() const {
    const Index stride = logits.stride();
    return {T_,
            B,
            C,
            S,
            {logits.data(), B * stride, stride},
            valid.empty() ? nullptr : valid.data(),
            {labels.data(), S},
            label_lengths.data(),
            blank};
  }

  struct Results {
    Numbers<T> losses, dlogits;
  };
  Results run(int threads) const {
    Matrix<T> losses(1, B), without_tape(1, B), dlogits(T_ * B, C, 1);
    Buffer<T> saved(ctc_tape_size(batch()));
    REQUIRE(ctc_forward(CtcForwardArgs<T>{batch(), losses.data(), saved.data(), threads, {}}));
    REQUIRE(ctc_forward(CtcForwardArgs<T>{batch(), without_tape.data(), nullptr, threads, {}}));
    require_same_bits(without_tape.numbers(), losses.numbers(), "losses without a tape");
    const Steps<T> out{dlogits.data(), B * dlogits.stride(), dlogits.stride()};
    REQUIRE(ctc_backward(CtcBackwardArgs<T>{batch(), losses.data(), saved.data(), dlosses.data(), out, threads, {}}));
    return {losses.numbers(), dlogits.numbers()};
  }

  bool is_valid(Index t, Index b) const { return valid.empty() || valid[size(t * B + b)] != 0; }

  // Returns true if the path spells the labels of row b.
  bool spells(const std::vector<Index>& path, Index b) const {
    std::vector<std::int64_t> spelled;
    for (std::size_t i = 0; i < path.size(); ++i)
      if (path[i] != blank && (i == 0 || path[i] != path[i - 1])) spelled.push_back(path[i]);
    const auto* first = labels.data() + b * S;
    return std::equal(spelled.begin(), spelled.end(), first, first + label_lengths[size(b)]);
  }
};

// Computes the loss and gradient of one row by enumerating all C^steps paths.
template <class T>
void check_row(const Problem<T>& p, Index b, const typename Problem<T>::Results& got) {
  std::vector<Index> steps;
  for (Index t = 0; t < p.T_; ++t)
    if (p.is_valid(t, b)) steps.push_back(t);
  std::vector<std::vector<double>> softmax, posterior(steps.size(), std::vector<double>(size(p.C)));
  for (const Index t : steps) {
    double total = 0;
    for (Index c = 0; c < p.C; ++c) total += std::exp(p.logits.at(t * p.B + b, c));
    softmax.emplace_back();
    for (Index c = 0; c < p.C; ++c) softmax.back().push_back(std::exp(p.logits.at(t * p.B + b, c)) / total);
  }
  double probability = 0;
  std::vector<Index> path(steps.size());
  for (bool more = true; more;) {
    if (p.spells(path, b)) {
      double p_path = 1;
      for (std::size_t i = 0; i < path.size(); ++i) p_path *= softmax[i][size(path[i])];
      for (std::size_t i = 0; i < path.size(); ++i) posterior[i][size(path[i])] += p_path;
      probability += p_path;
    }
    more = false;
    for (std::size_t i = 0; i < path.size() && !more; ++i) {
      more = ++path[i] < p.C;
      if (!more) path[i] = 0;
    }
  }
  // Each step adds a few rounding errors of logarithms below 16.
  const double roundings = 16 * static_cast<double>(p.T_ + 1), loss = -std::log(probability);
  require_close<T>({got.losses[size(b)]}, {Sum(loss, 1 + std::abs(loss))}, roundings, "loss");
  Numbers<T> dlogits;
  std::vector<Sum> expected(size(p.T_ * p.C));
  for (Index t = 0; t < p.T_; ++t)
    for (Index c = 0; c < p.C; ++c) dlogits.push_back(got.dlogits[size((t * p.B + b) * p.C + c)]);
  for (std::size_t i = 0; i < steps.size(); ++i)
    for (Index c = 0; c < p.C; ++c)
      expected[size(steps[i] * p.C + c)] = {
          p.dlosses.at(0, b) * (softmax[i][size(c)] - (probability == 0 ? 0 : posterior[i][size(c)] / probability)),
          std::abs(p.dlosses.at(0, b))};
  if (probability > 0) require_close(dlogits, expected, roundings, "dlogits");
}

TEST_CASE_TEMPLATE("the CTC loss and its gradient equal those of a sum over all paths", T, float, double) {
  for (const Index blank : {0, 2})
    for (const bool padded : {false, true}) {
      const std::int64_t a = blank == 0 ? 2 : 0, b = 1;
      Problem<T> problem{6, 5, 3, 3, {a, b, a, a, a, b, b, a, a, a, b, b, b, b, b}, {3, 2, 1, 0, 3}, {}, blank};
      if (padded)
        for (Index i = 0; i < 6 * 5; ++i) problem.valid.push_back(i % 7 != 3);
      const auto got = problem.run(1);
      for (Index row = 0; row < 5; ++row) check_row(problem, row, got);
    }
}

TEST_CASE_TEMPLATE("the CTC loss is infinite if no path spells the labels", T, float, double) {
  const Problem<T> problem{3, 1, 3, 2, {1, 1}, {2}, {}};
  REQUIRE(std::isfinite(problem.run(1).losses[0]));
  const Problem<T> too_short{2, 1, 3, 2, {1, 1}, {2}, {}};
  REQUIRE(too_short.run(1).losses[0] == std::numeric_limits<T>::infinity());
}

TEST_CASE_TEMPLATE("the CTC loss with several threads has the bits of one thread", T, float, double) {
  constexpr Index kT = 61, kB = 7, kC = 33, kS = 19;
  Problem<T> problem{kT, kB, kC, kS, {}, {}, {}};
  for (Index i = 0; i < kB * kS; ++i) problem.labels.push_back(1 + i * i % (kC - 1));
  for (Index b = 0; b < kB; ++b) problem.label_lengths.push_back(kS - 2 * b);
  for (Index i = 0; i < kT * kB; ++i) problem.valid.push_back(i % 11 != 3);
  require_the_bits_of_one_thread([&](int threads) {
    auto got = problem.run(threads);
    append(got.losses, got.dlogits);
    return got.losses;
  });
}

TEST_CASE("the CTC loss returns false when it is cancelled") {
  const Problem<float> problem{500, 1, 9000, 1, {1}, {1}, {}};  // more work than between two checks
  Matrix<float> losses(1, 1);
  REQUIRE_FALSE(ctc_forward(
      CtcForwardArgs<float>{problem.batch(), losses.data(), nullptr, 1, {[](void*) { return true; }, nullptr}}));
}

}  // namespace

}  // namespace seqfuse::tests
