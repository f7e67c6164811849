// Every cell through its kernels: values written out in double, gradients by central differences, nothing beside them.
#include "recurrent_equations.hpp"
#include "seqfuse/recurrent.hpp"

namespace seqfuse::tests {

namespace {

struct CellName {
  const char* name;
  Index gates, states, parameters;
  bool product;
};

constexpr CellName kCells[] = {{"rnn", 1, 0, 0, true},     {"lstm", 4, 1, 3, true},
                               {"gru", 3, 0, 0, true},     {"gru_reset_before", 3, 0, 0, true},
                               {"indrnn", 1, 0, 1, false}, {"mingru", 2, 0, 0, false}};

// Everything that one call needs. What is drawn for T is what T holds, so that the sums in double see the same.
template <class T>
class Problem {
 public:
  Problem(const CellName& cell, Index T_, Index B, Index I, Index H, bool runtime, bool sequence)
      : cell_(cell), call_{cell.name, T_, B, I, H, cell.gates, runtime, sequence, {}, {}} {
    const Index width = cell.gates * H;
    in_ = {rounded(T_ * B * I, 1, 0.1),
           rounded(I * width, 0.7, 0.2),
           rounded(cell.product ? H * width : 0, 0.7, 0.3),
           rounded(width, 0.5, 0.4),
           rounded(width, 0.5, 0.5),
           rounded(B * H, 1, 0.6),
           rounded(B * H, 1, 0.7),
           rounded(parameters() * H, 0.5, 0.8)};
    call_.mask = rounded(B * H, 2, 0.9);
    for (Index i = 0; i < T_ * B; ++i) call_.valid.push_back(i % 3 != 1);
    dy_ = rounded(T_ * B * H, 1, 1.1), dh_ = rounded(B * H, 1, 1.2), dc_ = rounded(B * H, 1, 1.3);
  }

  void check(Index checkpoint) const {
    const Outputs wanted = WrittenOut(call_, in_).run();
    const Got got = run(checkpoint);
    require_values(got.y, wanted.y, "y");
    require_values(got.h, wanted.h, "h");
    if (cell_.states > 0) require_values(got.c, wanted.c, "c");
    Numbers<double> Inputs::* inputs[] = {&Inputs::x,  &Inputs::W,  &Inputs::U,  &Inputs::bx,
                                          &Inputs::bh, &Inputs::h0, &Inputs::c0, &Inputs::parameters};
    const char* names[] = {"dx", "dW", "dU", "db", "dbh", "dh0", "dc0", "dparameters"};
    for (std::size_t k = 0; k < 8; ++k) check_slope(inputs[k], got.gradients[k], names[k]);
  }

 private:
  struct Got {
    Numbers<T> y, h, c, gradients[8];
  };

  // An LSTM reads them with peepholes only.
  Index parameters() const { return call_.runtime || cell_.states == 0 ? cell_.parameters : 0; }
  static Numbers<double> rounded(Index n, double scale, double seed) {
    Numbers<double> numbers;
    for (const T one : drawn<T>(n, scale, seed)) numbers.push_back(static_cast<double>(one));
    return numbers;
  }
  static Numbers<T> given(const Numbers<double>& numbers) {
    Numbers<T> all;
    for (const double one : numbers) all.push_back(static_cast<T>(one));
    return all;
  }
  static Matrix<T> given(const Numbers<double>& numbers, Index rows, Index columns, Index gap) {
    Matrix<T> matrix(rows, columns, gap);
    matrix.fill(given(numbers));
    return matrix;
  }
  template <class U>
  Steps<U> steps(U* data, Index stride) const {
    return {data, call_.B * stride, stride};
  }

