// The equations of the cells: one struct per cell, with its forward and backward next to each other.
//
// A cell computes one unit of one row at one step. V is the number type: a packet of units in the kernels, one number
// in the tests. The drivers compute the products with W and U, and keep the states and gradients between steps. A cell
// contains no index, stride or loop. `act` holds the activation functions (activation.hpp).
//
//   kName              name for find_recurrent_kernels
//   kGates             number of gates G: columns of W, U and b per unit, in their order
//   kHasU              h_prev is multiplied by a matrix U (H, G*H); false: the cell uses h_prev itself
//   kStates            number of states besides h (LSTM: 1, c)
//   kSaved             number of values per unit that forward saves for backward
//   kSlopes            number of activations per unit. If they are chosen at run time, forward saves their slopes after
//                      the other values: slope i is saved[kSaved + i].
//   kSavedGates        indices of the gates in `saved`
//   kParameters        number of further parameters per unit (LSTM: 3 peephole weights). Parameter k enters the gate
//                      kGateOfParameter[k].
//   kSeparateProducts  1 if the last gate needs h_prev U apart from x W: then a[0 .. G-2] are x W + h_prev U + b,
//                      a[G-1] = x Wn + bn, and a[G] = h_prev Un + b'n
//   kTwoPass           the last gate multiplies r * h_prev by Un, in a second pass. It needs two more constants:
//                      kPasses, which values and gradients each pass reads and writes, and
//                      kSavedHPrev, the index of h_prev in `saved`
//   kGrads             number of gradients of pre-activations per unit, da. Those of the product with W are
//                      da[kFirstX .. kFirstX + G - 1], of the gates kGateOfX. Those of the product with U are
//                      da[kFirstH .. kFirstH + G - 1], of the gates kGateOfH.
//   kReadsHPrev        backward also returns dh_prev, the gradient that does not pass through U (GRU: dh * z)
//
//   forward(act, a, h_prev, state, h, saved)         updates `state` in place
//   backward(act, saved, dh, dstate, da, dh_prev)    replaces `dstate` by the gradient of the previous state
//   parameter_factors(saved, factors)                gradient of parameter k = sum of da[gate of k] * factors[k]
//   state_after(saved)                               returns the state after the step
//
// Every line of backward quotes the line of forward that it differentiates.
#pragma once

#include <initializer_list>

#include "seqfuse/activation.hpp"

namespace seqfuse {

// A set of integers below 32.
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

// Returns pass 0 or 1 of a cell. The only pass of other cells reads and writes everything.
template <class Cell>
constexpr Pass pass_of(int pass) {
  if constexpr (Cell::kTwoPass) {
    return Cell::kPasses[pass];
  } else {
    const IndexSet all = IndexSet::below(Cell::kSaved + Cell::kSlopes);
    return {.saves = all, .loads = {}, .backward_loads = all, .gradients = IndexSet::below(Cell::kGrads)};
  }
}

// The values that most cells share.
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
// (Hochreiter and Schmidhuber 1997; the forget gate of Gers et al. 2000; the peepholes of Gers, Schraudolph and
// Schmidhuber 2002)
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
  static void parameter_factors(const V* saved, V* factors) {
    factors[0] = factors[1] = saved[5];
    factors[2] = state_after(saved);
  }
  template <class V>
  static V state_after(const V* saved) {
    return madd(saved[1], saved[5], saved[0] * saved[2]);  // c = f * c_prev + i * g
  }
};

// The last equation of the gated recurrent units: h = z * h_prev + (1 - z) * n or, with `candidate`,
// h = (1 - z) * h_prev + z * n. A gate that is exactly 0 or 1 selects a value exactly.
struct GruUpdate {
  template <class V>
  static V forward(bool candidate, V z, V n, V h_prev) {
    // Not z * (h_prev - n) + n: its rounding error is that of the larger value, even if that value has the weight 0.
    const V rest = V::all(1) - z;
    return candidate ? madd(z, n, rest * h_prev) : madd(z, h_prev, rest * n);
  }

  // Computes dz, dn, and the part of dh_prev that does not pass through U.
  template <class V>
  static void backward(bool candidate, V z, V n, V h_prev, V dh, V& dz, V& dn, V& dh_prev) {
    const V dh_z = dh * z, dh_1_z = dh * (V::all(1) - z);
    if (candidate) {  // forward: h = (1 - z) * h_prev + z * n
      dz = dh * (n - h_prev), dn = dh_z, dh_prev = dh_1_z;
    } else {  // forward: h = z * h_prev + (1 - z) * n
      dz = dh * (h_prev - n), dn = dh_1_z, dh_prev = dh_z;
    }
  }
};

