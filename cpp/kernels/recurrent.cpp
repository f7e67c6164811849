// The table from a cell's name to its kernels.
#include "seqfuse/recurrent.hpp"
#include "seqfuse/cells.hpp"

namespace seqfuse {

template <class Cell, class T>
const RecurrentKernels<T>& kernels_of();

template <class T>
const RecurrentKernels<T>& recurrent_kernels(CellKind cell) {
  switch (cell) {
    case CellKind::kRnn:
      return kernels_of<Rnn, T>();
    case CellKind::kLstm:
      return kernels_of<Lstm, T>();
    case CellKind::kGru:
      return kernels_of<Gru, T>();
    default:
      return kernels_of<GruResetBefore, T>();
  }
}

template const RecurrentKernels<float>& recurrent_kernels<float>(CellKind);
template const RecurrentKernels<double>& recurrent_kernels<double>(CellKind);

}  // namespace seqfuse
