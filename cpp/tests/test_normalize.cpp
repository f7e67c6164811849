// Tests layer and RMS normalization against a computation in double, in place, without weights, and in several threads.
#include "seqfuse/normalize.hpp"

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
struct Problem {
  Index N, D, gap;
  bool centered, has_weights;
  Matrix<T> x{N, D, gap, 2, 0.1}, dy{N, D, gap, 1, 0.2}, gamma{1, D, 0, 1, 0.3}, beta{1, D, 0, 1, 0.4};
  Matrix<T> initial{1, D, 0, 1, 0.5};
  double epsilon = 0.01;

  struct Results {
    Numbers<T> y, mean, rstd, dx, dgamma, dbeta;
  };
  Results run(int threads, bool in_place = false) const {
    Matrix<T> y = in_place ? x : Matrix<T>(N, D, gap), mean(1, N), rstd(1, N);
    mean.fill(T(0));
    NormalizeForwardArgs<T> forward;
    forward.N = N;
    forward.D = D;
    forward.x = in_place ? std::as_const(y).rows() : x.rows();
    forward.gamma = has_weights ? gamma.data() : nullptr;
    forward.beta = has_weights ? beta.data() : nullptr;
    forward.epsilon = epsilon;
    forward.y = y.rows();
    forward.rstd = rstd.data();
    forward.threads = threads;
    if (centered) forward.mean = mean.data();
    normalize_forward(forward);

    Matrix<T> dx = in_place ? dy : Matrix<T>(N, D, gap), dgamma = initial, dbeta = initial;
    NormalizeBackwardArgs<T> backward;
    backward.N = N;
    backward.D = D;
    backward.x = x.rows();
    backward.dy = in_place ? std::as_const(dx).rows() : dy.rows();
    backward.gamma = forward.gamma;
    backward.mean = forward.mean;
    backward.rstd = rstd.data();
    backward.dx = dx.rows();
    backward.threads = threads;
    if (has_weights) {
      backward.dgamma = dgamma.data();
      backward.dbeta = centered ? dbeta.data() : nullptr;
    }
    normalize_backward(backward);
    return {y.numbers(), mean.numbers(), rstd.numbers(), dx.numbers(), dgamma.numbers(), dbeta.numbers()};
  }
};

template <class T>
void check(const Problem<T>& p) {
  const auto got = p.run(1);
  std::vector<Sum> mean, rstd, y, dx, dgamma, dbeta;
  for (Index d = 0; d < p.D; ++d) {
    dgamma.emplace_back(p.initial.at(0, d));
    dbeta.emplace_back(p.initial.at(0, d));
  }
  const double D = static_cast<double>(p.D);
  for (Index n = 0; n < p.N; ++n) {
    Sum m, squares;
    for (Index d = 0; d < p.D; ++d) m.add(p.centered ? p.x.at(n, d) / D : 0);
    for (Index d = 0; d < p.D; ++d) squares.add((p.x.at(n, d) - m.value) * (p.x.at(n, d) - m.value) / D);
    const double s = 1 / std::sqrt(squares.value + p.epsilon);
    mean.push_back(m);
    rstd.emplace_back(s, s * (1 + 4 * s));  // includes the error of the mean
    const auto weight = [&](Index d) { return p.has_weights ? p.gamma.at(0, d) : 1.0; };
    Sum g, gh;
    for (Index d = 0; d < p.D; ++d) {
      const double h = (p.x.at(n, d) - m.value) * s, beta = p.has_weights ? p.beta.at(0, d) : 0;
      g.add(p.centered ? p.dy.at(n, d) * weight(d) / D : 0);
      gh.add(p.dy.at(n, d) * weight(d) * h / D);
      y.emplace_back(h * weight(d) + beta, (4 + std::abs(h)) * (1 + 4 * s) + std::abs(beta));
      if (p.has_weights) dgamma[size(d)].add(p.dy.at(n, d) * h);
      if (p.has_weights && p.centered) dbeta[size(d)].add(p.dy.at(n, d));
    }
    for (Index d = 0; d < p.D; ++d) {
      const double h = (p.x.at(n, d) - m.value) * s, dy_gamma = p.dy.at(n, d) * weight(d);
      dx.emplace_back(s * (dy_gamma - g.value - h * gh.value),
                      s * (1 + 4 * s) * (std::abs(dy_gamma) + g.magnitude + (4 + std::abs(h)) * (gh.magnitude + 1)));
    }
  }
  for (Sum& sum : dgamma) sum.magnitude = (sum.magnitude + 1) * 50;  // h has the error of rstd, at most 10
  // Each sum has D terms, so at most D rounding errors, and 8 for the operations around it. The magnitudes above
  // already include the error of rstd.
  const double roundings = D + 8;
  require_close(got.mean, mean, roundings, "mean");
  require_close(got.rstd, rstd, roundings, "rstd");
  require_close(got.y, y, roundings, "y");
  require_close(got.dx, dx, 2 * roundings, "dx");
  require_close(got.dgamma, dgamma, static_cast<double>(p.N) + roundings, "dgamma");
  require_close(got.dbeta, dbeta, static_cast<double>(p.N) + 2, "dbeta");
  const auto in_place = p.run(1, true);
  require_same_bits(in_place.y, got.y, "y written to x");
  require_same_bits(in_place.dx, got.dx, "dx written to dy");
}

TEST_CASE_TEMPLATE("normalization equals a computation in double, also in place", T, float, double) {
  for (const bool centered : {false, true})
    for (const bool has_weights : {false, true})
      for (const Index N : {0, 1, 5, 35})
        for (const Index D : kNastySizes) check(Problem<T>{N, D, D % 3, centered, has_weights});
}

TEST_CASE_TEMPLATE("normalization with several threads has the bits of one thread", T, float, double) {
  for (const bool centered : {false, true}) {
    const Problem<T> problem{1201, 131, 1, centered, true};
    require_the_bits_of_one_thread([&](int threads) {
      const auto got = problem.run(threads);
      Numbers<T> all = got.y;
      for (const auto* more : {&got.mean, &got.rstd, &got.dx, &got.dgamma, &got.dbeta}) append(all, *more);
      return all;
    });
  }
}

}  // namespace

}  // namespace seqfuse::tests
