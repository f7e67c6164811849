// The C++ example of docs/kernels.md, compiled and checked. tests/test_docs.py compares the two copies.
#include <cmath>
#include <vector>

#include "require.hpp"
// [docs/kernels.md]
#include "seqfuse/recurrent.hpp"

struct Lstm {
  seqfuse::Index I = 0, H = 0;
  std::vector<float> W, U, b;  // (I, 4*H), (H, 4*H), (4*H,); columns i, f, g, o
};

// Runs an LSTM over x (T, B, I) and returns y (T, B, H). Accumulates the gradients of sum(y) into `gradients`.
std::vector<float> run_and_differentiate(const Lstm& lstm, const std::vector<float>& x, seqfuse::Index T,
                                         seqfuse::Index B, Lstm& gradients) {
  using namespace seqfuse;
  const Index I = lstm.I, H = lstm.H;
  const RecurrentKernels<float>& kernels = *find_recurrent_kernels<float>("lstm");

  Weights<float> weights;
  weights.I = I, weights.H = H;
  weights.W = {lstm.W.data(), 4 * H};  // a view: a pointer and the distance between rows
  weights.U = {lstm.U.data(), 4 * H};
  weights.bx = lstm.b.data();

  std::vector<float> y(T * B * H), h(B * H), c(B * H);
  Buffer<float> tape(kernels.tape_size(weights.options, T, B, H, 0));
  ForwardArgs<float> forward;
  forward.sequence.T_ = T, forward.sequence.B = B;
  forward.sequence.x = {x.data(), B * I, I};
  forward.y = {y.data(), B * H, H};
  forward.h = {h.data(), H}, forward.c = {c.data(), H};
  forward.saved = tape.data();
  kernels.forward(kernels.prepare(weights, T, B, forward.threads), forward);

  const std::vector<float> dy(T * B * H, 1.0f);  // gradient of sum(y)
  std::vector<float> dh0(B * H), dc0(B * H);
  BackwardArgs<float> backward;
  backward.tape = {forward.sequence, {y.data(), B * H, H}, tape.data()};
  backward.dy = {dy.data(), B * H, H};
  backward.dW = {gradients.W.data(), 4 * H}, backward.dU = {gradients.U.data(), 4 * H};
  backward.db = gradients.b.data();
  backward.dh0 = {dh0.data(), H}, backward.dc0 = {dc0.data(), H};
  kernels.backward(weights, backward);
  return y;
}
// [end]

namespace seqfuse::tests {

// Compares the gradient of one bias with central differences.
TEST_CASE("the example of the documentation computes the gradient") {
  constexpr Index T = 5, B = 2, I = 3, H = 4;
  const auto numbers = [](Index n, float seed) {
    std::vector<float> result(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = std::sin(seed + 1.7f * static_cast<float>(i));
    return result;
  };
  const auto x = numbers(T * B * I, 0.1f);
  const Lstm lstm{I, H, numbers(I * 4 * H, 0.2f), numbers(H * 4 * H, 0.3f), numbers(4 * H, 0.4f)};
  const Lstm zeros{I, H, std::vector<float>(I * 4 * H), std::vector<float>(H * 4 * H), std::vector<float>(4 * H)};
  const auto loss = [&](float step) {
    Lstm shifted = lstm, unused = zeros;
    shifted.b[0] += step;
    double sum = 0;
    for (const float y : run_and_differentiate(shifted, x, T, B, unused)) sum += static_cast<double>(y);
    return sum;
  };
  Lstm gradients = zeros;
  run_and_differentiate(lstm, x, T, B, gradients);
  const double step = 1.0 / 64, slope = (loss(static_cast<float>(step)) - loss(static_cast<float>(-step))) / (2 * step);
  // The third derivative is below 1 here, and each y, below 1, is rounded.
  const double allowed = step * step / 6 + T * B * H * 1.2e-7 / step;
  REQUIRE_EACH(std::abs(slope) > 10 * allowed);
  REQUIRE_EACH(std::abs(slope - static_cast<double>(gradients.b[0])) < allowed, "%g, %g", slope,
               static_cast<double>(gradients.b[0]));
}

}  // namespace seqfuse::tests
