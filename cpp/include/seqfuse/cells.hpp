// THE equations: one struct a cell, its forward and its backward adjacent.
//
// A cell computes one unit of one row at one step, in a lane type V (a packet of units in the
// kernels, one number in the tests). The driver brings the pre-activations and carries what comes
// back; it knows no gate by name, and the cell knows no index or stride.
//
//   kName       what it is called in Python and in find_recurrent_kernels
//   kGates      columns of W, U and b per unit, in their order there
//   kStates     states beside h that a unit carries (LSTM: c)
//   kSaved      values a unit keeps for its backward: all that backward reads
//   kApart      1 where the last gate's recurrent product is handed over by itself, behind the gates:
//               a[0 .. kGates) hold x W + h U + b, but a[kGates-1] = x Wn + bn and a[kGates] = h Un + b'n
//   kTwoStage   the last gate's recurrent product is with (r * h) instead of h, in a second pass
//   kGrads      gradients of pre-activations per unit; those of the input product are
//               da[kFirstX .. +kGates), of the gates kGateOfX; those of the recurrent product are
//               da[kFirstH .. +kGates), of the gates kGateOfH
//   kCarries    backward hands a part of dh_prev over by itself (GRU: dh * z)
//
//   forward(options, a, h_prev, state, h, saved)      state is updated in place
//   backward(options, saved, dh, dstate, da, dh_prev)     dstate becomes that of the previous step
//
// To check a derivative: each line of backward quotes the line of forward that it differentiates.
#pragma once

#include "seqfuse/simd.hpp"

namespace seqfuse {

// What changes a cell's equations at run time: one predictable branch a packet.
struct CellOptions {
  bool candidate = false;  // GRU: h = (1 - z) * h_prev + z * n (Chung et al.) instead of z * h_prev + (1 - z) * n
};

// h = tanh(x W + h_prev U + b)                                             (Elman 1990)
struct Rnn {
  static constexpr const char* kName = "rnn";
  static constexpr int kGates = 1, kStates = 0, kSaved = 1, kApart = 0, kGrads = 1, kFirstX = 0, kFirstH = 0;
  static constexpr bool kTwoStage = false, kCarries = false;
  static constexpr Index kGateOfX[] = {0}, kGateOfH[] = {0};

  template <class V>
  static void forward(const CellOptions&, const V* a, V, V*, V& h, V* saved) {
    h = tanh(a[0]);
    saved[0] = h;
  }

  template <class V>
  static void backward(const CellOptions&, const V* saved, V dh, V*, V* da, V&) {
    const V h = saved[0];
    da[0] = dh * madd(V::zero() - h, h, V::all(1));  // forward: h = tanh(a)
  }
};

// i, f, o = sigmoid(a), g = tanh(a);  c = f * c_prev + i * g;  h = o * tanh(c)
// (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000)
struct Lstm {
  static constexpr const char* kName = "lstm";
  static constexpr int kGates = 4, kStates = 1, kSaved = 6, kApart = 0, kGrads = 4, kFirstX = 0, kFirstH = 0;
  static constexpr bool kTwoStage = false, kCarries = false;
  static constexpr Index kGateOfX[] = {0, 1, 2, 3}, kGateOfH[] = {0, 1, 2, 3};

  template <class V>
  static void forward(const CellOptions&, const V* a, V, V* state, V& h, V* saved) {
    const V i = sigmoid(a[0]), f = sigmoid(a[1]), g = tanh(a[2]), o = sigmoid(a[3]);
    const V c_prev = state[0];
    const V c = madd(f, c_prev, i * g);
    const V tanh_c = tanh(c);
    h = o * tanh_c;
    state[0] = c;
    saved[0] = i, saved[1] = f, saved[2] = g, saved[3] = o, saved[4] = tanh_c, saved[5] = c_prev;
  }

  template <class V>
  static void backward(const CellOptions&, const V* saved, V dh, V* dstate, V* da, V&) {
    const V one = V::all(1);
    const V i = saved[0], f = saved[1], g = saved[2], o = saved[3], tanh_c = saved[4], c_prev = saved[5];
    // forward: h = o * tanh(c)   =>   do = dh * tanh(c),  dc += dh * o * (1 - tanh(c)^2)
    const V dc = madd(dh * o, madd(V::zero() - tanh_c, tanh_c, one), dstate[0]);
    da[3] = dh * tanh_c * o * (one - o);  // forward: o = sigmoid(a[3])
    // forward: c = f * c_prev + i * g   =>   df = dc * c_prev,  di = dc * g,  dg = dc * i,  dc_prev = dc * f
    da[0] = dc * g * i * (one - i);                // forward: i = sigmoid(a[0])
    da[1] = dc * c_prev * f * (one - f);           // forward: f = sigmoid(a[1])
    da[2] = dc * i * madd(V::zero() - g, g, one);  // forward: g = tanh(a[2])
    dstate[0] = dc * f;
  }
};

// How the gates z and n and the previous state make the new one, for both GRUs.
struct GruUpdate {
  template <class V>
  static V forward(const CellOptions& options, V z, V n, V p) {
    // previous: h = z * (p - n) + n = z * p + (1 - z) * n;   candidate: p and n change places
    return options.candidate ? madd(z, n - p, p) : madd(z, p - n, n);
  }

