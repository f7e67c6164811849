// Reference implementation of the recurrent cells in double, unit by unit. The tests compare the kernels with it.
#pragma once

#include <string>

#include "matrix.hpp"

namespace seqfuse::tests {

// Arrays in C order; the shapes are those of recurrent.hpp.
struct Inputs {
  Numbers<double> x, W, U, bx, bh, h0, c0, parameters;
};

struct CellCall {
  std::string cell;
  Index T_, B, I, H, gates;
  bool runtime = false;              // softsign and sigmoid of clipped pre-activations, peepholes, candidate
  bool sequence = false;             // padding, in reverse, with a recurrent mask
  Numbers<double> mask;              // (B, H)
  std::vector<unsigned char> valid;  // (T, B)
};

inline constexpr double kClip = 1.5;

struct Outputs {
  Numbers<double> y, h, c;
};

class WrittenOut {
 public:
  WrittenOut(const CellCall& call, const Inputs& in) : call_(call), in_(in), out_{{}, in.h0, in.c0} {
    out_.y.resize(size(call.T_ * call.B * call.H));
  }

  Outputs run() {
    for (Index step = 0; step < call_.T_; ++step) {
      const Index t = call_.sequence ? call_.T_ - 1 - step : step;
      for (Index b = 0; b < call_.B; ++b) {
        if (call_.sequence && call_.valid[size(t * call_.B + b)] == 0) continue;
        one_step(t, b);
        for (Index u = 0; u < call_.H; ++u)
          out_.y[size((t * call_.B + b) * call_.H + u)] = out_.h[size(b * call_.H + u)];
      }
    }
    return out_;
  }

 private:
  double clipped(double a) const { return call_.runtime ? std::clamp(a, -kClip, kClip) : a; }
  double f_unclipped(double a) const { return call_.runtime ? a / (1 + std::abs(a)) : std::tanh(a); }
  double f(double a) const { return f_unclipped(clipped(a)); }
  double sigmoid(double a) const { return 1 / (1 + std::exp(-clipped(a))); }
  double peephole(Index k, Index u) const { return call_.runtime ? in_.parameters[size(k * call_.H + u)] : 0; }
  double update(double z, double n, double p) const {
    return call_.runtime ? z * n + (1 - z) * p : z * p + (1 - z) * n;
  }

  // Return column (g, u) of x W + bx, and of v U + bh.
  double x_gate(Index t, Index b, Index g, Index u) const {
    const Index width = call_.gates * call_.H, column = g * call_.H + u;
    double sum = in_.bx[size(column)];
    for (Index i = 0; i < call_.I; ++i)
      sum += in_.x[size((t * call_.B + b) * call_.I + i)] * in_.W[size(i * width + column)];
    return sum;
  }
  double h_gate(const Numbers<double>& v, Index g, Index u) const {
    const Index width = call_.gates * call_.H, column = g * call_.H + u;
    double sum = in_.bh[size(column)];
    for (Index k = 0; !in_.U.empty() && k < call_.H; ++k) sum += v[size(k)] * in_.U[size(k * width + column)];
    return sum;
  }

  void one_step(Index t, Index b) {
    const Index H = call_.H;
    double *h = out_.h.data() + b * H, *c = out_.c.data() + b * H;
    const Numbers<double> p(h, h + H);
    Numbers<double> masked = p, reset(size(H));
    for (Index u = 0; call_.sequence && u < H; ++u) masked[size(u)] *= call_.mask[size(b * H + u)];
    const auto a = [&](Index g, Index u) { return x_gate(t, b, g, u) + h_gate(masked, g, u); };
    if (call_.cell == "gru_reset_before")
      for (Index u = 0; u < H; ++u) reset[size(u)] = sigmoid(a(1, u)) * masked[size(u)];
    for (Index u = 0; u < H; ++u) {
      if (call_.cell == "rnn") h[u] = f(a(0, u));
      if (call_.cell == "indrnn") h[u] = f(a(0, u) + in_.parameters[size(u)] * masked[size(u)]);
      if (call_.cell == "lstm") {
        const double i = sigmoid(a(0, u) + peephole(0, u) * c[u]), forget = sigmoid(a(1, u) + peephole(1, u) * c[u]);
        c[u] = forget * c[u] + i * f(a(2, u));
        h[u] = sigmoid(a(3, u) + peephole(2, u) * c[u]) * f_unclipped(c[u]);
      }
      if (call_.cell == "gru") {
        const double r = sigmoid(a(1, u));
        h[u] = update(sigmoid(a(0, u)), f(x_gate(t, b, 2, u) + r * h_gate(masked, 2, u)), p[size(u)]);
      }
      if (call_.cell == "gru_reset_before")
        h[u] = update(sigmoid(a(0, u)), f(x_gate(t, b, 2, u) + h_gate(reset, 2, u)), p[size(u)]);
      if (call_.cell == "mingru") {
        const double z = sigmoid(a(0, u));
        h[u] = z * f(a(1, u)) + (1 - z) * p[size(u)];
      }
    }
  }

  const CellCall& call_;
  const Inputs& in_;
  Outputs out_;
};

}  // namespace seqfuse::tests
