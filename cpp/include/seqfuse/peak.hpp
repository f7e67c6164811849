// What these kernels could do at best on this machine: threads, lanes, multiply-adds a second.
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

bool has_openmp();
// CPUs that this process may use, and no more than OMP_NUM_THREADS.
int max_threads();
// Numbers in a packet.
template <class T>
Index lanes();
// The multiply-add peak of the calling core in FLOP/s, two for each multiply-add: the best of as many
// short rounds as fit into `seconds`, and of three at least.
template <class T>
double peak_flops(double seconds);

}  // namespace seqfuse
