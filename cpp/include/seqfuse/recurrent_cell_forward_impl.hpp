// The forward equations of a cell over a tile of units, while the sums of the product are in the first-level cache.
#pragma once

#include "seqfuse/recurrent_cell_impl.hpp"

namespace seqfuse {

// A tile of a one-pass cell's step, or of the first pass of two.
template <class Cell, class Act, class T>
void cell_step(const PackedWeights<T>& packed, const StepRows<T>& rows, Index block, Index blocks, Index row, Index n,
               const T* sums) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize, G = Cell::kGates, kFirst = kNumbersOf<Cell>.first_gates();
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < blocks; ++i) {
      const Index j = block + i, unit = j * kLanes, left = packed.H - unit;
      const T* px = rows.px + (j * rows.px_rows + row + r) * G * kLanes;
      [[maybe_unused]] const T* product = Cell::kProduct ? sums + (r * blocks + i) * kFirst * kLanes : nullptr;
      V a[G + Cell::kApart], saved[Cell::kSaved + Cell::kSlopes], state[1], h, h_prev;
#pragma GCC unroll 8
      for (int g = 0; g < kFirst - Cell::kApart; ++g) {
        a[g] = V::load(px + g * kLanes);
        if constexpr (Cell::kProduct) a[g] = a[g] + V::load(product + g * kLanes);
      }
      if constexpr (Cell::kApart) {
        a[G - 1] = V::load(px + (G - 1) * kLanes);
        a[G] = V::load(packed.bias_apart.data() + unit) + V::load(product + (G - 1) * kLanes);
      }
      if constexpr (Cell::kCarries) h_prev = V::load_first(rows.h_prev[row + r] + unit, left);
      const T* mask = rows.mask != nullptr ? rows.mask[row + r] : nullptr;
      const Act act = functions_of<Cell, Act>(packed.options, packed.parameters.data(), mask, j, left);
      if constexpr (Cell::kTwoStage) {
        Cell::forward_reset(act, a, h_prev, saved, h);
        h.store_first(rows.reset_h[row + r] + unit, left);
      } else {
        if constexpr (Cell::kStates) state[0] = V::load(rows.state[row + r] + unit);
        Cell::forward(act, a, h_prev, state, h, saved);
        if constexpr (Cell::kStates) state[0].store(rows.state[row + r] + unit);
        h.store_first(rows.h[row + r] + unit, left);
        if constexpr (Cell::kProduct)
          if (mask != nullptr) (V::load_first(mask + unit, left) * h).store_first(rows.h_out[row + r] + unit, left);
      }
      if (rows.saved != nullptr)
        store_saved<Cell, Act, pass_of<Cell>(0).saves>(saved, rows.saved[row + r] + j * rows.saved_block);
    }
}

// The second pass of a cell with two, over one tile: n of every unit needs r * h_prev of all units of its row.
template <class Cell, class Act, class T>
void cell_second_step(const PackedWeights<T>& packed, const StepRows<T>& rows, Index block, Index blocks, Index row,
                      Index n, const T* sums) {
  using V = Vec<T>;
  constexpr Index G = Cell::kGates, kLanes = V::kSize;
  constexpr Pass pass = pass_of<Cell>(1);
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < blocks; ++i) {
      const Index j = block + i, unit = j * kLanes, left = packed.H - unit;
      const T* px = rows.px + (j * rows.px_rows + row + r) * G * kLanes;
      T* kept = rows.saved[row + r] + j * rows.saved_block;
      V a[G], saved[Cell::kSaved + Cell::kSlopes], h;
      load_saved<Cell, Act, pass.loads>(kept, saved);
      a[G - 1] = V::load(px + (G - 1) * kLanes) + V::load(sums + (r * blocks + i) * kLanes);
      const Act act = functions_of<Cell, Act, T>(packed.options, packed.parameters.data(), nullptr, j, left);
      Cell::forward(act, a, saved[Cell::kSavedHPrev], static_cast<V*>(nullptr), h, saved);
      store_saved<Cell, Act, pass.saves>(saved, kept);
      h.store_first(rows.h[row + r] + unit, left);
      if (rows.mask != nullptr)
        (V::load_first(rows.mask[row + r] + unit, left) * h).store_first(rows.h_out[row + r] + unit, left);
    }
}

// The state after a step, of one block of units.
template <class Cell, class T>
Vec<T> cell_state_after(const T* saved) {
  Vec<T> values[Cell::kSaved];
  for (int s = 0; s < Cell::kSaved; ++s) values[s] = Vec<T>::load(saved + s * Vec<T>::kSize);
  return Cell::state_after(values);
}

}  // namespace seqfuse
