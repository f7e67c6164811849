// CTC loss: -log of the probability that a sequence of logits spells the labels. Arguments and functions.
#pragma once

#include <cstdint>

#include "seqfuse/cancellation_token.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

// Sequences of logits, and the labels that each sequence has to spell. S is the maximum number of labels.
template <class T>
struct CtcBatch {
  Index T_ = 0, B = 0, C = 0, S = 0;
  Steps<const T> logits;                        // (T, B, C)
  const unsigned char* valid = nullptr;         // (T, B): 0 for padding; null: all steps are valid
  Rows<const std::int64_t> labels;              // (B, S): the first label_lengths[b] are in [0, C) and not blank
  const std::int64_t* label_lengths = nullptr;  // (B,), each in [0, S]
  Index blank = 0;                              // the class that spells nothing
};

template <class T>
struct CtcForwardArgs {
  CtcBatch<T> batch;
  T* losses = nullptr;  // (B,), written: inf if no path spells the labels, NaN if the softmax of a valid step is NaN
  T* saved = nullptr;   // written: tape of ctc_tape_size() numbers, aligned to a cache line; null: not stored
  int threads = 1;
  CancellationToken cancellation;
};

template <class T>
struct CtcBackwardArgs {
  CtcBatch<T> batch;           // as in the forward
  const T* losses = nullptr;   // (B,), as written by the forward
  const T* saved = nullptr;    // as written by the forward
  const T* dlosses = nullptr;  // (B,)
  Steps<T> dlogits;            // (T, B, C), written; must not be logits
  int threads = 1;
  CancellationToken cancellation;
};

// Returns the number of elements of the tape.
template <class T>
Index ctc_tape_size(const CtcBatch<T>& batch);

// Both functions return false if the call was cancelled. The outputs are then undefined.
template <class T>
bool ctc_forward(const CtcForwardArgs<T>& args);
template <class T>
bool ctc_backward(const CtcBackwardArgs<T>& args);

}  // namespace seqfuse
