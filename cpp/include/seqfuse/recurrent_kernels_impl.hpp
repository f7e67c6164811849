// The table of functions of each cell, and the search for a cell by its name.
#pragma once

#include "seqfuse/recurrent_backward_impl.hpp"
#include "seqfuse/recurrent_inspect_impl.hpp"
#include "seqfuse/recurrent_stream_impl.hpp"

namespace seqfuse {

template <class Cell, class T>
const RecurrentKernels<T>& kernels_of() {
  static constexpr RecurrentKernels<T> kernels{Cell::kGates,          &pack_weights<Cell, T>, &prepare_weights<Cell, T>,
                                               &forward<Cell, T>,     &backward<Cell, T>,     &inspect<Cell, T>,
                                               &make_stream<Cell, T>, &tape_size<Cell, T>};
  return kernels;
}

template <class T, class... Cell>
const RecurrentKernels<T>* find_among(CellList<Cell...>, std::string_view name) {
  const RecurrentKernels<T>* found = nullptr;
  ((name == Cell::kName ? void(found = &kernels_of<Cell, T>()) : void()), ...);
  return found;
}

template <class T>
const RecurrentKernels<T>* find_recurrent_kernels(std::string_view cell) {
  return find_among<T>(Cells{}, cell);
}

}  // namespace seqfuse