// z, r = sigmoid(a);  n = tanh(x Wn + bn + r * (h_prev Un + b'n));  h = z * h_prev + (1 - z) * n
// (Cho et al. 2014, arXiv:1406.1078v1: reset after the product, as in cuDNN, PyTorch, and Keras by default)
struct Gru : CellDefaults {
  static constexpr const char* kName = "gru";
  static constexpr int kGates = 3, kSaved = 5, kSlopes = 3, kSeparateProducts = 1, kGrads = 4, kFirstX = 0, kFirstH = 1;
  static constexpr bool kReadsHPrev = true;
  static constexpr int kSavedGates[] = {0, 1, 2};
  static constexpr Index kGateOfX[] = {2, 0, 1}, kGateOfH[] = {0, 1, 2};  // da: n in x W, z, r, n in h_prev U

  template <class Act, class V>
  static void forward(const Act& act, const V* a, V h_prev, V*, V& h, V* saved) {
    V* slope = saved + kSaved;
    const V z = act.recurrent(a[0], slope[0]), r = act.recurrent(a[1], slope[1]), q = a[3];
    const V n = act.activation(madd(r, q, a[2]), slope[2]);
    h = GruUpdate::forward(act.candidate(), z, n, h_prev);
    saved[0] = z, saved[1] = r, saved[2] = n, saved[3] = q, saved[4] = h_prev;
  }

  template <class Act, class V>
  static void backward(const Act& act, const V* saved, V dh, V*, V* da, V& dh_prev) {
    const V* slope = saved + kSaved;
    const V z = saved[0], r = saved[1], n = saved[2], q = saved[3], h_prev = saved[4];
    V dz, dn;
    GruUpdate::backward(act.candidate(), z, n, h_prev, dh, dz, dn, dh_prev);
    da[0] = dn * act.activation_slope(n, slope[2]);        // forward: n = tanh(a[2] + r * q)
    da[1] = dz * act.recurrent_slope(z, slope[0]);         // forward: z = sigmoid(a[0])
    da[2] = da[0] * q * act.recurrent_slope(r, slope[1]);  // forward: r = sigmoid(a[1])
    da[3] = da[0] * r;                                     // forward: q = h_prev Un + b'n
  }
};

// z, r = sigmoid(a);  n = tanh(x Wn + (r * h_prev) Un + bn);  h = z * h_prev + (1 - z) * n
// (Cho et al. 2014, arXiv:1406.1078v3: reset before the product, as in ONNX by default)
struct GruResetBefore : CellDefaults {
  static constexpr const char* kName = "gru_reset_before";
  static constexpr int kGates = 3, kSaved = 4, kSlopes = 3, kGrads = 3;
  static constexpr bool kTwoPass = true, kReadsHPrev = true;
  static constexpr int kSavedGates[] = {0, 1, 2};
  static constexpr Index kGateOfX[] = {0, 1, 2}, kGateOfH[] = {0, 1, 2};
  // Indices in `saved`. The first three are also those of the slopes and gradients.
  static constexpr int kZ = 0, kR = 1, kN = 2, kSavedHPrev = 3;
  static constexpr int kSlopeZ = kSaved + kZ, kSlopeR = kSaved + kR, kSlopeN = kSaved + kN;
  static constexpr Pass kPasses[] = {{.saves = {kZ, kR, kSavedHPrev, kSlopeZ, kSlopeR},
                                      .loads = {},
                                      .backward_loads = {kZ, kN, kSavedHPrev, kSlopeZ, kSlopeN},
                                      .gradients = {kZ, kN}},
                                     {.saves = {kN, kSlopeN},
                                      .loads = {kZ, kSavedHPrev},
                                      .backward_loads = {kR, kSavedHPrev, kSlopeR},
                                      .gradients = {kR}}};

  // First pass: computes z and r, and r * h_prev_masked for the product of the second pass.
  template <class Act, class V>
  static void forward_reset(const Act& act, const V* a, V h_prev, V* saved, V& reset_h) {
    const V r = act.recurrent(a[kR], saved[kSlopeR]);
    saved[kZ] = act.recurrent(a[kZ], saved[kSlopeZ]), saved[kR] = r, saved[kSavedHPrev] = h_prev;
    reset_h = r * (act.mask * h_prev);
  }

  // Second pass: a[kN] now contains the product with r * h_prev_masked.
  template <class Act, class V>
  static void forward(const Act& act, const V* a, V h_prev, V*, V& h, V* saved) {
    saved[kN] = act.activation(a[kN], saved[kSlopeN]);
    h = GruUpdate::forward(act.candidate(), saved[kZ], saved[kN], h_prev);
  }

