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
  T* const* h = nullptr;             // (H,) each, written; may not be h_prev
  T* const* state = nullptr;         // (padded H,) each, updated in place; cells with a state
  T* const* saved = nullptr;         // block 0 of each row's (kSaved, lanes); none: kept nowhere
  Index saved_block = 0;             // elements from one block of `saved` to the next
  const T* px = nullptr;             // (blocks, px_rows, G, lanes): bias + x W, this step's rows first
  Index px_rows = 0;
  T* const* reset_h = nullptr;  // (H,) each, written by the first pass; cells with two
};

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

// The second pass of a cell with two: n of every unit needs r * h_prev of all units of its row.
template <class Cell, class T>
void reset_step(const PackedWeights<T>& packed, const StepRows<T>& rows, Range share) {
  using V = Vec<T>;
  constexpr Index G = Cell::kGates, kLanes = V::kSize;
  const CellOptions options{packed.candidate};
  const gemm::Terms<T> terms{rows.reset_h, packed.H, packed.H, 0};
  const Rows<const T> from = packed.lying_U;
  const Rows<const T> lying{from ? from.data + (G - 1) * packed.H : nullptr, from.stride};
  for_each_product(CellLayout<Cell, T>{packed.H}.reset(), {packed.U_reset.data(), lying}, share, terms, rows.n,
                   [&](Index block, Index blocks, Index row, Index n, const T* sums) {
                     for (Index r = 0; r < n; ++r)
                       for (Index i = 0; i < blocks; ++i) {
                         const Index j = block + i, unit = j * kLanes, left = packed.H - unit;
                         const T* px = rows.px + (j * rows.px_rows + row + r) * G * kLanes;
                         T* kept = rows.saved[row + r] + j * rows.saved_block;
                         V a[G], saved[Cell::kSaved], h;
                         for (int s = 0; s < Cell::kSaved; ++s) saved[s] = V::load(kept + s * kLanes);
                         a[G - 1] = V::load(px + (G - 1) * kLanes) + V::load(sums + (r * blocks + i) * kLanes);
                         Cell::forward(options, a, saved[3], static_cast<V*>(nullptr), h, saved);
                         for (int s = 0; s < Cell::kSaved; ++s) saved[s].store(kept + s * kLanes);
                         h.store_first(rows.h[row + r] + unit, left);
                       }
                   });
}

// All of a one-pass cell's step, or the first pass of two.
template <class Cell, class T>
void step(const PackedWeights<T>& packed, const StepRows<T>& rows, Range share) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize, G = Cell::kGates, kFirst = CellLayout<Cell, T>::kFirstGates;
  const CellOptions options{packed.candidate};
  const gemm::Terms<T> terms{rows.h_prev, packed.H, packed.H, 0};
  for_each_product(CellLayout<Cell, T>{packed.H}.recurrent(), {packed.U.data(), packed.lying_U}, share, terms, rows.n,
                   [&](Index block, Index blocks, Index row, Index n, const T* sums) {
                     for (Index r = 0; r < n; ++r)
                       for (Index i = 0; i < blocks; ++i) {
                         const Index j = block + i, unit = j * kLanes, left = packed.H - unit;
                         const T* px = rows.px + (j * rows.px_rows + row + r) * G * kLanes;
                         const T* product = sums + (r * blocks + i) * kFirst * kLanes;
                         V a[G + Cell::kApart], saved[Cell::kSaved], state[1], h, h_prev;
#pragma GCC unroll 8
                         for (int g = 0; g < kFirst - Cell::kApart; ++g)
                           a[g] = V::load(px + g * kLanes) + V::load(product + g * kLanes);
                         if constexpr (Cell::kApart) {
                           a[G - 1] = V::load(px + (G - 1) * kLanes);
                           a[G] = V::load(packed.bias_apart.data() + unit) + V::load(product + (G - 1) * kLanes);
                         }
                         if constexpr (Cell::kCarries) h_prev = V::load_first(rows.h_prev[row + r] + unit, left);
                         if constexpr (Cell::kTwoStage) {
                           Cell::forward_reset(a, h_prev, saved, h);
                           h.store_first(rows.reset_h[row + r] + unit, left);
                         } else {
                           if constexpr (Cell::kStates) state[0] = V::load(rows.state[row + r] + unit);
                           Cell::forward(options, a, h_prev, state, h, saved);
                           if constexpr (Cell::kStates) state[0].store(rows.state[row + r] + unit);
                           h.store_first(rows.h[row + r] + unit, left);
                         }
                         if (rows.saved != nullptr) {
                           T* kept = rows.saved[row + r] + j * rows.saved_block;
#pragma GCC unroll 8
                           for (int s = 0; s < Cell::kSaved; ++s)
                             if (!Cell::kTwoStage || s != 2) saved[s].store(kept + s * kLanes);
                         }
                       }
                   });
}

}  // namespace seqfuse
