// Layer and RMS normalisation: written out in double, in place, without weights, by any number of threads.
#include "seqfuse/normalize.hpp"

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
struct Problem {
  Index N, D, gap;
  bool centred, weighed;
  Matrix<T> x{N, D, gap, 2, 0.1}, dy{N, D, gap, 1, 0.2}, gamma{1, D, 0, 1, 0.3}, beta{1, D, 0, 1, 0.4};
  Matrix<T> before{1, D, 0, 1, 0.5};
  double epsilon = 0.01;

  struct Results {
    Numbers<T> y, mean, scale, dx, dgamma, dbeta;
  };
  Results run(int threads, bool in_place = false) const {
    Matrix<T> y = in_place ? x : Matrix<T>(N, D, gap), mean(1, N), scale(1, N);
    mean.fill(T(0));
    NormalizeForwardArgs<T> forward;
    forward.N = N, forward.D = D, forward.x = in_place ? std::as_const(y).rows() : x.rows();
    forward.gamma = weighed ? gamma.data() : nullptr, forward.beta = weighed ? beta.data() : nullptr;
    forward.epsilon = epsilon, forward.y = y.rows(), forward.scale = scale.data(), forward.threads = threads;
    if (centred) forward.mean = mean.data();
    normalize_forward(forward);

    Matrix<T> dx = in_place ? dy : Matrix<T>(N, D, gap), dgamma = before, dbeta = before;
    NormalizeBackwardArgs<T> backward;
    backward.N = N, backward.D = D, backward.x = x.rows();
    backward.dy = in_place ? std::as_const(dx).rows() : dy.rows();
    backward.gamma = forward.gamma, backward.mean = forward.mean, backward.scale = scale.data();
    backward.dx = dx.rows(), backward.threads = threads;
    if (weighed) backward.dgamma = dgamma.data(), backward.dbeta = centred ? dbeta.data() : nullptr;
    normalize_backward(backward);
    return {y.numbers(), mean.numbers(), scale.numbers(), dx.numbers(), dgamma.numbers(), dbeta.numbers()};
  }
};

template <class T>
void check(const Problem<T>& p) {
  const auto got = p.run(1);
  std::vector<Sum> mean, scale, y, dx, dgamma, dbeta;
  for (Index d = 0; d < p.D; ++d) dgamma.emplace_back(p.before.at(0, d)), dbeta.emplace_back(p.before.at(0, d));
  const double D = static_cast<double>(p.D);
  for (Index n = 0; n < p.N; ++n) {
    Sum m, squares;
    for (Index d = 0; d < p.D; ++d) m.add(p.centred ? p.x.at(n, d) / D : 0);
    for (Index d = 0; d < p.D; ++d) squares.add((p.x.at(n, d) - m.value) * (p.x.at(n, d) - m.value) / D);
    const double s = 1 / std::sqrt(squares.value + p.epsilon);
    mean.push_back(m), scale.emplace_back(s, s * (1 + 4 * s));  // the error of the mean joins in
    const auto weight = [&](Index d) { return p.weighed ? p.gamma.at(0, d) : 1.0; };
    Sum g, gh;
    for (Index d = 0; d < p.D; ++d) {
      const double h = (p.x.at(n, d) - m.value) * s, of_beta = p.weighed ? p.beta.at(0, d) : 0;
      g.add(p.centred ? p.dy.at(n, d) * weight(d) / D : 0);
      gh.add(p.dy.at(n, d) * weight(d) * h / D);
      y.emplace_back(h * weight(d) + of_beta, (4 + std::abs(h)) * (1 + 4 * s) + std::abs(of_beta));
      if (p.weighed) dgamma[size(d)].add(p.dy.at(n, d) * h);
      if (p.weighed && p.centred) dbeta[size(d)].add(p.dy.at(n, d));
    }
    for (Index d = 0; d < p.D; ++d) {
      const double h = (p.x.at(n, d) - m.value) * s, own = p.dy.at(n, d) * weight(d);
      dx.emplace_back(s * (own - g.value - h * gh.value),
                      s * (1 + 4 * s) * (std::abs(own) + g.magnitude + (4 + std::abs(h)) * (gh.magnitude + 1)));
    }
  }
  for (Sum& one : dgamma) one.magnitude = (one.magnitude + 1) * 50;  // h is off by the error of scale, at most 10
  // Each sum has D terms, so at most D rounding errors, and 8 for the operations around it. The magnitudes above
  // already
  // include the error of the scale.
  const double roundings = D + 8;
  require_close(got.mean, mean, roundings, "mean");
  require_close(got.scale, scale, roundings, "scale");
  require_close(got.y, y, roundings, "y");
  require_close(got.dx, dx, 2 * roundings, "dx");
  require_close(got.dgamma, dgamma, static_cast<double>(p.N) + roundings, "dgamma");
  require_close(got.dbeta, dbeta, static_cast<double>(p.N) + 2, "dbeta");
  const auto in_place = p.run(1, true);
  require_same_bits(in_place.y, got.y, "y in place of x");
  require_same_bits(in_place.dx, got.dx, "dx in place of dy");
}

TEST_CASE_TEMPLATE("normalisation is the one written out, in place too", T, float, double) {
  for (const bool centred : {false, true})
    for (const bool weighed : {false, true})
      for (const Index N : {0, 1, 5, 35})
        for (const Index D : kNastySizes) check(Problem<T>{N, D, D % 3, centred, weighed});
}

TEST_CASE_TEMPLATE("normalisation has the bits of one thread", T, float, double) {
  for (const bool centred : {false, true}) {
    const Problem<T> problem{1201, 131, 1, centred, true};
    require_the_bits_of_one_thread([&](int threads) {
      const auto got = problem.run(threads);
      Numbers<T> all = got.y;
      for (const auto* more : {&got.mean, &got.scale, &got.dx, &got.dgamma, &got.dbeta}) append(all, *more);
      return all;
    });
  }
}

}  // namespace

}  // namespace seqfuse::tests
