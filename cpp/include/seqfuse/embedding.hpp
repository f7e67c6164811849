// What a caller of the embedding sees: rows of a table by their numbers.
//
//     y[n] = E[ids[n]]
#pragma once

#include <cstdint>

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct EmbeddingForwardArgs {
  Index N = 0, D = 0;
  const std::int64_t* ids = nullptr;  // (N,), each in [0, V)
  Rows<const T> E;                    // (V, D)
  Rows<T> y;                          // (N, D) out
  int threads = 1;
};

template <class T>
struct EmbeddingBackwardArgs {
  Index N = 0, D = 0;
  const std::int64_t* ids = nullptr;  // (N,), as forward read it
  Rows<const T> dy;                   // (N, D)
  Rows<T> dE;                         // (V, D), added to in the order of n
  int threads = 1;
};

template <class T>
void embedding_forward(const EmbeddingForwardArgs<T>& args);
template <class T>
void embedding_backward(const EmbeddingBackwardArgs<T>& args);

}  // namespace seqfuse
