// What these kernels could do at best on this machine.
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

bool has_openmp();
// The multiply-add peak of the calling core in FLOP/s, two for each multiply-add: the best of as many
// short rounds as fit into `seconds`, and of three at least.
template <class T>
double peak_flops(double seconds);

// How many bytes a second `threads` threads read together, each its share of a buffer of `bytes` bytes (at least 1, rounded
// up to whole blocks), over and over: the best of as many short rounds as fit into `seconds`, and of three at least. What
// fits into a cache is read from there. Takes the buffer: bad_alloc.
double read_bandwidth(Index bytes, int threads, double seconds);

}  // namespace seqfuse