  // dz, dn, and dp, the part of dh_prev that does not go through U.
  template <class V>
  static void backward(const CellOptions& options, V z, V n, V p, V dh, V& dz, V& dn, V& dp) {
    const V kept = dh * z, rest = dh * (V::all(1) - z);
    if (options.candidate) {  // forward: h = z * (n - p) + p
      dz = dh * (n - p), dn = kept, dp = rest;
    } else {  // forward: h = z * (p - n) + n
      dz = dh * (p - n), dn = rest, dp = kept;
    }
  }
};

// z, r = sigmoid(a);  n = tanh(x Wn + bn + r * (h_prev Un + b'n));  then GruUpdate
// (Cho et al. 2014, arXiv:1406.1078v1: the reset after the product; cuDNN, PyTorch, and Keras by default)
struct Gru {
  static constexpr const char* kName = "gru";
  static constexpr int kGates = 3, kStates = 0, kSaved = 5, kApart = 1, kGrads = 4, kFirstX = 0, kFirstH = 1;
  static constexpr bool kTwoStage = false, kCarries = true;
  static constexpr Index kGateOfX[] = {2, 0, 1}, kGateOfH[] = {0, 1, 2};  // da: n of x, z, r, n of h

  template <class V>
  static void forward(const CellOptions& options, const V* a, V p, V*, V& h, V* saved) {
    const V z = sigmoid(a[0]), r = sigmoid(a[1]), q = a[3];
    const V n = tanh(madd(r, q, a[2]));
    h = GruUpdate::forward(options, z, n, p);
    saved[0] = z, saved[1] = r, saved[2] = n, saved[3] = q, saved[4] = p;
  }

  template <class V>
  static void backward(const CellOptions& options, const V* saved, V dh, V*, V* da, V& dp) {
    const V one = V::all(1);
    const V z = saved[0], r = saved[1], n = saved[2], q = saved[3], p = saved[4];
    V dz, dn;
    GruUpdate::backward(options, z, n, p, dh, dz, dn, dp);
    da[0] = dn * madd(V::zero() - n, n, one);  // forward: n = tanh(a[2] + r * q)
    da[1] = dz * z * (one - z);                // forward: z = sigmoid(a[0])
    da[2] = da[0] * q * r * (one - r);         // forward: r = sigmoid(a[1])
    da[3] = da[0] * r;                         // forward: q = h_prev Un + b'n
  }
};

// z, r = sigmoid(a);  n = tanh(x Wn + (r * h_prev) Un + bn);  then GruUpdate
// (Cho et al. 2014, arXiv:1406.1078v3: the reset before the product; ONNX by default)
struct GruResetBefore {
  static constexpr const char* kName = "gru_reset_before";
  static constexpr int kGates = 3, kStates = 0, kSaved = 4, kApart = 0, kGrads = 3, kFirstX = 0, kFirstH = 0;
  static constexpr bool kTwoStage = true, kCarries = true;
  static constexpr Index kGateOfX[] = {0, 1, 2}, kGateOfH[] = {0, 1, 2};

  // First pass: the gates, and r * h_prev for the second product.
  template <class V>
  static void forward_reset(const V* a, V p, V* saved, V& reset_h) {
    const V r = sigmoid(a[1]);
    saved[0] = sigmoid(a[0]), saved[1] = r, saved[3] = p;
    reset_h = r * p;
  }

  // Second pass: a[2] is whole now.
  template <class V>
  static void forward(const CellOptions& options, const V* a, V p, V*, V& h, V* saved) {
    saved[2] = tanh(a[2]);
    h = GruUpdate::forward(options, saved[0], saved[2], p);
  }

  // First pass: everything but r.
  template <class V>
  static void backward(const CellOptions& options, const V* saved, V dh, V*, V* da, V& dp) {
    const V one = V::all(1);
    const V z = saved[0], n = saved[2], p = saved[3];
    V dz, dn;
    GruUpdate::backward(options, z, n, p, dh, dz, dn, dp);
    da[0] = dz * z * (one - z);                // forward: z = sigmoid(a[0])
    da[2] = dn * madd(V::zero() - n, n, one);  // forward: n = tanh(a[2])
  }

  // Second pass: ds = dn Un^T is the gradient of s = r * h_prev, which is written out for dUn.
  template <class V>
  static void backward_reset(const V* saved, V ds, V* da, V& dp, V& reset_h) {
    const V r = saved[1], p = saved[3];
    reset_h = r * p;
    da[1] = ds * p * r * (V::all(1) - r);  // forward: s = r * p,  r = sigmoid(a[1])
    dp = madd(ds, r, dp);
  }
};

// Every cell there is: instantiation and the search by name go over this list.
template <class...>
struct CellList {};
using Cells = CellList<Rnn, Lstm, Gru, GruResetBefore>;

}  // namespace seqfuse
