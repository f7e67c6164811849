// THE equations: one struct a cell, its forward and its backward adjacent.
//
// A cell computes one unit of one row at one step, in a lane type V (a packet of units in the
// kernels, one number in the tests). The driver brings the pre-activations and carries what comes
// back; it knows no gate by name, and the cell knows no index or stride. `act` holds the functions
// of the gates (activation.hpp).
//
//   kName        what it is called in find_recurrent_kernels
//   kGates       columns of W, U and b per unit, in their order there
//   kHasU     h enters through a matrix U (H, G*H); false: the cell takes h_prev itself
//   kStates      states beside h that a unit carries (LSTM: c)
//   kSaved       values a unit keeps for its backward: all that backward reads
//   kSlopes      functions it takes, whose slopes stand behind them where they are not compiled in
//   kSavedGates  where among the saved values the gates stand
//   kParameters  numbers of its own per unit (LSTM: peephole weights), gradients of the gates kGateOfParameter
//   kSeparateProducts       1 where the last gate's recurrent product is handed over by itself, behind the gates:
//                a[0 .. kGates) hold x W + h U + b, but a[kGates-1] = x Wn + bn and a[kGates] = h Un + b'n
//   kTwoPass    the last gate's recurrent product is with (r * h) instead of h, in a second pass; then
//                kPasses      which saved values and gradients each of the two passes owns
//                kSavedHPrev  which saved value is h_prev: the first pass keeps it for the second
//   kGrads       gradients of pre-activations per unit; those of the input product are
//                da[kFirstX .. +kGates), of the gates kGateOfX; those of the recurrent product are
//                da[kFirstH .. +kGates), of the gates kGateOfH
//   kReadsHPrev     backward hands a part of dh_prev over by itself (GRU: dh * z)
//
//   forward(act, a, h_prev, state, h, saved)             state is updated in place
//   backward(act, saved, dh, dstate, da, dh_prev)        dstate becomes that of the previous step
//   parameter_factors(saved, with)                       d parameter[k] = sum of da[kGateOfParameter[k]] * with[k]
//   state_after(saved)                                   the state that forward left
//
// To check a derivative: each line of backward quotes the line of forward that it differentiates.
#pragma once

#include <initializer_list>

#include "seqfuse/activation.hpp"

namespace seqfuse {

// A set of small numbers.
struct IndexSet {
  unsigned bits = 0;

  constexpr IndexSet(std::initializer_list<int> members) {
    for (const int i : members) bits |= 1u << i;
  }
  static constexpr IndexSet below(int n) {
    IndexSet all{};
    all.bits = (1u << n) - 1;
    return all;
  }
  constexpr bool has(int i) const { return (bits >> i & 1u) != 0; }
};

// The values that one pass over the units of a step reads and writes. Slopes follow the saved values: kSaved + i is
// slope i.
struct Pass {
  IndexSet saves;           // saved values that forward writes
  IndexSet loads;           // saved values that forward reads: another pass wrote them
  IndexSet backward_loads;  // saved values that backward reads
  IndexSet gradients;       // gradients of pre-activations that backward writes
};

// Pass 0 or 1 of a cell. A cell with one pass owns all in it.
template <class Cell>
constexpr Pass pass_of(int pass) {
  if constexpr (Cell::kTwoPass) {
    return Cell::kPasses[pass];
  } else {
    const IndexSet all = IndexSet::below(Cell::kSaved + Cell::kSlopes);
    return {.saves = all, .loads = {}, .backward_loads = all, .gradients = IndexSet::below(Cell::kGrads)};
  }
}

// What most cells have, or have not.
struct CellDefaults {
  static constexpr bool kHasU = true, kTwoPass = false, kReadsHPrev = false;
  static constexpr int kStates = 0, kSeparateProducts = 0, kFirstX = 0, kFirstH = 0, kParameters = 0;
  static constexpr int kGateOfParameter[] = {0};

  template <class V>
  static void parameter_factors(const V*, V*) {}
  template <class V>
  static V state_after(const V*) {
    return V::zero();
  }
};

// h = f(x W + h_prev U + b), f = tanh                                        (Elman 1990)
struct Rnn : CellDefaults {
  static constexpr const char* kName = "rnn";
  static constexpr int kGates = 1, kSaved = 1, kSlopes = 1, kGrads = 1;
  static constexpr int kSavedGates[] = {0};
  static constexpr Index kGateOfX[] = {0}, kGateOfH[] = {0};

