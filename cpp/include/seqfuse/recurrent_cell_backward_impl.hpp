// The backward equations of a cell over a tile of units, applied while the product with U^T is in the first-level
// cache.
#pragma once

#include "seqfuse/recurrent_cell_impl.hpp"

namespace seqfuse {

// Returns the gradient of h_prev through U, for the block at unit `at`: forward multiplied h_prev by the recurrent
// mask.
template <class T>
Vec<T> through_mask(const Entry<T>& entry, Index at, Index left, Vec<T> sum) {
  return entry.mask == nullptr ? sum : sum * Vec<T>::load_first(entry.mask + at, left);
}

// Stores the gradients of pre-activations that a pass owns; the padding of H stays zero.
template <class Cell, IndexSet which, class T>
[[gnu::always_inline]] inline void store_gradients(const SegmentEntries<T>& segment, Index e, Index at, Index left,
                                                   const Vec<T>* da) {
#pragma GCC unroll 8
  for (int g = 0; g < Cell::kGrads; ++g)
    if (which.has(g)) da[g].first(left).store(segment.da.at(e, g * segment.padded() + at));
}

// dh = sum (+ carried) + dy, then the cell.
template <class Cell, class Act, class T>
void cell_backward(const SegmentEntries<T>& segment, const Index* which, Index block, Index blocks, Index n,
                   const T* sums) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize;
  constexpr Pass pass = pass_of<Cell>(0);
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < blocks; ++i) {
      const Index e = which[r], j = block + i, at = j * kLanes, left = segment.H - at;
      const Entry<T>& entry = segment.entries[e];
      const V sum = sums != nullptr ? V::load(sums + (r * blocks + i) * kLanes) : V::zero();
      V dh = through_mask(entry, at, left, sum) + V::load(entry.carry + at);
      if (entry.dy != nullptr) dh = dh + V::load_first(entry.dy + at, left);
      V saved[Cell::kSaved + Cell::kSlopes], dstate[1], da[Cell::kGrads], dh_prev = V::zero();
      load_saved<Cell, Act, pass.backward_loads>(entry.saved + j * segment.saved_block, saved);
      if constexpr (Cell::kStates) dstate[0] = V::load(entry.dstate + at);
      const Act act = functions_of<Cell, Act>(segment.options, segment.parameters, entry.mask, j, left);
      Cell::backward(act, saved, dh, dstate, da, dh_prev);
      if constexpr (Cell::kStates) dstate[0].store(entry.dstate + at);
      dh_prev.store(entry.carry + at);
      store_gradients<Cell, pass.gradients>(segment, e, at, left, da);
    }
}

// The second pass of a cell with two: what goes through r * h_prev needs the first pass of all units.
template <class Cell, class Act, class T>
void cell_second_backward(const SegmentEntries<T>& segment, const Index* which, Index block, Index blocks, Index n,
                          const T* sums) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize;
  constexpr Pass pass = pass_of<Cell>(1);
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < blocks; ++i) {
      const Index e = which[r], j = block + i, at = j * kLanes, left = segment.H - at;
      const Entry<T>& entry = segment.entries[e];
      V saved[Cell::kSaved + Cell::kSlopes], da[Cell::kGrads], dh_prev = V::load(entry.carry + at), reset_h;
      load_saved<Cell, Act, pass.backward_loads>(entry.saved + j * segment.saved_block, saved);
      const Act act = functions_of<Cell, Act>(segment.options, segment.parameters, entry.mask, j, left);
      Cell::backward_reset(act, saved, V::load(sums + (r * blocks + i) * kLanes), da, dh_prev, reset_h);
      dh_prev.store(entry.carry + at);
      reset_h.store_first(segment.reset_h + e * segment.H + at, left);
      store_gradients<Cell, pass.gradients>(segment, e, at, left, da);
    }
}

// Of block j: sums over entries of da of a parameter's gate times its factor, cut at kSumBlock as every sum is.
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
      const T* kept = segment.entries[e].saved + j * segment.saved_block;
      for (int s = 0; s < Cell::kSaved; ++s) saved[s] = V::load(kept + s * kLanes);
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
