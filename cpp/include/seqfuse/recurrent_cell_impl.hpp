// The interface between a cell and the recurrent drivers: the cell's constants, and pointers to its compiled equations.
//
// The drivers are compiled once per number type, not once per cell. Only the functions that apply the equations are
// compiled for each cell (recurrent_cell_forward_impl.hpp, recurrent_cell_backward_impl.hpp). The drivers call them
// through pointers, once per tile of a matrix product.
//
// "lanes" is the packet size, and a "block" is a group of `lanes` consecutive units. The last block of H units may be
// partly filled.
#pragma once

#include "seqfuse/cells.hpp"
#include "seqfuse/gemm.hpp"
#include "seqfuse/outer_product_impl.hpp"
#include "seqfuse/recurrent.hpp"

namespace seqfuse {

// The constants of a cell at run time; cells.hpp describes each of them.
struct CellConstants {
  int gates, states, saved, slopes, grads, first_x, first_h, parameters;
  bool has_U, separate_product, two_pass;
  const Index *gate_of_x, *gate_of_h;
  const int *saved_gates, *gate_of_parameter;

  // Returns the number of gates in the product h U of the first pass. In a cell with two passes the last gate is
  // multiplied in the second pass.
  constexpr int first_gates() const { return two_pass ? gates - 1 : gates; }
};

template <class Cell>
inline constexpr CellConstants kConstantsOf{
    Cell::kGates,   Cell::kStates,  Cell::kSaved,      Cell::kSlopes,     Cell::kGrads,
    Cell::kFirstX,  Cell::kFirstH,  Cell::kParameters, Cell::kHasU,       Cell::kSeparateProducts > 0,
    Cell::kTwoPass, Cell::kGateOfX, Cell::kGateOfH,    Cell::kSavedGates, Cell::kGateOfParameter};

// The largest number of gates and of parameters of any cell, for arrays of fixed size.
template <class... Cell>
constexpr int max_gates(CellList<Cell...>) {
  return std::max({Cell::kGates...});
}
template <class... Cell>
constexpr int max_parameters(CellList<Cell...>) {
  return std::max({Cell::kParameters...});
}
inline constexpr int kMaxGates = max_gates(Cells{}), kMaxParameters = max_parameters(Cells{});
static_assert(kMaxGates <= gemm::kPanelPackets, "a panel holds all gates of a block of units");

// The rows of one step in forward. Each array has one pointer per row. The arrays that a row reads may not overlap
// those that it writes, except `state`, which is updated in place.
template <class T>
struct StepRows {
  Index n = 0;                              // number of rows
  const T* const* h_prev = nullptr;         // (H,) each
  const T* const* h_prev_masked = nullptr;  // (H,) each: recurrent_mask * h_prev, the operand of the product with U
  T* const* h = nullptr;                    // (H,) each, written
  T* const* state = nullptr;                // (padded H,) each, updated in place; for cells with a state
  T* const* saved = nullptr;                // written: block 0 of each row's (saved, lanes); null without a tape
  Index saved_block = 0;                    // elements from one block of `saved` to the next
  const T* x_product = nullptr;             // (blocks, x_product_rows, G, lanes): bias + x W, from this step's rows on
  Index x_product_rows = 0;
  T* const* reset_h = nullptr;     // (H,) each, written by the first pass: r * h_prev_masked; for cells with two passes
  const T* const* mask = nullptr;  // (H,) each: recurrent_mask; null for ones
  T* const* h_masked_out = nullptr;  // (H,) each, written if there is a mask: mask * h, h_prev_masked of the next step
};

// One valid row of one step, as backward reads and writes it. Each pointer is at the first unit or feature.
template <class T>
struct Entry {
  const T* x;       // (I,)
  const T* h_prev;  // (H,)
  const T* mask;    // (H,): recurrent_mask; null for ones
  const T* saved;   // block 0 of the row's (saved, lanes)
  const T* dy;      // (H,); null for zeros
  T* carry;         // (padded H,), read and written: the part of dh that does not come through U or y
  T* dstate;        // (padded H,), updated in place; null for cells without a state
  T* dx;            // (I,), written; may be null
};

// The entries of a segment of backward, and the data that all of them share.
template <class T>
struct SegmentEntries {
  const Entry<T>* entries;
  const CellOptions<T>& options;
  const T* parameters;  // (blocks, kParameters, lanes)
  Index H;
  Index saved_block;     // elements of the tape from one block of units to the next
  GateGradients<T>& da;  // (entries, kGrads * padded H), written
  T* reset_h;            // (entries, H), written by the second pass; for cells with two passes