  template <class Act, class V>
  static void forward(const Act& act, const V* a, V, V*, V& h, V* saved) {
    h = act.activation(a[0], saved[kSaved]);
    saved[0] = h;
  }

  template <class Act, class V>
  static void backward(const Act& act, const V* saved, V dh, V*, V* da, V&) {
    da[0] = dh * act.activation_slope(saved[0], saved[kSaved]);  // forward: h = f(a)
  }
};

// i, f, o = sigmoid(a), g = tanh(a);  c = f * c_prev + i * g;  h = o * tanh(c)
// with peepholes P: a_i, a_f += P * c_prev, a_o += P * c
// (Hochreiter and Schmidhuber 1997, with the forget gate and the peepholes of Gers et al. 2000)
struct Lstm : CellDefaults {
  static constexpr const char* kName = "lstm";
  static constexpr int kGates = 4, kStates = 1, kSaved = 6, kSlopes = 5, kGrads = 4, kParameters = 3;
  static constexpr int kSavedGates[] = {0, 1, 2, 3}, kGateOfParameter[] = {0, 1, 3};
  static constexpr Index kGateOfX[] = {0, 1, 2, 3}, kGateOfH[] = {0, 1, 2, 3};

  template <class Act, class V>
  static void forward(const Act& act, const V* a, V, V* state, V& h, V* saved) {
    V* slope = saved + kSaved;
    const V c_prev = state[0];
    const V i = act.recurrent(act.peephole(0, c_prev, a[0]), slope[0]);
    const V f = act.recurrent(act.peephole(1, c_prev, a[1]), slope[1]);
    const V g = act.activation(a[2], slope[2]);
    const V c = madd(f, c_prev, i * g);
    const V o = act.recurrent(act.peephole(2, c, a[3]), slope[3]);
    const V tanh_c = act.unclipped_activation(c, slope[4]);
    h = o * tanh_c;
    state[0] = c;
    saved[0] = i, saved[1] = f, saved[2] = g, saved[3] = o, saved[4] = tanh_c, saved[5] = c_prev;
  }

  template <class Act, class V>
  static void backward(const Act& act, const V* saved, V dh, V* dstate, V* da, V&) {
    const V* slope = saved + kSaved;
    const V i = saved[0], f = saved[1], g = saved[2], o = saved[3], tanh_c = saved[4], c_prev = saved[5];
    // forward: h = o * tanh(c)   =>   do = dh * tanh(c),  dc += dh * o * (1 - tanh(c)^2)
    da[3] = dh * tanh_c * act.recurrent_slope(o, slope[3]);  // forward: o = sigmoid(a[3] + P[2] * c)
    const V dc = act.peephole_backward(2, da[3], madd(dh * o, act.activation_slope(tanh_c, slope[4]), dstate[0]));
    // forward: c = f * c_prev + i * g   =>   df = dc * c_prev,  di = dc * g,  dg = dc * i,  dc_prev = dc * f
    da[0] = dc * g * act.recurrent_slope(i, slope[0]);       // forward: i = sigmoid(a[0] + P[0] * c_prev)
    da[1] = dc * c_prev * act.recurrent_slope(f, slope[1]);  // forward: f = sigmoid(a[1] + P[1] * c_prev)
    da[2] = dc * i * act.activation_slope(g, slope[2]);      // forward: g = tanh(a[2])
    dstate[0] = act.peephole_backward(0, da[0], act.peephole_backward(1, da[1], dc * f));
  }

  template <class V>
  static void parameter_factors(const V* saved, V* with) {
    with[0] = with[1] = saved[5];
    with[2] = state_after(saved);
  }
  template <class V>
  static V state_after(const V* saved) {
    return madd(saved[1], saved[5], saved[0] * saved[2]);  // c = f * c_prev + i * g
  }
};

// How the gates z and n and the previous state p make the new one: z keeps p, or with `candidate` lets n in.
struct GruUpdate {
  template <class V>
  static V forward(bool candidate, V z, V n, V p) {
    // previous: h = z * (p - n) + n = z * p + (1 - z) * n;   candidate: p and n change places
    return candidate ? madd(z, n - p, p) : madd(z, p - n, n);
  }

