// Instantiates the drivers for one cell, in float and double. One .cpp a cell includes it, so that cells compile apart.
#pragma once

#include "seqfuse/recurrent_backward_impl.hpp"
#include "seqfuse/recurrent_forward_impl.hpp"
#include "seqfuse/recurrent_stream_impl.hpp"
#include "tiles.hpp"

namespace seqfuse {

template <class Cell, class T>
const RecurrentKernels<T>& kernels_of() {
  static const RecurrentKernels<T> kernels{&pack_weights<Cell, T>, &prepare_weights<Cell, T>, &forward<Cell, T>,
                                           &backward<Cell, T>,     &make_stream<Cell, T>,     &saved_size<Cell, T>};
  return kernels;
}

}  // namespace seqfuse
