// Lays matrices out as the tile of gemm.hpp reads them; its head says why.
#pragma once

#include "seqfuse/gemm.hpp"

namespace seqfuse::gemm {

// The columns of W (K, ·) that belong to the units of one gate begin at column[gate].
// panels[p][k][block][gate][lane] = W[k][column[gate] + unit], zero where there is no such unit.
template <class T>
void pack_columns(const Layout<T>& layout, const Index* column, Rows<const T> W, Index K, Range panels, T* out) {
  constexpr Index kSize = Vec<T>::kSize;
  for (Index p = panels.begin; p < panels.end; ++p) {
    T* to = out + layout.offset(p, K);
    for (Index k = 0; k < K; ++k)
      for (Index i = 0; i < layout.blocks_of(p); ++i) {
        const Index unit = (p * layout.per_panel + i) * kSize;
        for (int g = 0; g < layout.gates; ++g, to += kSize)
          Vec<T>::load_first(W.row(k) + column[g] + unit, layout.units - unit).store(to);
      }
  }
}

// to[column][r] = row_of(r)[column] for the columns in `columns` of rows 0 .. rows. Squares of packets
// are turned in registers, the edges one by one.
template <class T, class RowOf>
void transpose_into(RowOf&& row_of, Index rows, Range columns, Rows<T> to) {
  constexpr Index kSize = Vec<T>::kSize;
  for (Index r = 0; r < rows; r += kSize)
    for (Index c = columns.begin; c < columns.end; c += kSize) {
      if (r + kSize > rows || c + kSize > columns.end) {
        for (Index i = r; i < std::min(r + kSize, rows); ++i)
          for (Index j = c; j < std::min(c + kSize, columns.end); ++j) to.row(j)[i] = row_of(i)[j];
        continue;
      }
      Vec<T> square[kSize];
      for (Index i = 0; i < kSize; ++i) square[i] = Vec<T>::loadu(row_of(r + i) + c);
      transpose(square);
      for (Index i = 0; i < kSize; ++i) square[i].storeu(to.row(c + i) + r);
    }
}

// The panels of W^T, for products with gradients of gates: units are the rows of W (units, ·), and k
// runs over gates in the order of `column`, each padded to `padded` terms, zeros in the padding.
template <class T>
void pack_rows(const Layout<T>& layout, const Index* column, int gates, Index each, Index padded, Rows<const T> W,
               Range panels, T* out) {
  constexpr Index kSize = Vec<T>::kSize;
  const Index K = gates * padded;
  for (Index p = panels.begin; p < panels.end; ++p) {
    const Index unit = p * layout.per_panel * kSize, width = layout.width(p);
    T* panel = out + layout.offset(p, K);
    std::fill(panel, panel + K * width, T(0));
    for (int g = 0; g < gates; ++g)
      transpose_into<T>([&](Index i) { return W.row(unit + i) + column[g]; }, std::min(layout.units - unit, width),
                        {0, each}, Rows<T>{panel + g * padded * width, width});
  }
}

}  // namespace seqfuse::gemm