  // dz, dn, and dp, the part of dh_prev that does not go through U.
  template <class V>
  static void backward(bool candidate, V z, V n, V p, V dh, V& dz, V& dn, V& dp) {
    const V kept = dh * z, rest = dh * (V::all(1) - z);
    if (candidate) {  // forward: h = z * (n - p) + p
      dz = dh * (n - p), dn = kept, dp = rest;
    } else {  // forward: h = z * (p - n) + n
      dz = dh * (p - n), dn = rest, dp = kept;
    }
  }
};

// z, r = sigmoid(a);  n = tanh(x Wn + bn + r * (h_prev Un + b'n));  then Update
// (Cho et al. 2014, arXiv:1406.1078v1: the reset after the product; cuDNN, PyTorch, and Keras by default)
struct Gru : CellDefaults {
  static constexpr const char* kName = "gru";
  static constexpr int kGates = 3, kSaved = 5, kSlopes = 3, kSeparateProducts = 1, kGrads = 4, kFirstX = 0, kFirstH = 1;
  static constexpr bool kReadsHPrev = true;
  static constexpr int kSavedGates[] = {0, 1, 2};
  static constexpr Index kGateOfX[] = {2, 0, 1}, kGateOfH[] = {0, 1, 2};  // da: n of x, z, r, n of h

  template <class Act, class V>
  static void forward(const Act& act, const V* a, V p, V*, V& h, V* saved) {
    V* slope = saved + kSaved;
    const V z = act.recurrent(a[0], slope[0]), r = act.recurrent(a[1], slope[1]), q = a[3];
    const V n = act.activation(madd(r, q, a[2]), slope[2]);
    h = GruUpdate::forward(act.candidate(), z, n, p);
    saved[0] = z, saved[1] = r, saved[2] = n, saved[3] = q, saved[4] = p;
  }

  template <class Act, class V>
  static void backward(const Act& act, const V* saved, V dh, V*, V* da, V& dp) {
    const V* slope = saved + kSaved;
    const V z = saved[0], r = saved[1], n = saved[2], q = saved[3], p = saved[4];
    V dz, dn;
    GruUpdate::backward(act.candidate(), z, n, p, dh, dz, dn, dp);
    da[0] = dn * act.activation_slope(n, slope[2]);        // forward: n = tanh(a[2] + r * q)
    da[1] = dz * act.recurrent_slope(z, slope[0]);         // forward: z = sigmoid(a[0])
    da[2] = da[0] * q * act.recurrent_slope(r, slope[1]);  // forward: r = sigmoid(a[1])
    da[3] = da[0] * r;                                     // forward: q = h_prev Un + b'n
  }
};

// z, r = sigmoid(a);  n = tanh(x Wn + (r * h_prev) Un + bn);  then Update
// (Cho et al. 2014, arXiv:1406.1078v3: the reset before the product; ONNX by default)
struct GruResetBefore : CellDefaults {
  static constexpr const char* kName = "gru_reset_before";
  static constexpr int kGates = 3, kSaved = 4, kSlopes = 3, kGrads = 3;
  static constexpr bool kTwoPass = true, kReadsHPrev = true;
  static constexpr int kSavedGates[] = {0, 1, 2};
  static constexpr Index kGateOfX[] = {0, 1, 2}, kGateOfH[] = {0, 1, 2};
  static constexpr int kZ = 0, kR = 1, kN = 2, kSavedHPrev = 3;  // of saved; slopes and gradients: the first three
  static constexpr int kSlopeZ = kSaved + kZ, kSlopeR = kSaved + kR, kSlopeN = kSaved + kN;
  static constexpr Pass kPasses[] = {{.saves = {kZ, kR, kSavedHPrev, kSlopeZ, kSlopeR},
                                      .loads = {},
                                      .backward_loads = {kZ, kN, kSavedHPrev, kSlopeZ, kSlopeN},
                                      .gradients = {kZ, kN}},
                                     {.saves = {kN, kSlopeN},
                                      .loads = {kZ, kSavedHPrev},
                                      .backward_loads = {kR, kSavedHPrev, kSlopeR},
                                      .gradients = {kR}}};

  // First pass: the gates, and r * h_prev for the second product.
  template <class Act, class V>
  static void forward_reset(const Act& act, const V* a, V p, V* saved, V& reset_h) {
    const V r = act.recurrent(a[kR], saved[kSlopeR]);
    saved[kZ] = act.recurrent(a[kZ], saved[kSlopeZ]), saved[kR] = r, saved[kSavedHPrev] = p;
    reset_h = r * (act.mask * p);
  }

