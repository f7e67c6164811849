// Compares the dense layer and its gradients with simple loops in double, for any strides and number of threads.
#include "seqfuse/dense.hpp"

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
struct Problem {
  Index N, I, O, gap;
  Matrix<T> x{N, I, gap, 1, 0.1}, W{I, O, gap, 1, 0.2}, b{1, O, 0, 1, 0.3}, dy{N, O, gap, 1, 0.4};
  Matrix<T> y_before{N, O, gap, 1, 0.5}, dW_before{I, O, gap, 1, 0.6}, db_before{1, O, 0, 1, 0.7};

  Numbers<T> forward(bool bias, bool add, int threads, CancellationToken stop = {}) const {
    Matrix<T> y = add ? y_before : Matrix<T>(N, O, gap);
    DenseForwardArgs<T> args{N, I, O, x.rows(), W.rows(), bias ? b.data() : nullptr, y.rows(), add, threads, stop};
    REQUIRE(dense_forward(args) == (stop.ask == nullptr));
    return y.numbers();
  }

  struct Gradients {
    Numbers<T> dx, dW, db;
  };
  Gradients backward(bool all, int threads) const {
    Matrix<T> dx(N, I, gap), dW = dW_before, db = db_before;
    DenseBackwardArgs<T> args{N, I, O, x.rows(), W.rows(), dy.rows(), {}, dW.rows(), nullptr, true, threads, {}};
    if (all) {
      args.dx = dx.rows();
      args.db = db.data();
    }
    REQUIRE(dense_backward(args));
    return {dx.numbers(), dW.numbers(), db.numbers()};
  }
};

template <class T>
void check_forward(const Problem<T>& p, bool bias, bool add) {
  std::vector<Sum> y;
  for (Index n = 0; n < p.N; ++n)
    for (Index o = 0; o < p.O; ++o) {
      Sum sum;
      for (Index i = 0; i < p.I; ++i) sum.add(p.x.at(n, i) * p.W.at(i, o));
      if (bias) sum.add(p.b.at(0, o));
      if (add) sum.add(p.y_before.at(n, o));
      y.push_back(sum);
    }
  require_close(p.forward(bias, add, 1), y, static_cast<double>(p.I + 2), "y");  // one rounding per term
}

template <class T>
void check_backward(const Problem<T>& p) {
  std::vector<Sum> dx, dW, db;
  for (Index n = 0; n < p.N; ++n)
    for (Index i = 0; i < p.I; ++i) {
      Sum sum;
      for (Index o = 0; o < p.O; ++o) sum.add(p.dy.at(n, o) * p.W.at(i, o));
      dx.push_back(sum);
    }
  for (Index i = 0; i < p.I; ++i)
    for (Index o = 0; o < p.O; ++o) {
      Sum sum(p.dW_before.at(i, o));
      for (Index n = 0; n < p.N; ++n) sum.add(p.x.at(n, i) * p.dy.at(n, o));
      dW.push_back(sum);
    }
  for (Index o = 0; o < p.O; ++o) {
    Sum sum(p.db_before.at(0, o));
    for (Index n = 0; n < p.N; ++n) sum.add(p.dy.at(n, o));
    db.push_back(sum);
  }
  const auto got = p.backward(true, 1), weights_alone = p.backward(false, 1);
  require_close(got.dx, dx, static_cast<double>(p.O + 2), "dx");  // one rounding per term
  require_close(got.dW, dW, static_cast<double>(p.N + 2), "dW");
  require_close(got.db, db, static_cast<double>(p.N + 2), "db");
  require_same_bits(weights_alone.dW, got.dW, "dW without dx and db");
  require_same_bits(weights_alone.db, p.db_before.numbers(), "db if it is not requested");
}

TEST_CASE_TEMPLATE("dense agrees with simple loops for sizes around packets and any strides", T, float, double) {
  for (const Index N : {0, 1, 5, 13})
    for (const Index I : kNastySizes)
      for (const Index O : kNastySizes) {
        const Problem<T> problem{N, I, O, (I + O) % 3};
        check_forward(problem, I % 2 == 0, O % 2 == 0);
        check_backward(problem);
      }
}

TEST_CASE_TEMPLATE("dense of several blocks has the same bits for any number of threads", T, float, double) {
  const Problem<T> problem{531, 67, 83, 1};
  check_forward(problem, true, false);
  check_backward(problem);
  require_the_bits_of_one_thread([&](int threads) {
    Numbers<T> all = problem.forward(true, true, threads);
    const auto gradients = problem.backward(true, threads);
    for (const auto& gradient : {gradients.dx, gradients.dW, gradients.db}) append(all, gradient);
    return all;
  });
}

TEST_CASE("a cancelled dense_forward returns before it writes y") {
  const Problem<float> problem{5, 6, 7, 1};
  const auto y = problem.forward(true, true, 1, {[](void*) { return true; }, nullptr});
  require_same_bits(y, problem.y_before.numbers(), "y");
}

}  // namespace

}  // namespace seqfuse::tests