  Index padded() const { return round_up(H, kLine<T>); }
};

// The functions of a cell for a tile of `n` rows and `blocks` blocks of units, which begins at row `row` and block
// `block`. The sums of the product for row row + r and block block + i are at sums + (r * blocks + i) * gates * lanes.
// `sums` is null if there is no product.
template <class T>
struct CellFunctions {
  using Forward = void (*)(const PackedWeights<T>&, const StepRows<T>&, Index block, Index blocks, Index row, Index n,
                           const T* sums);
  // Row r of the tile is entry entry_indices[r].
  using Backward = void (*)(const SegmentEntries<T>&, const Index* entry_indices, Index block, Index blocks, Index n,
                            const T* sums);

  Forward step, second_step;           // the first pass, which is all of a one-pass cell's step; the second pass
  Backward backward, second_backward;  // the same for backward
};

template <class T>
struct CellKernels {
  CellConstants constants;
  CellFunctions<T> default_functions;  // with tanh and sigmoid compiled in
  CellFunctions<T> runtime_functions;  // with the activations that the options name
  // Writes sums_out (kParameters, lanes) of block j: the sum over n entries of da of the parameter's gate times the
  // parameter's factor.
  void (*parameter_sums)(const SegmentEntries<T>&, Index n, Index j, Vec<T>* sums_out);
  // Returns the state after a step, for the block of units at `saved`.
  Vec<T> (*state_after)(const T* saved);

  const CellFunctions<T>& functions(const CellOptions<T>& options) const {
    return options.uses_default_activations() ? default_functions : runtime_functions;
  }
};

// The layout of one cell's panels and arrays. A panel holds all gates of as many blocks of units as fill it.
template <class T>
struct CellLayout {
  static constexpr Index kLanes = Vec<T>::kSize;

  const CellConstants& constants;
  Index H;

  gemm::Layout<T> panels(int gates) const { return {H, gates, gemm::blocks_per_panel(gates)}; }
  gemm::Layout<T> input() const { return panels(constants.gates); }
  gemm::Layout<T> recurrent() const { return panels(constants.first_gates()); }
  gemm::Layout<T> reset() const { return panels(1); }

  Index blocks() const { return divide_up(H, kLanes); }
  Index padded() const { return round_up(H, kLine<T>); }
  // Returns how many values the tape holds per unit, row and step.
  Index saved(const CellOptions<T>& options) const {
    return constants.saved + (options.uses_default_activations() ? 0 : constants.slopes);
  }
  // Returns the blocks of one thread. They begin at a multiple of the width of every kind of panel.
  Range share(int thread, int team) const {
    const Index panels = divide_up(blocks(), gemm::kPanelPackets);
    const Range part = share_of(panels, thread, team);
    return {part.begin * gemm::kPanelPackets, std::min(part.end * gemm::kPanelPackets, blocks())};
  }
};

// True for cells that multiply h_prev by recurrent_mask inside their equations.
template <class Cell>
inline constexpr bool kAppliesMask = Cell::kTwoPass || !Cell::kHasU;

// Returns the activations for block j of a row. `mask` (H,) may be null; `remaining` is the number of units from the
// block's first one to H.
template <class Cell, class Act, class T>
Act make_activations(const CellOptions<T>& options, const T* parameters, const T* mask, Index j, Index remaining) {
  using V = Vec<T>;
  V factor = V::all(1);
  if constexpr (kAppliesMask<Cell>)
    if (mask != nullptr) factor = V::load_first(mask + j * V::kSize, remaining);
  return {options, parameters + j * Cell::kParameters * V::kSize, factor};
}

// The number of values on the tape per unit: slopes are kept only for activations chosen at run time.
template <class Cell, class Act>
inline constexpr int kTapeValues = Cell::kSaved + (Act::kDefaultActivations ? 0 : Cell::kSlopes);

// Loads the values `which` of a block of units from `tape` (kTapeValues, lanes).
template <class Cell, class Act, IndexSet which, class T>
[[gnu::always_inline]] inline void load_saved(const T* tape, Vec<T>* saved) {
#pragma GCC unroll 16
  for (int s = 0; s < kTapeValues<Cell, Act>; ++s)
    if (which.has(s)) saved[s] = Vec<T>::load(tape + s * Vec<T>::kSize);
}

// Stores the values `which` of a block of units to `tape` (kTapeValues, lanes).
template <class Cell, class Act, IndexSet which, class T>
[[gnu::always_inline]] inline void store_saved(const Vec<T>* saved, T* tape) {
#pragma GCC unroll 16
  for (int s = 0; s < kTapeValues<Cell, Act>; ++s)
    if (which.has(s)) saved[s].store(tape + s * Vec<T>::kSize);
}

}  // namespace seqfuse