  // Second pass: a[kN] is whole now.
  template <class Act, class V>
  static void forward(const Act& act, const V* a, V p, V*, V& h, V* saved) {
    saved[kN] = act.activation(a[kN], saved[kSlopeN]);
    h = GruUpdate::forward(act.candidate(), saved[kZ], saved[kN], p);
  }

  // First pass: everything but r.
  template <class Act, class V>
  static void backward(const Act& act, const V* saved, V dh, V*, V* da, V& dp) {
    const V z = saved[kZ], n = saved[kN], p = saved[kSavedHPrev];
    V dz, dn;
    GruUpdate::backward(act.candidate(), z, n, p, dh, dz, dn, dp);
    da[kZ] = dz * act.recurrent_slope(z, saved[kSlopeZ]);   // forward: z = sigmoid(a[kZ])
    da[kN] = dn * act.activation_slope(n, saved[kSlopeN]);  // forward: n = tanh(a[kN])
  }

  // Second pass: ds = dn Un^T is the gradient of s = r * h_prev, which is written out for dUn.
  template <class Act, class V>
  static void backward_reset(const Act& act, const V* saved, V ds, V* da, V& dp, V& reset_h) {
    const V r = saved[kR], p = act.mask * saved[kSavedHPrev];
    reset_h = r * p;
    da[kR] = ds * p * act.recurrent_slope(r, saved[kSlopeR]);  // forward: s = r * p,  r = sigmoid(a[kR])
    dp = madd(ds * r, act.mask, dp);
  }
};

// h = f(x W + u * h_prev + b): each unit sees itself alone                     (Li et al. 2018, arXiv:1803.04831)
struct IndRnn : CellDefaults {
  static constexpr const char* kName = "indrnn";
  static constexpr int kGates = 1, kSaved = 2, kSlopes = 1, kGrads = 1, kParameters = 1;
  static constexpr bool kHasU = false, kReadsHPrev = true;
  static constexpr int kSavedGates[] = {0};
  static constexpr Index kGateOfX[] = {0}, kGateOfH[] = {0};

  template <class Act, class V>
  static void forward(const Act& act, const V* a, V h_prev, V*, V& h, V* saved) {
    const V p = act.mask * h_prev;
    h = act.activation(madd(act.parameter(0), p, a[0]), saved[kSaved]);
    saved[0] = h, saved[1] = p;
  }

  template <class Act, class V>
  static void backward(const Act& act, const V* saved, V dh, V*, V* da, V& dh_prev) {
    da[0] = dh * act.activation_slope(saved[0], saved[kSaved]);  // forward: h = f(a + u * p)
    dh_prev = da[0] * act.parameter(0) * act.mask;               // forward: p = mask * h_prev
  }

  template <class V>
  static void parameter_factors(const V* saved, V* with) {
    with[0] = saved[1];
  }
};

// z = sigmoid(a), n = f(a), neither of which sees h;  h = (1 - z) * h_prev + z * n   (Feng et al. 2024,
// arXiv:2410.01201)
struct MinGru : CellDefaults {
  static constexpr const char* kName = "mingru";
  static constexpr int kGates = 2, kSaved = 3, kSlopes = 2, kGrads = 2;
  static constexpr bool kHasU = false, kReadsHPrev = true;
  static constexpr int kSavedGates[] = {0, 1};
  static constexpr Index kGateOfX[] = {0, 1}, kGateOfH[] = {0, 1};

  template <class Act, class V>
  static void forward(const Act& act, const V* a, V p, V*, V& h, V* saved) {
    const V z = act.recurrent(a[0], saved[kSaved]), n = act.activation(a[1], saved[kSaved + 1]);
    h = GruUpdate::forward(true, z, n, p);
    saved[0] = z, saved[1] = n, saved[2] = p;
  }

  template <class Act, class V>
  static void backward(const Act& act, const V* saved, V dh, V*, V* da, V& dp) {
    const V z = saved[0], n = saved[1];
    V dz, dn;
    GruUpdate::backward(true, z, n, saved[2], dh, dz, dn, dp);
    da[0] = dz * act.recurrent_slope(z, saved[kSaved]);       // forward: z = sigmoid(a[0])
    da[1] = dn * act.activation_slope(n, saved[kSaved + 1]);  // forward: n = f(a[1])
  }
};

// Every cell there is: instantiation and the search by name go over this list.
template <class...>
struct CellList {};
using Cells = CellList<Rnn, Lstm, Gru, GruResetBefore, IndRnn, MinGru>;

}  // namespace seqfuse
