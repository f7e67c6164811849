// The recurrent drivers with several threads: the bits of one thread, from one packed object at once too.
//
// Under ThreadSanitizer this is the test of the drivers' teams: every cell, by rows and by units.
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include "matrix.hpp"
#include "seqfuse/cells.hpp"
#include "seqfuse/recurrent.hpp"

namespace seqfuse::tests {

namespace {

struct Shape {
  Index T_, B, I, H;
};

// Three threads share the rows of the first and the units of the second (Split::choose); both have several pieces.
constexpr Shape kByRows{45, 13, 33, 67}, kByUnits{9, 2, 210, 263};

// A call of a cell, forward and backward, with everything that it reads.
template <class Cell, class T>
class Problem {
 public:
  // `all`: unreal steps, in reverse, a recurrent mask, checkpoints, clipped gates with functions that are not compiled
  // in.
  Problem(Shape shape, bool all) : s_(shape), all_(all) {
    const double W = 1 / std::sqrt(static_cast<double>(s_.I)), U = 1 / std::sqrt(static_cast<double>(s_.H));
    x_ = drawn<T>(s_.T_ * s_.B * s_.I, 1, 0.1), dy_ = drawn<T>(s_.T_ * s_.B * s_.H, 1, 0.2);
    W_ = drawn<T>(s_.I * width(), W, 0.3), U_ = drawn<T>(s_.H * width(), U, 0.4);
    bx_ = drawn<T>(width(), 0.5, 0.5), bh_ = drawn<T>(width(), 0.5, 0.6);
    h0_ = drawn<T>(rows(), 0.5, 0.7), c0_ = drawn<T>(rows(), 0.5, 0.8);
    mask_ = drawn<T>(rows(), 2, 0.9), parameters_ = drawn<T>(parameters(), 0.5, 1.0);
    for (Index i = 0; i < s_.T_ * s_.B; ++i) valid_.push_back(i % 3 != 1);
    weights_.I = s_.I, weights_.H = s_.H;
    weights_.W = {W_.data(), width()};
    if (Cell::kHasU) weights_.U = {U_.data(), width()};
    weights_.bx = bx_.data(), weights_.bh = bh_.data();
    weights_.parameters = {parameters_.data(), s_.H};
    if (all_) {
      weights_.options.activation = {ActivationKind::softsign, T(0), T(0)};
      weights_.options.recurrent_activation = {ActivationKind::hard_sigmoid, T(0.2), T(0.5)};
      weights_.options.clip = T(1.5);
      weights_.options.peephole = Cell::kStates > 0;
    }
  }

  PackedWeights<T> pack(int threads) const { return kernels().pack(weights_, threads); }

  // y, h and c.
  Numbers<T> forward(const PackedWeights<T>& packed, int threads) const {
    Numbers<T> y(x_rows()), h(size(rows())), c(size(rows()));
    Buffer<T> saved;
    return forward(packed, threads, y, h, c, saved, false);
  }

  // All outputs and gradients, and what the tape says.
  Numbers<T> run(int threads) const {
    Numbers<T> y(x_rows()), h(size(rows())), c(size(rows()));
    Buffer<T> saved;
    const auto packed = kernels().prepare(weights_, s_.T_, s_.B, threads);
    Numbers<T> all = forward(packed, threads, y, h, c, saved, true);

    BackwardArgs<T> args;
    args.tape.sequence = sequence();
    if (checkpoint() == 0) args.tape.y = {y.data(), s_.B * s_.H, s_.H};
    args.tape.saved = saved.data(), args.tape.checkpoint = checkpoint();
    args.dy = {dy_.data(), s_.B * s_.H, s_.H};
    args.dh = {h0_.data(), s_.H}, args.dc = {c0_.data(), s_.H};
    Numbers<T> dx(x_.size()), dW(W_.size()), dU(U_.size()), db(bx_.size()), dbh(bh_.size());
    Numbers<T> dparameters(parameters_.size()), dh0(size(rows())), dc0(size(rows()));
    args.dx = {dx.data(), s_.B * s_.I, s_.I};
    args.dW = {dW.data(), width()};
    if (Cell::kHasU) args.dU = {dU.data(), width()};
    args.db = db.data(), args.dbh = dbh.data();
    args.dparameters = {dparameters.data(), s_.H};
    args.dh0 = {dh0.data(), s_.H}, args.dc0 = {dc0.data(), s_.H};
    args.threads = threads;
    REQUIRE_EACH(kernels().backward(weights_, args));
    for (const auto* d : {&dx, &dW, &dU, &db, &dbh, &dparameters, &dh0, &dc0})
      all.insert(all.end(), d->begin(), d->end());
    inspect(args.tape, threads, all);
    return all;
  }

  // h after every step of a stream.
  Numbers<T> stream(const std::shared_ptr<const PackedWeights<T>>& packed) const {
    const auto stream = kernels().stream(packed, s_.B);
    Numbers<T> all, h(size(rows()));
    for (Index t = 0; t < s_.T_; ++t) {
      stream->step({x_.data() + t * s_.B * s_.I, s_.I}, {h.data(), s_.H});
      all.insert(all.end(), h.begin(), h.end());
    }
    return all;
  }

