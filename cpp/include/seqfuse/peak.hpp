// What these kernels could do at best on this machine.
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

bool has_openmp();
// The multiply-add peak of the calling core in FLOP/s, two for each multiply-add: the best of as many
// short rounds as fit into `seconds`, and of three at least.
template <class T>
double peak_flops(double seconds);

}  // namespace seqfuse
