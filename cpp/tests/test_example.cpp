// The C++ of docs/kernels.md, between the two marks, as it stands there: tests/test_docs.py compares them.
#include <cmath>
#include <vector>

#include "require.hpp"
// [docs/kernels.md]
#include "seqfuse/recurrent.hpp"

// One step of learning: y of an LSTM over x, and what that adds to the gradients of its weights.
std::vector<float> learn(seqfuse::Index T, seqfuse::Index B, seqfuse::Index I, seqfuse::Index H,  //
                         const std::vector<float>& x,                                             // (T, B, I)
                         const std::vector<float>& W, const std::vector<float>& U,                // (I, 4 H), (H, 4 H)
                         const std::vector<float>& b,                                             // (4 H,)
                         std::vector<float>& dW, std::vector<float>& dU, std::vector<float>& db) {
  using namespace seqfuse;
  const RecurrentKernels<float>& lstm = *find_recurrent_kernels<float>("lstm");

  Weights<float> weights;
  weights.I = I, weights.H = H;
  weights.W = {W.data(), 4 * H}, weights.U = {U.data(), 4 * H};  // a view: a pointer, and how far rows lie apart
  weights.bx = b.data();

  std::vector<float> y(T * B * H), h(B * H), c(B * H);
  Buffer<float> saved(lstm.tape_size(weights.options, T, B, H, 0));
  ForwardArgs<float> forward;
  forward.sequence.T_ = T, forward.sequence.B = B;
  forward.sequence.x = {x.data(), B * I, I};
  forward.y = {y.data(), B * H, H};
  forward.h = {h.data(), H}, forward.c = {c.data(), H};
  forward.saved = saved.data();
  lstm.forward(lstm.prepare(weights, T, B, forward.threads), forward);

  const std::vector<float> dy(T * B * H, 1.0f);  // the loss is the sum of y
  std::vector<float> dh0(B * H), dc0(B * H);
  BackwardArgs<float> backward;
  backward.tape = {forward.sequence, {y.data(), B * H, H}, saved.data()};
  backward.dy = {dy.data(), B * H, H};
  backward.dW = {dW.data(), 4 * H}, backward.dU = {dU.data(), 4 * H}, backward.db = db.data();
  backward.dh0 = {dh0.data(), H}, backward.dc0 = {dc0.data(), H};
  lstm.backward(weights, backward);
  return y;
}
// [end]

namespace seqfuse::tests {

// The gradient of one bias by central differences.
TEST_CASE("the example of the documentation computes the gradient") {
  constexpr Index T = 5, B = 2, I = 3, H = 4;
  const auto drawn = [](Index n, float seed) {
    std::vector<float> numbers(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = std::sin(seed + 1.7f * static_cast<float>(i));
    return numbers;
  };
  const auto x = drawn(T * B * I, 0.1f), W = drawn(I * 4 * H, 0.2f), U = drawn(H * 4 * H, 0.3f), b = drawn(4 * H, 0.4f);
  std::vector<float> dW(W.size()), dU(U.size()), db(b.size());
  const auto loss = [&](float step) {
    auto moved = b, unused = db;
    auto of_W = dW, of_U = dU;
    moved[0] += step;
    double sum = 0;
    for (const float one : learn(T, B, I, H, x, W, U, moved, of_W, of_U, unused)) sum += static_cast<double>(one);
    return sum;
  };
  learn(T, B, I, H, x, W, U, b, dW, dU, db);
  const double step = 1.0 / 64, slope = (loss(static_cast<float>(step)) - loss(static_cast<float>(-step))) / (2 * step);
  // The third derivative is below 1 here, and each y, below 1, is rounded.
  const double allowed = step * step / 6 + T * B * H * 1.2e-7 / step;
  REQUIRE_EACH(std::abs(slope) > 10 * allowed);
  REQUIRE_EACH(std::abs(slope - static_cast<double>(db[0])) < allowed, "%g, %g", slope, static_cast<double>(db[0]));
}

}  // namespace seqfuse::tests
