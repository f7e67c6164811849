// Computes the forward steps of a cell for a set of rows and a range of units.
//
//     x_product = bias + x W              input_product, for one step or for many steps at once
//     h = cell(x_product + h_prev U)      step, and second_step for cells with two passes
//
// A step multiplies tile by tile. After each tile it applies the cell's equations, while the sums of the tile are in
// the first-level cache. `share` is the range of blocks of units to compute; it begins and ends on a panel. Cost: rows
// * (I + H) * G * units multiply-adds. With few rows the time is that of reading the weights.
#pragma once

#include "seqfuse/recurrent_pack_impl.hpp"

namespace seqfuse {

// Writes a tile of x_product (blocks, rows, G, lanes): bias + sums. The tile has n rows and `blocks` blocks of units.
template <class T, int G>
[[gnu::always_inline]] inline void add_bias(const T* bias, const T* sums, Index block, Index blocks, Index row, Index n,
                                            Index rows, T* x_product) {
  using V = Vec<T>;
  constexpr Index kLanes = V::kSize;
  for (Index i = 0; i < blocks; ++i) {
    const T* from = bias + (block + i) * G * kLanes;
    T* to = x_product + ((block + i) * rows + row) * G * kLanes;
    for (Index r = 0; r < n; ++r)
#pragma GCC unroll 4
      for (Index g = 0; g < G; ++g, to += kLanes)
        (V::load(from + g * kLanes) + V::load(sums + ((r * blocks + i) * G + g) * kLanes)).store(to);
  }
}

// Writes x_product (blocks, rows, G, lanes) = bias + x W, for the blocks in `share`. x: pointers to `rows` rows (I,).
template <class T>
void input_product(const CellConstants& constants, const PackedWeights<T>& packed, const T* const* x, Index rows,
                   Range share, T* x_product) {
  const gemm::Terms<T> terms{x, packed.I, std::max<Index>(packed.I, 1), 0};
  for_each_product(
      CellLayout<T>{constants, packed.H}.input(), {packed.W.data(), packed.unpacked_W}, share, terms, rows,
      [&](Index block, Index blocks, Index row, Index n, const T* sums) {
        const T* bias = packed.bias.data();
        switch (constants.gates) {  // inlined instead of called: with few features this takes much of the time
          case 1:
            return add_bias<T, 1>(bias, sums, block, blocks, row, n, rows, x_product);
          case 2:
            return add_bias<T, 2>(bias, sums, block, blocks, row, n, rows, x_product);
          case 3:
            return add_bias<T, 3>(bias, sums, block, blocks, row, n, rows, x_product);
          default:
            return add_bias<T, 4>(bias, sums, block, blocks, row, n, rows, x_product);
        }
      });
}

// Computes the second pass of a step, for cells with two passes. The first pass of all units must be complete.
template <class T>
void second_step(const CellKernels<T>& cell, const PackedWeights<T>& packed, const StepRows<T>& rows, Range share) {
  const gemm::Terms<T> terms{rows.reset_h, packed.H, packed.H, 0};
  Matrix<const T> unpacked = packed.unpacked_U;
  if (unpacked) unpacked = unpacked.from_column(cell.constants.first_gates() * packed.H);
  const auto apply_cell = cell.functions(packed.options).second_step;
  for_each_product(CellLayout<T>{cell.constants, packed.H}.reset(), {packed.U_reset.data(), unpacked}, share, terms,
                   rows.n, [&](Index block, Index blocks, Index row, Index n, const T* sums) {
                     apply_cell(packed, rows, block, blocks, row, n, sums);
                   });
}

// Computes the first pass of a step. In a cell with one pass this is the whole step.
template <class T>
void step(const CellKernels<T>& cell, const PackedWeights<T>& packed, const StepRows<T>& rows, Range share) {
  const auto apply_cell = cell.functions(packed.options).step;
  if (!cell.constants.has_U) {
    for (Index j = share.begin; j < share.end; ++j) apply_cell(packed, rows, j, 1, 0, rows.n, nullptr);
    return;
  }
  const gemm::Terms<T> terms{rows.h_prev_masked, packed.H, packed.H, 0};
  for_each_product(CellLayout<T>{cell.constants, packed.H}.recurrent(), {packed.U.data(), packed.unpacked_U}, share,
                   terms, rows.n, [&](Index block, Index blocks, Index row, Index n, const T* sums) {
                     apply_cell(packed, rows, block, blocks, row, n, sums);
                   });
}

}  // namespace seqfuse