  Got run(Index checkpoint) const {
    const auto [cell, T_, B, I, H, gates, runtime, sequence, mask, valid] = call_;
    const RecurrentKernels<T>& kernels = *find_recurrent_kernels<T>(cell_.name);
    const Index width = gates * H, gap = 1;
    const Matrix<T> x = given(in_.x, T_ * B, I, gap), W = given(in_.W, I, width, gap);
    const Matrix<T> U = given(in_.U, cell_.product ? H : 0, width, gap), mask_gradient = given(mask, B, H, gap);
    const Matrix<T> bx = given(in_.bx, 1, width, 0), bh = given(in_.bh, 1, width, 0);
    const Matrix<T> h0 = given(in_.h0, B, H, gap), c0 = given(in_.c0, B, H, gap);
    const Matrix<T> own = given(in_.parameters, parameters(), H, gap);

    Weights<T> weights;
    weights.I = I, weights.H = H, weights.W = W.rows(), weights.bx = bx.data(), weights.bh = bh.data();
    if (cell_.product) weights.U = U.rows();
    if (parameters() > 0) weights.parameters = own.rows();
    if (runtime) {
      weights.options.activation.kind = ActivationKind::softsign;
      weights.options.clip = static_cast<T>(kClip);
      weights.options.peephole = cell_.states > 0, weights.options.candidate = true;
    }

    Matrix<T> y(T_ * B, H, gap), h(B, H, gap), c(B, H, gap);
    c.fill(T(0));
    ForwardArgs<T> forward;
    forward.sequence.T_ = T_, forward.sequence.B = B, forward.sequence.x = steps(x.data(), x.stride());
    forward.sequence.h0 = h0.rows(), forward.sequence.c0 = c0.rows();
    if (sequence) {
      forward.sequence.valid = valid.data(), forward.sequence.reverse = true;
      forward.sequence.recurrent_mask = mask_gradient.rows();
    }
    forward.y = steps(y.data(), y.stride()), forward.h = h.rows(), forward.c = c.rows();
    Buffer<T> saved(kernels.tape_size(weights.options, T_, B, H, checkpoint));
    forward.saved = saved.data(), forward.checkpoint = checkpoint;
    REQUIRE(kernels.forward(kernels.prepare(weights, T_, B, 1), forward));

    const Matrix<T> dy = given(dy_, T_ * B, H, gap), dh = given(dh_, B, H, gap), dc = given(dc_, B, H, gap);
    Matrix<T> dx(T_ * B, I, gap), dW(I, width, gap), dU(cell_.product ? H : 0, width, gap), db(1, width), dbh(1, width);
    Matrix<T> dh0(B, H, gap), dc0(B, H, gap), dparameters(parameters(), H, gap);
    for (Matrix<T>* sum : {&dW, &dU, &db, &dbh, &dparameters}) sum->fill(T(1));  // they are added to
    dc0.fill(T(0));
    BackwardArgs<T> backward;
    backward.tape.sequence = forward.sequence, backward.tape.saved = saved.data(),
    backward.tape.checkpoint = checkpoint;
    if (checkpoint == 0) backward.tape.y = steps(std::as_const(y).data(), y.stride());
    backward.dy = steps(dy.data(), dy.stride()), backward.dh = dh.rows();
    if (cell_.states > 0) backward.dc = dc.rows();
    backward.dx = steps(dx.data(), dx.stride()), backward.dW = dW.rows(), backward.db = db.data();
    if (cell_.product) backward.dU = dU.rows();
    backward.dbh = dbh.data(), backward.accumulate = true;
    if (parameters() > 0) backward.dparameters = dparameters.rows();
    backward.dh0 = dh0.rows(), backward.dc0 = dc0.rows();
    REQUIRE(kernels.backward(weights, backward));
    Got got{y.numbers(), h.numbers(), c.numbers(), {}};
    const Matrix<T>* gradients[] = {&dx, &dW, &dU, &db, &dbh, &dh0, &dc0, &dparameters};
    for (std::size_t k = 0; k < 8; ++k) got.gradients[k] = gradients[k]->numbers();
    for (const std::size_t k : {1, 2, 3, 4, 7})
      for (T& one : got.gradients[k]) one -= T(1);
    return got;
  }

  // Pre-activations are sums of at most 40 terms below 1, whose errors a handful of steps carry on.
  static void require_values(const Numbers<T>& got, const Numbers<double>& wanted, const char* name) {
    std::vector<Sum> sums;
    for (const double one : wanted) sums.emplace_back(one, 1 + std::abs(one));
    require_close(got, sums, 64, name);
  }

  double loss(const Inputs& in) const {
    const Outputs out = WrittenOut(call_, in).run();
    double sum = 0;
    for (std::size_t i = 0; i < out.y.size(); ++i) sum += dy_[i] * out.y[i];
    for (std::size_t i = 0; i < out.h.size(); ++i) sum += dh_[i] * out.h[i];
    for (std::size_t i = 0; cell_.states > 0 && i < out.c.size(); ++i) sum += dc_[i] * out.c[i];
    return sum;
  }

  // The gradient times one direction, by central differences.
  void check_slope(Numbers<double> Inputs::* input, const Numbers<T>& gradient, const char* name) const {
    REQUIRE((in_.*input).size() == gradient.size());
    const auto direction = drawn<double>(static_cast<Index>(gradient.size()), 1, 2.0);
    if (cell_.states == 0 && input == &Inputs::c0) return;
    const double step = 1e-5;
    Inputs moved = in_;
    Sum slope;
    double losses[2];
    for (const int side : {0, 1}) {
      for (std::size_t i = 0; i < gradient.size(); ++i)
        (moved.*input)[i] = (in_.*input)[i] + (side == 0 ? -step : step) * direction[i];
      losses[side] = loss(moved);
    }
    for (std::size_t i = 0; i < gradient.size(); ++i) slope.add(static_cast<double>(gradient[i]) * direction[i]);
    // Differences lose 1e-16 / step and step^2 of a sum of a few hundred terms below 1; the kernel rounds as forward
    // does.
    const double allowed = (1e-7 + 256 * kEpsilon<T>)*(1 + slope.magnitude);
    const double wanted = (losses[1] - losses[0]) / (2 * step);
    REQUIRE_EACH(std::abs(slope.value - wanted) <= allowed,
                 "%s %s, %zu bytes, H %td, runtime %d, sequence %d: %.9g, not %.9g", cell_.name, name, sizeof(T),
                 call_.H, call_.runtime, call_.sequence, slope.value, wanted);
  }

  const CellName& cell_;
  CellCall call_;
  Inputs in_;
  Numbers<double> dy_, dh_, dc_;
};

TEST_CASE_TEMPLATE("every cell is its equations, and its gradients are theirs", T, float, double) {
  for (const CellName& cell : kCells)
    for (const bool runtime : {false, true})
      for (const bool sequence : {false, true})
        for (const Index H : {1, 4, 7, 8, 9, 17})
          for (const Index checkpoint : {0, 2})
            Problem<T>(cell, 5, 3, H % 5 + 1, H, runtime, sequence).check(checkpoint);
}

TEST_CASE_TEMPLATE("a cell of one step or one row is its equations", T, float, double) {
  for (const CellName& cell : kCells) {
    Problem<T>(cell, 1, 3, 5, 9, false, false).check(0);
    Problem<T>(cell, 4, 1, 5, 9, true, true).check(3);
  }
}

TEST_CASE("a cell that does not exist is not found") {
  REQUIRE(find_recurrent_kernels<float>("lstmm") == nullptr);
  REQUIRE(find_recurrent_kernels<double>("") == nullptr);
}

}  // namespace

}  // namespace seqfuse::tests