 private:
  static const RecurrentKernels<T>& kernels() {
    const auto* found = find_recurrent_kernels<T>(Cell::kName);
    REQUIRE_EACH(found != nullptr, "%s", Cell::kName);
    return *found;
  }
  Index width() const { return Cell::kGates * s_.H; }
  Index rows() const { return s_.B * s_.H; }
  Index parameters() const { return Cell::kParameters * s_.H; }
  std::size_t x_rows() const { return size(s_.T_ * s_.B * s_.H); }
  Index checkpoint() const { return all_ ? 4 : 0; }

  Sequence<T> sequence() const {
    Sequence<T> sequence;
    sequence.T_ = s_.T_, sequence.B = s_.B;
    sequence.x = {x_.data(), s_.B * s_.I, s_.I};
    sequence.h0 = {h0_.data(), s_.H}, sequence.c0 = {c0_.data(), s_.H};
    if (all_) sequence.valid = valid_.data(), sequence.reverse = true, sequence.recurrent_mask = {mask_.data(), s_.H};
    return sequence;
  }

  Numbers<T> forward(const PackedWeights<T>& packed, int threads, Numbers<T>& y, Numbers<T>& h, Numbers<T>& c,
                     Buffer<T>& saved, bool keep) const {
    ForwardArgs<T> args;
    args.sequence = sequence();
    args.y = {y.data(), s_.B * s_.H, s_.H};
    args.h = {h.data(), s_.H}, args.c = {c.data(), s_.H};
    if (keep) {
      saved = Buffer<T>(kernels().tape_size(weights_.options, s_.T_, s_.B, s_.H, checkpoint()));
      args.saved = saved.data(), args.checkpoint = checkpoint();
    }
    args.threads = threads;
    REQUIRE_EACH(kernels().forward(packed, args));
    Numbers<T> all = y;
    all.insert(all.end(), h.begin(), h.end());
    all.insert(all.end(), c.begin(), c.end());
    return all;
  }

  // Appends the states and the gates.
  void inspect(const Tape<T>& tape, int threads, Numbers<T>& all) const {
    Numbers<T> into[2 + 4];
    InspectArgs<T> args;
    args.tape = tape, args.threads = threads;
    const auto view = [&](Numbers<T>& numbers) {
      numbers.resize(x_rows());
      return Steps<T>{numbers.data(), s_.B * s_.H, s_.H};
    };
    for (int i = 0; i <= Cell::kStates; ++i) args.states[i] = view(into[i]);
    for (int g = 0; g < Cell::kGates; ++g) args.gates[g] = view(into[2 + g]);
    REQUIRE_EACH(kernels().inspect(weights_, args));
    for (const auto& numbers : into) all.insert(all.end(), numbers.begin(), numbers.end());
  }

  Shape s_;
  bool all_;
  Numbers<T> x_, dy_, W_, U_, bx_, bh_, h0_, c0_, mask_, parameters_;
  std::vector<unsigned char> valid_;
  Weights<T> weights_;
};

template <class Cell, class T>
void check_any_number_of_threads(Shape shape) {
  for (const bool all : {false, true}) {
    const Problem<Cell, T> problem(shape, all);
    require_the_bits_of_one_thread([&](int threads) { return problem.run(threads); });
  }
}

// Calls with two threads each, and a stream, all at once from one packed object.
template <class Cell, class T>
void check_packed_weights_shared_by_calls_at_once(Shape shape) {
  const Problem<Cell, T> problem(shape, false);
  const auto packed = std::make_shared<const PackedWeights<T>>(problem.pack(2));
  const auto wanted = problem.forward(*packed, 1), expected_stream = problem.stream(packed);
  Numbers<T> first, second, third;
  std::thread threads[] = {std::thread([&] { first = problem.forward(*packed, 2); }),
                           std::thread([&] { second = problem.forward(*packed, 2); }),
                           std::thread([&] { third = problem.stream(packed); })};
  for (auto& thread : threads) thread.join();
  require_same_bits(first, wanted, "the first call");
  require_same_bits(second, wanted, "the second call");
  require_same_bits(third, expected_stream, "the stream");
}

#define SEQFUSE_EVERY_CELL Rnn, Lstm, Gru, GruResetBefore, IndRnn, MinGru

TEST_CASE_TEMPLATE("a cell whose rows or units threads share has the bits of one thread", Cell, SEQFUSE_EVERY_CELL) {
  for (const Shape shape : {kByRows, kByUnits}) {
    check_any_number_of_threads<Cell, float>(shape);
    check_any_number_of_threads<Cell, double>(shape);
  }
}

TEST_CASE_TEMPLATE("packed weights are shared by calls and a stream at once", Cell, SEQFUSE_EVERY_CELL) {
  for (const Shape shape : {kByRows, kByUnits}) check_packed_weights_shared_by_calls_at_once<Cell, float>(shape);
}

}  // namespace

}  // namespace seqfuse::tests
