// Packs matrices into the panels of gemm.hpp, and transposes blocks of rows.
#pragma once

#include "seqfuse/gemm.hpp"

namespace seqfuse::gemm {

// Transposes a matrix: to[column][r] = row_of(r)[column] for r < rows and the columns in `columns`. Squares of packets
// are transposed in registers, the remaining numbers one by one. `to` has no aliases.
template <class T, class RowOf>
void transpose_into(RowOf&& row_of, Index rows, Range columns, Rows<T> to);

// Packs panel p as pack_columns does, from the columns of W as rows: W^T (columns, K).
template <class T>
void pack_transposed_columns(const Layout<T>& layout, const Index* column, Rows<const T> W_T, Index K, Index p, T* to) {
  constexpr Index kSize = Vec<T>::kSize;
  const Index width = layout.width(p);
  for (Index i = 0; i < layout.blocks_of(p); ++i) {
    const Index unit = (p * layout.per_panel + i) * kSize, units = std::min(kSize, layout.units - unit);
    for (int g = 0; g < layout.gates; ++g) {
      T* packets = to + (i * layout.gates + g) * kSize;
      if (units < kSize)
        for (Index k = 0; k < K; ++k) std::fill_n(packets + k * width, kSize, T(0));
      transpose_into<T>([&](Index r) { return W_T.row(column[g] + unit + r); }, units, {0, K}, Rows<T>{packets, width});
    }
  }
}

// Packs the panels `panels` of W (K, columns) into `out` (layout.size(K),), which is aligned and has no aliases.
// column[gate] is the first column of W of that gate:
//
//     out[p][k][block][gate][lane] = W[k][column[gate] + unit]    or zero if unit >= layout.units
template <class T>
void pack_columns(const Layout<T>& layout, const Index* column, Matrix<const T> matrix, Index K, Range panels, T* out) {
  constexpr Index kSize = Vec<T>::kSize;
  const Rows<const T> W = matrix.rows();
  for (Index p = panels.begin; p < panels.end; ++p) {
    T* to = out + layout.offset(p, K);
    if (matrix.transposed) {
      pack_transposed_columns(layout, column, W, K, p, to);
      continue;
    }
    for (Index k = 0; k < K; ++k)
      for (Index i = 0; i < layout.blocks_of(p); ++i) {
        const Index unit = (p * layout.per_panel + i) * kSize;
        for (int g = 0; g < layout.gates; ++g, to += kSize)
          Vec<T>::load_first(W.row(k) + column[g] + unit, layout.units - unit).store(to);
      }
  }
}

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

// Packs the panels `panels` of W^T, for products with gradients of gates. The units of the layout are the rows of W
// (units, columns). k runs over the gates in the order of `column`; each gate has `each` terms, which zeros pad to
// `padded`:
//
//     out[p][gate * padded + i][unit] = W[unit][column[gate] + i]    or zero if i >= each or unit >= layout.units
template <class T>
void pack_rows(const Layout<T>& layout, const Index* column, int gates, Index each, Index padded,
               Matrix<const T> matrix, Range panels, T* out) {
  constexpr Index kSize = Vec<T>::kSize;
  const Index K = gates * padded;
  const Rows<const T> W = matrix.rows();
  for (Index p = panels.begin; p < panels.end; ++p) {
    const Index unit = p * layout.per_panel * kSize, width = layout.width(p);
    T* panel = out + layout.offset(p, K);
    std::fill(panel, panel + K * width, T(0));
    for (int g = 0; g < gates; ++g)
      if (matrix.transposed)
        for (Index i = 0; i < each; ++i)
          std::copy_n(W.row(column[g] + i) + unit, std::min(layout.units - unit, width),
                      panel + (g * padded + i) * width);
      else
        transpose_into<T>([&](Index i) { return W.row(unit + i) + column[g]; }, std::min(layout.units - unit, width),
                          {0, each}, Rows<T>{panel + g * padded * width, width});
  }
}

}  // namespace seqfuse::gemm
