// Measures the peak performance of this machine: multiply-adds and read bandwidth.
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

// Returns true if the kernels were compiled with OpenMP.
bool has_openmp();
// Measures the multiply-add peak of the calling core in FLOP/s; one multiply-add counts as two. Returns the best of
// several short rounds, which take `seconds` in total. There are at least three rounds.
template <class T>
double peak_flops(double seconds);

// Measures how many bytes per second `threads` threads read together from a buffer of `bytes` >= 1 bytes, rounded up to
// whole blocks. Each thread reads its share repeatedly, so that a buffer that fits into a cache is read from the cache.
// Returns the best of several short rounds, as peak_flops does. Throws bad_alloc if the buffer cannot be allocated.
double read_bandwidth(Index bytes, int threads, double seconds);

}  // namespace seqfuse
