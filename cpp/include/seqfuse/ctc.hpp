// What a caller of the CTC loss sees: minus the log of the probability that steps of logits spell labels.
#pragma once

#include <cstdint>

#include "seqfuse/cancellation_token.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

// Sequences of logits, and the labels that each is to spell.
template <class T>
struct CtcBatch {
  Index T_ = 0, B = 0, C = 0, S = 0;
  Steps<const T> logits;                        // (T, B, C)
  const unsigned char* real = nullptr;          // (T, B), 0 where a step is not real; none: all are
  Rows<const std::int64_t> labels;              // (B, S), the first label_lengths[b] in [0, C) and not blank
  const std::int64_t* label_lengths = nullptr;  // (B,), each in [0, S]
  Index blank = 0;                              // the class that says nothing
};

template <class T>
struct CtcForwardArgs {
  CtcBatch<T> batch;
  T* losses = nullptr;  // (B,) out; inf: no way to spell the labels, NaN: a real step whose softmax is NaN
  T* saved = nullptr;   // out, for backward: ctc_tape_size elements on a cache line; may be none
  int threads = 1;
  CancellationToken cancellation;
};

template <class T>
struct CtcBackwardArgs {
  CtcBatch<T> batch;           // as forward read it
  const T* losses = nullptr;   // (B,), as forward wrote it
  const T* saved = nullptr;    // as forward wrote it
  const T* dlosses = nullptr;  // (B,)
  Steps<T> dlogits;            // (T, B, C) overwritten; not logits
  int threads = 1;
  CancellationToken cancellation;
};

template <class T>
Index ctc_tape_size(const CtcBatch<T>& batch);

// False: stopped.
template <class T>
bool ctc_forward(const CtcForwardArgs<T>& args);
template <class T>
bool ctc_backward(const CtcBackwardArgs<T>& args);

}  // namespace seqfuse
