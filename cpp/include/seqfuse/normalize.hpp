// What a caller of layer and RMS normalisation sees: rows (D,) moved and scaled, then weighed by column.
//
//     layer:  h = (x - mean(x)) * scale     scale = 1 / sqrt(mean((x - mean(x))^2) + epsilon)
//     RMS:    h = x * scale                 scale = 1 / sqrt(mean(x^2) + epsilon)
//     y = h * gamma + beta
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct NormalizeForwardArgs {
  Index N = 0, D = 0;
  Rows<const T> x;                            // (N, D)
  const T *gamma = nullptr, *beta = nullptr;  // (D,); none: ones, zeros
  double epsilon = 0;
  Rows<T> y;           // (N, D) out; may be x
  T* mean = nullptr;   // (N,) out; none: RMS
  T* scale = nullptr;  // (N,) out
  int threads = 1;
};

template <class T>
struct NormalizeBackwardArgs {
  Index N = 0, D = 0;
  Rows<const T> x, dy;                        // (N, D); x as forward read it
  const T* gamma = nullptr;                   // (D,); none: ones
  const T *mean = nullptr, *scale = nullptr;  // (N,), as forward wrote them; no mean: RMS
  Rows<T> dx;                                 // (N, D) overwritten; may be dy
  T *dgamma = nullptr, *dbeta = nullptr;      // (D,) added to; may be none
  int threads = 1;
};

template <class T>
void normalize_forward(const NormalizeForwardArgs<T>& args);
template <class T>
void normalize_backward(const NormalizeBackwardArgs<T>& args);

}  // namespace seqfuse
