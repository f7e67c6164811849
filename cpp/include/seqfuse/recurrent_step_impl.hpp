// One step of a cell over some rows and some units: products, then the cell, tile by tile.
//
// The input product of a step (or of many steps at once) is made first, into px. A step then makes
// the recurrent product of a tile, adds px, and calls the cell on the packets while they are in the
// first-level cache.
#pragma once

#include "seqfuse/recurrent_pack_impl.hpp"

namespace seqfuse {

// A tile of px: bias + sums of the product with x.
template <class T, int G>
[[gnu::always_inline]] inline void add_bias(const T* bias, const T* sums, Index block, Index blocks, Index row, Index n,
                                            Index rows, T* px) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize;
  for (Index i = 0; i < blocks; ++i) {
    const T* from = bias + (block + i) * G * kLanes;
    T* to = px + ((block + i) * rows + row) * G * kLanes;
    for (Index r = 0; r < n; ++r)
#pragma GCC unroll 4
      for (Index g = 0; g < G; ++g, to += kLanes)
        (V::load(from + g * kLanes) + V::load(sums + ((r * blocks + i) * G + g) * kLanes)).store(to);
  }
}

// px (blocks, rows, G, lanes) = bias + x W for `rows` rows, of the units in share's blocks.
template <class T>
void input_product(const CellNumbers& numbers, const PackedWeights<T>& packed, const T* const* x, Index rows,
                   Range share, T* px) {
  const gemm::Terms<T> terms{x, packed.I, std::max<Index>(packed.I, 1), 0};
  for_each_product(CellLayout<T>{numbers, packed.H}.input(), {packed.W.data(), packed.unpacked_W}, share, terms, rows,
                   [&](Index block, Index blocks, Index row, Index n, const T* sums) {
                     const T* bias = packed.bias.data();
                     switch (numbers.gates) {  // not a call: with few features this is much of the time
                       case 1:
                         return add_bias<T, 1>(bias, sums, block, blocks, row, n, rows, px);
                       case 2:
                         return add_bias<T, 2>(bias, sums, block, blocks, row, n, rows, px);
                       case 3:
                         return add_bias<T, 3>(bias, sums, block, blocks, row, n, rows, px);
                       default:
                         return add_bias<T, 4>(bias, sums, block, blocks, row, n, rows, px);
                     }
                   });
}

// The second pass of a cell with two.
template <class T>
void second_step(const CellKernels<T>& cell, const PackedWeights<T>& packed, const StepRows<T>& rows, Range share) {
  const gemm::Terms<T> terms{rows.reset_h, packed.H, packed.H, 0};
  const Rows<const T> from = packed.unpacked_U;
  const Rows<const T> unpacked{from ? from.data + cell.numbers.first_gates() * packed.H : nullptr, from.stride};
  const auto finish = cell.functions(packed.options).second_step;
  for_each_product(CellLayout<T>{cell.numbers, packed.H}.reset(), {packed.U_reset.data(), unpacked}, share, terms,
                   rows.n, [&](Index block, Index blocks, Index row, Index n, const T* sums) {
                     finish(packed, rows, block, blocks, row, n, sums);
                   });
}

// All of a one-pass cell's step, or the first pass of two.
template <class T>
void step(const CellKernels<T>& cell, const PackedWeights<T>& packed, const StepRows<T>& rows, Range share) {
  const auto finish = cell.functions(packed.options).step;
  if (!cell.numbers.product) {
    for (Index j = share.begin; j < share.end; ++j) finish(packed, rows, j, 1, 0, rows.n, nullptr);
    return;
  }
  const gemm::Terms<T> terms{rows.h_in, packed.H, packed.H, 0};
  for_each_product(CellLayout<T>{cell.numbers, packed.H}.recurrent(), {packed.U.data(), packed.unpacked_U}, share,
                   terms, rows.n, [&](Index block, Index blocks, Index row, Index n, const T* sums) {
                     finish(packed, rows, block, blocks, row, n, sums);
                   });
}

}  // namespace seqfuse
