// Applies the forward equations of a cell to a tile of rows and units.
//
// The drivers call these functions right after the product of a tile, so that its sums are still in the first-level
// cache. Per block of units, a function adds
//
//     a[g] = (bias + x W)[g] + (h_prev U)[g]         for every gate g
//
// calls Cell::forward (cells.hpp) on whole packets, and stores h, the state and the tape. No array of pre-activations
// is written. The arguments are described at CellFunctions and StepRows (recurrent_cell_impl.hpp).
#pragma once

#include "seqfuse/recurrent_cell_impl.hpp"

namespace seqfuse {

// Computes a tile of the first pass of a step. In a cell with one pass this is the whole step.
template <class Cell, class Act, class T>
void cell_step(const PackedWeights<T>& packed, const StepRows<T>& rows, Index block, Index blocks, Index row, Index n,
               const T* sums) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize, G = Cell::kGates, kFirst = kConstantsOf<Cell>.first_gates();
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < blocks; ++i) {
      const Index j = block + i, unit = j * kLanes, remaining = packed.H - unit;
      const T* x_product = rows.x_product + (j * rows.x_product_rows + row + r) * G * kLanes;
      [[maybe_unused]] const T* product = Cell::kHasU ? sums + (r * blocks + i) * kFirst * kLanes : nullptr;
      V a[G + Cell::kSeparateProducts], saved[Cell::kSaved + Cell::kSlopes], state[1], h, h_prev;
#pragma GCC unroll 8
      for (int g = 0; g < kFirst - Cell::kSeparateProducts; ++g) {
        a[g] = V::load(x_product + g * kLanes);
        if constexpr (Cell::kHasU) a[g] = a[g] + V::load(product + g * kLanes);
      }
      if constexpr (Cell::kSeparateProducts) {
        a[G - 1] = V::load(x_product + (G - 1) * kLanes);
        a[G] = V::load(packed.separate_bias.data() + unit) + V::load(product + (G - 1) * kLanes);
      }
      if constexpr (Cell::kReadsHPrev) h_prev = V::load_first(rows.h_prev[row + r] + unit, remaining);
      const T* mask = rows.mask != nullptr ? rows.mask[row + r] : nullptr;
      const Act act = make_activations<Cell, Act>(packed.options, packed.parameters.data(), mask, j, remaining);
      if constexpr (Cell::kTwoPass) {
        Cell::forward_reset(act, a, h_prev, saved, h);
        h.store_first(rows.reset_h[row + r] + unit, remaining);
      } else {
        if constexpr (Cell::kStates) state[0] = V::load(rows.state[row + r] + unit);
        Cell::forward(act, a, h_prev, state, h, saved);
        if constexpr (Cell::kStates) state[0].store(rows.state[row + r] + unit);
        h.store_first(rows.h[row + r] + unit, remaining);
        if constexpr (Cell::kHasU)
          if (mask != nullptr)
            (V::load_first(mask + unit, remaining) * h).store_first(rows.h_masked_out[row + r] + unit, remaining);
      }
      if (rows.saved != nullptr)
        store_saved<Cell, Act, pass_of<Cell>(0).saves>(saved, rows.saved[row + r] + j * rows.saved_block);
    }
}

// Computes a tile of the second pass of a step. It is a separate pass because the candidate n of one unit needs
// r * h_prev of all units of its row.
template <class Cell, class Act, class T>
void cell_second_step(const PackedWeights<T>& packed, const StepRows<T>& rows, Index block, Index blocks, Index row,
                      Index n, const T* sums) {
  using V = Vec<T>;
  constexpr Index G = Cell::kGates, kLanes = V::kSize;
  constexpr Pass pass = pass_of<Cell>(1);
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < blocks; ++i) {
      const Index j = block + i, unit = j * kLanes, remaining = packed.H - unit;
      const T* x_product = rows.x_product + (j * rows.x_product_rows + row + r) * G * kLanes;
      T* tape = rows.saved[row + r] + j * rows.saved_block;
      V a[G], saved[Cell::kSaved + Cell::kSlopes], h;
      load_saved<Cell, Act, pass.loads>(tape, saved);
      a[G - 1] = V::load(x_product + (G - 1) * kLanes) + V::load(sums + (r * blocks + i) * kLanes);
      const Act act = make_activations<Cell, Act, T>(packed.options, packed.parameters.data(), nullptr, j, remaining);
      Cell::forward(act, a, saved[Cell::kSavedHPrev], static_cast<V*>(nullptr), h, saved);
      store_saved<Cell, Act, pass.saves>(saved, tape);
      h.store_first(rows.h[row + r] + unit, remaining);
      if (rows.mask != nullptr)
        (V::load_first(rows.mask[row + r] + unit, remaining) * h)
            .store_first(rows.h_masked_out[row + r] + unit, remaining);
    }
}

// Returns the state after a step, for the block of units whose (saved, lanes) are at `saved`.
template <class Cell, class T>
Vec<T> cell_state_after(const T* saved) {
  Vec<T> values[Cell::kSaved];
  for (int s = 0; s < Cell::kSaved; ++s) values[s] = Vec<T>::load(saved + s * Vec<T>::kSize);
  return Cell::state_after(values);
}

}  // namespace seqfuse
