// Embedding: rows of a table by index, y[n] = E[ids[n]]. Arguments and functions.
#pragma once

#include <cstdint>

#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct EmbeddingForwardArgs {
  Index N = 0, V = 0, D = 0;
  const std::int64_t* ids = nullptr;  // (N,); an id outside [0, V) is read as the nearest one inside
  Rows<const T> E;                    // (V, D)
  Rows<T> y;                          // (N, D), written; must not overlap E
  int threads = 1;
};

template <class T>
struct EmbeddingBackwardArgs {
  Index N = 0, V = 0, D = 0;
  const std::int64_t* ids = nullptr;  // (N,), the input of the forward
  Rows<const T> dy;                   // (N, D)
  Rows<T> dE;                         // (V, D), added to; must not overlap dy
  int threads = 1;
};

template <class T>
void embedding_forward(const EmbeddingForwardArgs<T>& args);
template <class T>
void embedding_backward(const EmbeddingBackwardArgs<T>& args);

}  // namespace seqfuse
