// The interface between a cell and the recurrent drivers: the cell's constants, and pointers to its compiled equations.
//
// The drivers are compiled once per type of number. Only what calls the equations is compiled for each cell
// (recurrent_cell_forward_impl.hpp, recurrent_cell_backward_impl.hpp): it is called once per tile of the product.
#pragma once

#include "seqfuse/cells.hpp"
#include "seqfuse/gemm.hpp"
#include "seqfuse/outer_product_impl.hpp"
#include "seqfuse/recurrent.hpp"

namespace seqfuse {

// The numbers of a cell, as cells.hpp calls them.
struct CellNumbers {
  int gates, states, saved, slopes, grads, first_x, first_h, parameters;
  bool product, apart, two_stage;
  const Index *gate_of_x, *gate_of_h;
  const int *saved_gates, *gate_of_parameter;

  // Gates in the first product with h; the one behind the reset has a product of its own.
  constexpr int first_gates() const { return two_stage ? gates - 1 : gates; }
};

template <class Cell>
inline constexpr CellNumbers kNumbersOf{Cell::kGates,   Cell::kStates,     Cell::kSaved,          Cell::kSlopes,
                                        Cell::kGrads,   Cell::kFirstX,     Cell::kFirstH,         Cell::kParameters,
                                        Cell::kProduct, Cell::kApart > 0,  Cell::kTwoStage,       Cell::kGateOfX,
                                        Cell::kGateOfH, Cell::kSavedGates, Cell::kGateOfParameter};

// The greatest of these numbers over all cells: the size of arrays that hold one thing per gate or parameter.
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

// The rows of one step. Arrays are over rows; "block" means a block of lanes of units.
template <class T>
struct StepRows {
  Index n = 0;
  const T* const* h_prev = nullptr;  // (H,) each
  const T* const* h_in = nullptr;    // (H,) each: h_prev as it enters U
  T* const* h = nullptr;             // (H,) each, written; may not be h_prev
  T* const* state = nullptr;         // (padded H,) each, updated in place; cells with a state
  T* const* saved = nullptr;         // block 0 of each row's (saved, lanes); none: kept nowhere
  Index saved_block = 0;             // elements from one block of `saved` to the next
  const T* px = nullptr;             // (blocks, px_rows, G, lanes): bias + x W, this step's rows first
  Index px_rows = 0;
  T* const* reset_h = nullptr;     // (H,) each, written by the first pass; cells with two
  const T* const* mask = nullptr;  // (H,) each: recurrent_mask; none is ones
  T* const* h_out = nullptr;       // (H,) each, written: mask * h, which enters U next; with a mask
};

// One valid row of one step: what backward reads and writes of it, each pointer at its first unit or feature.
template <class T>
struct Entry {
  const T *x, *h_prev, *mask;  // mask: null where it is ones
  const T *saved, *dy;         // saved: of the first block of units; dy: null where it is zeros
  T *carry, *dstate, *dx;      // dstate, dx: null where there are none
};

// A segment of backward: its entries, and what is the same for all of them.
template <class T>
struct SegmentEntries {
  const Entry<T>* entries;
  const CellOptions<T>& options;
  const T* parameters;  // (blocks, kParameters, lanes)
  Index H;
  Index saved_block;     // elements of the tape from one block of units to the next
  GateGradients<T>& da;  // (entries, kGrads * padded H)
  T* reset_h;            // (entries, H), written by the second pass; cells with two

  Index padded() const { return round_up(H, kLine<T>); }
};

// The functions of a cell over tiles of units: row `row + r` and block `block + i` have their sums of the product at
// sums + (r * blocks + i) * gates * lanes. `sums` is none where there is no product.
template <class T>
struct CellFunctions {
  using Forward = void (*)(const PackedWeights<T>&, const StepRows<T>&, Index block, Index blocks, Index row, Index n,
                           const T* sums);
  using Backward = void (*)(const SegmentEntries<T>&, const Index* which, Index block, Index blocks, Index n,
                            const T* sums);

  Forward step, second_step;           // all of a one-pass cell's step, or the first pass; the second pass
  Backward backward, second_backward;  // entry which[r] in place of row `row + r`
};

template <class T>
struct CellKernels {
  CellNumbers numbers;
  CellFunctions<T> standard, chosen;  // tanh and sigmoid compiled in, or as the options say
  // (kParameters, lanes) of block j: sum over the entries of da of a parameter's gate times its factor.
  void (*parameter_sums)(const SegmentEntries<T>&, Index n, Index j, Vec<T>* sums_out);
  Vec<T> (*state_after)(const T* saved);  // of one block: the state that forward left

  const CellFunctions<T>& functions(const CellOptions<T>& options) const {
    return options.standard() ? standard : chosen;
  }
};

// Panels of one cell. A panel holds all gates of as many blocks of units as make about four packets.
template <class T>
struct CellLayout {
  static constexpr Index kLanes = Vec<T>::kSize;

  const CellNumbers& numbers;
  Index H;

  gemm::Layout<T> panels(int gates) const { return {H, gates, gemm::blocks_per_panel(gates)}; }
  gemm::Layout<T> input() const { return panels(numbers.gates); }
  gemm::Layout<T> recurrent() const { return panels(numbers.first_gates()); }
  gemm::Layout<T> reset() const { return panels(1); }

  Index blocks() const { return divide_up(H, kLanes); }
  Index padded() const { return round_up(H, kLine<T>); }
  // Values that a unit of one row leaves on the tape at one step.
  Index saved(const CellOptions<T>& options) const { return numbers.saved + (options.standard() ? 0 : numbers.slopes); }
  // The share of blocks of a thread: a multiple of every panel's width.
  Range share(int thread, int team) const {
    const Index panels = divide_up(blocks(), gemm::kPanelPackets);
    const Range part = share_of(panels, thread, team);
    return {part.begin * gemm::kPanelPackets, std::min(part.end * gemm::kPanelPackets, blocks())};
  }
};

// Cells to which the mask of h_prev is handed, since it enters U inside them.
template <class Cell>
inline constexpr bool kMasksItself = Cell::kTwoStage || !Cell::kProduct;

// The functions of the gates for block j of a row: parameters and mask are there for the cells that read them.
template <class Cell, class Act, class T>
Act functions_of(const CellOptions<T>& options, const T* parameters, const T* mask, Index j, Index left) {
  using V = Vec<T>;
  V factor = V::all(1);
  if constexpr (kMasksItself<Cell>)
    if (mask != nullptr) factor = V::load_first(mask + j * V::kSize, left);
  return {options, parameters + j * Cell::kParameters * V::kSize, factor};
}

// Saved values that are kept with these functions: slopes only where they are not compiled in.
template <class Cell, class Act>
inline constexpr int kKept = Cell::kSaved + (Act::kDefaultActivations ? 0 : Cell::kSlopes);

// The saved values of a block of units that `which` names.
template <class Cell, class Act, IndexSet which, class T>
[[gnu::always_inline]] inline void load_saved(const T* kept, Vec<T>* saved) {
#pragma GCC unroll 16
  for (int s = 0; s < kKept<Cell, Act>; ++s)
    if (which.has(s)) saved[s] = Vec<T>::load(kept + s * Vec<T>::kSize);
}

template <class Cell, class Act, IndexSet which, class T>
[[gnu::always_inline]] inline void store_saved(const Vec<T>* saved, T* kept) {
#pragma GCC unroll 16
  for (int s = 0; s < kKept<Cell, Act>; ++s)
    if (which.has(s)) saved[s].store(kept + s * Vec<T>::kSize);
}

}  // namespace seqfuse
