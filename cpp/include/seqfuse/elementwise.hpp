// The elementary functions of simd.hpp over an array, for tests of their accuracy on each instruction set.
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

enum class Elementary { kExp, kTanh, kSigmoid };

// out[i] = f(x[i]) for i < n, denormals flushed as in every kernel; out may be x.
template <class T>
void elementwise(Elementary f, const T* x, T* out, Index n);

}  // namespace seqfuse
