// One step of a cell over some rows and some units: products, then the cell, tile by tile.
//
// The input product of a step (or of many steps at once) is made first, into px. A step then makes
// the recurrent product of a tile, adds px, and calls the cell on the packets while they are in the
// first-level cache.
#pragma once

#include "seqfuse/recurrent_pack_impl.hpp"

namespace seqfuse {

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

// Cells to which the mask of h_prev is handed, since it enters U inside them.
template <class Cell>
inline constexpr bool kMasksItself = Cell::kTwoStage || !Cell::kProduct;

// px (blocks, rows, G, lanes) = bias + x W for `rows` rows, of the units in share's blocks.
template <class Cell, class T>
void input_product(const PackedWeights<T>& packed, const T* const* x, Index rows, Range share, T* px) {
  using V = Vec<T>;
  constexpr Index G = Cell::kGates, kLanes = V::kSize;
  const gemm::Terms<T> terms{x, packed.I, std::max<Index>(packed.I, 1), 0};
  for_each_product(CellLayout<Cell, T>{packed.H}.input(), {packed.W.data(), packed.lying_W}, share, terms, rows,
                   [&](Index block, Index blocks, Index row, Index n, const T* sums) {
                     for (Index i = 0; i < blocks; ++i) {
                       const T* bias = packed.bias.data() + (block + i) * G * kLanes;
                       T* to = px + ((block + i) * rows + row) * G * kLanes;
                       for (Index r = 0; r < n; ++r)
                         for (Index g = 0; g < G; ++g, to += kLanes)
                           (V::load(bias + g * kLanes) + V::load(sums + ((r * blocks + i) * G + g) * kLanes)).store(to);
                     }
                   });
}

// The functions of block j of row r: parameters and mask are there for the cells that read them.
template <class Cell, class Act, class T>
Act functions_of(const CellOptions<T>& options, const Buffer<T>& parameters, const T* mask, Index j, Index left) {
  using V = Vec<T>;
  V factor = V::all(1);
  if constexpr (kMasksItself<Cell>)
    if (mask != nullptr) factor = V::load_first(mask + j * V::kSize, left);
  return {options, parameters.data() + j * Cell::kParameters * V::kSize, factor};
}

// The second pass of a cell with two, over one tile: n of every unit needs r * h_prev of all units of its row.
template <class Cell, class Act, class T>
void finish_reset(const PackedWeights<T>& packed, const StepRows<T>& rows, Index block, Index blocks, Index row,
                  Index n, const T* sums) {
  using V = Vec<T>;
  constexpr Index G = Cell::kGates, kLanes = V::kSize;
  const Index kept_values = CellLayout<Cell, T>::saved(packed.options);
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < blocks; ++i) {
      const Index j = block + i, unit = j * kLanes, left = packed.H - unit;
      const T* px = rows.px + (j * rows.px_rows + row + r) * G * kLanes;
      T* kept = rows.saved[row + r] + j * rows.saved_block;
      V a[G], saved[Cell::kSaved + Cell::kSlopes], h;
      for (Index s = 0; s < kept_values; ++s) saved[s] = V::load(kept + s * kLanes);
      a[G - 1] = V::load(px + (G - 1) * kLanes) + V::load(sums + (r * blocks + i) * kLanes);
      const Act act = functions_of<Cell, Act, T>(packed.options, packed.parameters, nullptr, j, left);
      Cell::forward(act, a, saved[3], static_cast<V*>(nullptr), h, saved);
      for (Index s = 0; s < kept_values; ++s) saved[s].store(kept + s * kLanes);
      h.store_first(rows.h[row + r] + unit, left);
      if (rows.mask != nullptr)
        (V::load_first(rows.mask[row + r] + unit, left) * h).store_first(rows.h_out[row + r] + unit, left);
    }
}

// A tile of a one-pass cell's step, or of the first pass of two; `sums` is not read where there is no product with h.
template <class Cell, class Act, class T>
void finish_step(const PackedWeights<T>& packed, const StepRows<T>& rows, Index block, Index blocks, Index row, Index n,
                 const T* sums) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize, G = Cell::kGates, kFirst = CellLayout<Cell, T>::kFirstGates;
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < blocks; ++i) {
      const Index j = block + i, unit = j * kLanes, left = packed.H - unit;
      const T* px = rows.px + (j * rows.px_rows + row + r) * G * kLanes;
      const T* product = sums + (r * blocks + i) * kFirst * kLanes;
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
      const Act act = functions_of<Cell, Act, T>(packed.options, packed.parameters, mask, j, left);
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
      if (rows.saved != nullptr) {
        constexpr int kKept = Cell::kSaved + (Act::kStandard ? 0 : Cell::kSlopes);
        T* kept = rows.saved[row + r] + j * rows.saved_block;
#pragma GCC unroll 16
        for (int s = 0; s < kKept; ++s)
          if (!Cell::kTwoStage || (s != 2 && s != Cell::kSaved + 2)) saved[s].store(kept + s * kLanes);
      }
    }
}

template <class Cell, class T>
void reset_step(const PackedWeights<T>& packed, const StepRows<T>& rows, Range share) {
  const gemm::Terms<T> terms{rows.reset_h, packed.H, packed.H, 0};
  const Rows<const T> from = packed.lying_U;
  const Rows<const T> lying{from ? from.data + (Cell::kGates - 1) * packed.H : nullptr, from.stride};
  const auto finish =
      packed.options.standard() ? &finish_reset<Cell, Standard<T>, T> : &finish_reset<Cell, Chosen<T>, T>;
  for_each_product(CellLayout<Cell, T>{packed.H}.reset(), {packed.U_reset.data(), lying}, share, terms, rows.n,
                   [&](Index block, Index blocks, Index row, Index n, const T* sums) {
                     finish(packed, rows, block, blocks, row, n, sums);
                   });
}

// All of a one-pass cell's step, or the first pass of two.
template <class Cell, class T>
void step(const PackedWeights<T>& packed, const StepRows<T>& rows, Range share) {
  const auto finish = packed.options.standard() ? &finish_step<Cell, Standard<T>, T> : &finish_step<Cell, Chosen<T>, T>;
  if constexpr (Cell::kProduct) {
    const gemm::Terms<T> terms{rows.h_in, packed.H, packed.H, 0};
    for_each_product(CellLayout<Cell, T>{packed.H}.recurrent(), {packed.U.data(), packed.lying_U}, share, terms, rows.n,
                     [&](Index block, Index blocks, Index row, Index n, const T* sums) {
                       finish(packed, rows, block, blocks, row, n, sums);
                     });
  } else {
    for (Index j = share.begin; j < share.end; ++j) finish(packed, rows, j, 1, 0, rows.n, nullptr);
  }
}

}  // namespace seqfuse