  // First pass: computes all gradients except that of r.
  template <class Act, class V>
  static void backward(const Act& act, const V* saved, V dh, V*, V* da, V& dh_prev) {
    const V z = saved[kZ], n = saved[kN], h_prev = saved[kSavedHPrev];
    V dz, dn;
    GruUpdate::backward(act.candidate(), z, n, h_prev, dh, dz, dn, dh_prev);
    da[kZ] = dz * act.recurrent_slope(z, saved[kSlopeZ]);   // forward: z = sigmoid(a[kZ])
    da[kN] = dn * act.activation_slope(n, saved[kSlopeN]);  // forward: n = tanh(a[kN])
  }

  // Second pass: ds = da[kN] Un^T is the gradient of s = r * h_prev_masked. Writes s to reset_h, for dUn.
  template <class Act, class V>
  static void backward_reset(const Act& act, const V* saved, V ds, V* da, V& dh_prev, V& reset_h) {
    const V r = saved[kR], h_prev_masked = act.mask * saved[kSavedHPrev];
    reset_h = r * h_prev_masked;
    // forward: s = r * h_prev_masked, r = sigmoid(a[kR])
    da[kR] = ds * h_prev_masked * act.recurrent_slope(r, saved[kSlopeR]);
    dh_prev = madd(ds * r, act.mask, dh_prev);
  }
};

// h = f(x W + u * h_prev + b): independent units, u (H,)                     (Li et al. 2018, arXiv:1803.04831)
struct IndRnn : CellDefaults {
  static constexpr const char* kName = "indrnn";
  static constexpr int kGates = 1, kSaved = 2, kSlopes = 1, kGrads = 1, kParameters = 1;
  static constexpr bool kHasU = false, kReadsHPrev = true;
  static constexpr int kSavedGates[] = {0};
  static constexpr Index kGateOfX[] = {0}, kGateOfH[] = {0};

  template <class Act, class V>
  static void forward(const Act& act, const V* a, V h_prev, V*, V& h, V* saved) {
    const V h_prev_masked = act.mask * h_prev;
    h = act.activation(madd(act.parameter(0), h_prev_masked, a[0]), saved[kSaved]);
    saved[0] = h, saved[1] = h_prev_masked;
  }

  template <class Act, class V>
  static void backward(const Act& act, const V* saved, V dh, V*, V* da, V& dh_prev) {
    da[0] = dh * act.activation_slope(saved[0], saved[kSaved]);  // forward: h = f(a + u * h_prev_masked)
    dh_prev = da[0] * act.parameter(0) * act.mask;               // forward: h_prev_masked = mask * h_prev
  }

  template <class V>
  static void parameter_factors(const V* saved, V* factors) {
    factors[0] = saved[1];
  }
};

// z = sigmoid(x Wz + bz), n = f(x Wn + bn);  h = (1 - z) * h_prev + z * n     (Feng et al. 2024, arXiv:2410.01201)
struct MinGru : CellDefaults {
  static constexpr const char* kName = "mingru";
  static constexpr int kGates = 2, kSaved = 3, kSlopes = 2, kGrads = 2;
  static constexpr bool kHasU = false, kReadsHPrev = true;
  static constexpr int kSavedGates[] = {0, 1};
  static constexpr Index kGateOfX[] = {0, 1}, kGateOfH[] = {0, 1};

  template <class Act, class V>
  static void forward(const Act& act, const V* a, V h_prev, V*, V& h, V* saved) {
    const V z = act.recurrent(a[0], saved[kSaved]), n = act.activation(a[1], saved[kSaved + 1]);
    h = GruUpdate::forward(true, z, n, h_prev);
    saved[0] = z, saved[1] = n, saved[2] = h_prev;
  }

  template <class Act, class V>
  static void backward(const Act& act, const V* saved, V dh, V*, V* da, V& dh_prev) {
    const V z = saved[0], n = saved[1];
    V dz, dn;
    GruUpdate::backward(true, z, n, saved[2], dh, dz, dn, dh_prev);
    da[0] = dz * act.recurrent_slope(z, saved[kSaved]);       // forward: z = sigmoid(a[0])
    da[1] = dn * act.activation_slope(n, saved[kSaved + 1]);  // forward: n = f(a[1])
  }
};

// All cells. Instantiation and the search by name use this list.
template <class...>
struct CellList {};
using Cells = CellList<Rnn, Lstm, Gru, GruResetBefore, IndRnn, MinGru>;

}  // namespace seqfuse
