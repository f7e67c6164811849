// Applies the backward equations of a cell to a tile of entries and units.
//
// The backward driver calls these functions right after the product of a tile with U^T, so that its sums are still in
// the first-level cache. Per block of units, a function computes
//
//     forward: a_next = (mask * h) U, carry from the cell, y = h   =>   dh = mask * (da_next U^T) + carry + dy
//
// calls Cell::backward (cells.hpp) on whole packets, and stores da, the state's gradient and the new carry. The
// arguments are described at CellFunctions, SegmentEntries and Entry (recurrent_cell_impl.hpp).
#pragma once

#include "seqfuse/recurrent_cell_impl.hpp"

namespace seqfuse {

// Returns the gradient of h_prev through the product with U, for the block that begins at `unit`.
// forward: h_prev_masked = mask * h_prev   =>   dh_prev = mask * sum
template <class T>
Vec<T> through_mask(const Entry<T>& entry, Index unit, Index remaining, Vec<T> sum) {
  return entry.mask == nullptr ? sum : sum * Vec<T>::load_first(entry.mask + unit, remaining);
}

// Stores the gradients of pre-activations that `which` selects. The padding of H stays zero.
template <class Cell, IndexSet which, class T>
[[gnu::always_inline]] inline void store_gradients(const SegmentEntries<T>& segment, Index e, Index unit,
                                                   Index remaining, const Vec<T>* da) {
#pragma GCC unroll 8
  for (int g = 0; g < Cell::kGrads; ++g)
    if (which.has(g)) da[g].first(remaining).store(segment.da.at(e, g * segment.padded() + unit));
}

// Computes a tile of the first pass. `sums` (rows, blocks, lanes) holds da_next U^T; it is null for entries without a
// later step in the segment.
template <class Cell, class Act, class T>
void cell_backward(const SegmentEntries<T>& segment, const Index* entry_indices, Index block, Index blocks, Index n,
                   const T* sums) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize;
  constexpr Pass pass = pass_of<Cell>(0);
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < blocks; ++i) {
      const Index e = entry_indices[r], j = block + i, unit = j * kLanes, remaining = segment.H - unit;
      const Entry<T>& entry = segment.entries[e];
      const V sum = sums != nullptr ? V::load(sums + (r * blocks + i) * kLanes) : V::zero();
      V dh = through_mask(entry, unit, remaining, sum) + V::load(entry.carry + unit);
      if (entry.dy != nullptr) dh = dh + V::load_first(entry.dy + unit, remaining);
      V saved[Cell::kSaved + Cell::kSlopes], dstate[1], da[Cell::kGrads], dh_prev = V::zero();
      load_saved<Cell, Act, pass.backward_loads>(entry.saved + j * segment.saved_block, saved);
      if constexpr (Cell::kStates) dstate[0] = V::load(entry.dstate + unit);
      const Act act = make_activations<Cell, Act>(segment.options, segment.parameters, entry.mask, j, remaining);
      Cell::backward(act, saved, dh, dstate, da, dh_prev);
      if constexpr (Cell::kStates) dstate[0].store(entry.dstate + unit);
      dh_prev.store(entry.carry + unit);
      store_gradients<Cell, pass.gradients>(segment, e, unit, remaining, da);
    }
}

// Computes a tile of the second pass. `sums` is da[n] Un^T, the gradient of r * h_prev, which needs the first pass of
// all units of the row.
template <class Cell, class Act, class T>
void cell_second_backward(const SegmentEntries<T>& segment, const Index* entry_indices, Index block, Index blocks,
                          Index n, const T* sums) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize;
  constexpr Pass pass = pass_of<Cell>(1);
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < blocks; ++i) {
      const Index e = entry_indices[r], j = block + i, unit = j * kLanes, remaining = segment.H - unit;
      const Entry<T>& entry = segment.entries[e];
      V saved[Cell::kSaved + Cell::kSlopes], da[Cell::kGrads], dh_prev = V::load(entry.carry + unit), reset_h;
      load_saved<Cell, Act, pass.backward_loads>(entry.saved + j * segment.saved_block, saved);
      const Act act = make_activations<Cell, Act>(segment.options, segment.parameters, entry.mask, j, remaining);
      Cell::backward_reset(act, saved, V::load(sums + (r * blocks + i) * kLanes), da, dh_prev, reset_h);
      dh_prev.store(entry.carry + unit);
      reset_h.store_first(segment.reset_h + e * segment.H + unit, remaining);
      store_gradients<Cell, pass.gradients>(segment, e, unit, remaining, da);
    }
}

// Computes CellKernels::parameter_sums for block j:
//     sums[k] = sum over the n entries of da[kGateOfParameter[k]] * factor[k]
// The sum is cut at multiples of gemm::kSumBlock, like every sum over rows.
template <class Cell, class T>
void cell_parameter_sums(const SegmentEntries<T>& segment, Index n, Index j, Vec<T>* sums) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize;
  constexpr int kParameters = Cell::kParameters;
  for (int k = 0; k < kParameters; ++k) sums[k] = V::zero();
  for (Index first = 0; first < n; first += gemm::kSumBlock) {
    V chain[kParameters];
    for (V& sum : chain) sum = V::zero();
    for (Index e = first; e < std::min(first + gemm::kSumBlock, n); ++e) {
      V saved[Cell::kSaved], factor[kParameters];
      const T* tape = segment.entries[e].saved + j * segment.saved_block;
      for (int s = 0; s < Cell::kSaved; ++s) saved[s] = V::load(tape + s * kLanes);
      Cell::parameter_factors(saved, factor);
      for (int k = 0; k < kParameters; ++k) {
        const Index column = Cell::kGateOfParameter[k] * segment.padded() + j * kLanes;
        chain[k] = madd(V::load(segment.da.at(e, column)), factor[k], chain[k]);
      }
    }
    for (int k = 0; k < kParameters; ++k) sums[k] = sums[k] + chain[k];
  }
}

}  // namespace seqfuse
