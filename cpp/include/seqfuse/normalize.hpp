// Layer and RMS normalization of rows (D,). Arguments and functions.
//
//     layer:  h = (x - mean(x)) * rstd     rstd = 1 / sqrt(mean((x - mean(x))^2) + epsilon)
//     RMS:    h = x * rstd                 rstd = 1 / sqrt(mean(x^2) + epsilon)
//     y = h * gamma + beta
//
// Layer normalization: Ba et al. 2016, arXiv:1607.06450. RMS normalization: Zhang and Sennrich 2019,
// arXiv:1910.07467.
#pragma once

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct NormalizeForwardArgs {
  Index N = 0, D = 0;
  Rows<const T> x;           // (N, D)
  const T* gamma = nullptr;  // (D,); null: ones
  const T* beta = nullptr;   // (D,); null: zeros
  double epsilon = 0;
  Rows<T> y;          // (N, D), written; may be x
  T* mean = nullptr;  // (N,), written; null: RMS normalization
  T* rstd = nullptr;  // (N,), written; negative if mean and rstd are those of a scaled row (normalize_impl.hpp)
  int threads = 1;
};

template <class T>
struct NormalizeBackwardArgs {
  Index N = 0, D = 0;
  Rows<const T> x;           // (N, D), the input of the forward
  Rows<const T> dy;          // (N, D)
  const T* gamma = nullptr;  // (D,); null: ones
  const T* mean = nullptr;   // (N,), as written by the forward; null: RMS normalization
  const T* rstd = nullptr;   // (N,), as written by the forward
  Rows<T> dx;                // (N, D), written; may be dy
  T* dgamma = nullptr;       // (D,), added to; null: not computed
  T* dbeta = nullptr;        // (D,), added to; null: not computed
  int threads = 1;
};

template <class T>
void normalize_forward(const NormalizeForwardArgs<T>& args);
template <class T>
void normalize_backward(const NormalizeBackwardArgs<T>& args);

}  // namespace seqfuse
