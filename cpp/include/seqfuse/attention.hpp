// Scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762): arguments and functions.
//
//     s = score_scale * q . k          or softcap * tanh(score_scale * q . k / softcap)
//     p = softmax over keys of (s + mask)
//     y = sum over keys of dropout(p) * v
//
// Excluded keys take no part in the softmax. A query that may attend to no key has p = 0 and y = 0.
#pragma once

#include <cstdint>

#include "seqfuse/cancellation_token.hpp"
#include "seqfuse/mask.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

// Hq is a multiple of Hk: query head h attends to key head h / group().
struct AttentionShape {
  Index B = 0;   // batch rows
  Index Hq = 0;  // query heads
  Index Hk = 1;  // key heads
  Index Tq = 0;  // queries
  Index Tk = 0;  // keys
  Index D = 0;   // features of a query or key
  Index Dv = 0;  // features of a value

  Index group() const { return Hq / Hk; }
};

// How scores are computed from q . k, which keys are excluded, and dropout of the weights p.
template <class T>
struct AttentionOptions {
  T score_scale = 1;
  T softcap = 0;  // 0: no softcap
  KeyInterval interval;
  AttentionMask<T> mask;
  double dropout = 0;      // fraction of the weights that is dropped, in [0, 1)
  std::uint64_t seed = 0;  // key of the random numbers of dropout

  // Returns true if the keys that a query may attend to depend on the query.
  bool keys_depend_on_query() const { return interval.depends_on_query() || static_cast<bool>(mask); }
};

// Arguments of attention_forward. No output overlaps an input or another output.
//
// For each query, forward can store row_max, its largest score, and inv_sum = 1 / sum of exp(score - row_max), for
// the backward. A query that may attend to no key has row_max = -inf and inv_sum = 0. The backward does not use lse =
// row_max - log(inv_sum) instead: if row_max is huge, rounding removes the logarithm from the difference.
template <class T>
struct AttentionForwardArgs {
  AttentionShape shape;
  Heads<const T> q;  // (B, Hq, Tq, D)
  Heads<const T> k;  // (B, Hk, Tk, D)
  Heads<const T> v;  // (B, Hk, Tk, Dv)
  AttentionOptions<T> options;
  Heads<T> y;                // (B, Hq, Tq, Dv), written
  T* row_max_out = nullptr;  // (B, Hq, Tq), contiguous; null: not stored
  T* inv_sum_out = nullptr;  // (B, Hq, Tq), contiguous; null: not stored
  T* lse_out = nullptr;      // (B, Hq, Tq), contiguous: log of the sum of exp(score); null: not stored
  int threads = 1;
  CancellationToken cancellation;
};

// Arguments of attention_backward. No output overlaps an input or another output.
template <class T>
struct AttentionBackwardArgs {
  AttentionShape shape;
  Heads<const T> q, k, v, y;  // inputs of the forward, and its output y
  Heads<const T> dy;          // (B, Hq, Tq, Dv)
  AttentionOptions<T> options;
  const T* row_max = nullptr;  // (B, Hq, Tq), as stored by the forward
  const T* inv_sum = nullptr;  // (B, Hq, Tq), as stored by the forward
  const T* dlse = nullptr;     // (B, Hq, Tq): gradient of lse; null: zeros
  Heads<T> dq_out;             // (B, Hq, Tq, D)
  Heads<T> dk_out;             // (B, Hk, Tk, D): zeros on entry; keys from lengths[b] on are not written
  Heads<T> dv_out;             // (B, Hk, Tk, Dv): zeros on entry; keys from lengths[b] on are not written
  T* dmask_inout = nullptr;    // (B, Hq, Tq, Tk): zeros on entry; excluded keys are not changed; null: not computed
  int threads = 1;
  CancellationToken cancellation;
};

// Both functions return false if the call was cancelled. The outputs are then undefined.
template <class T>
bool attention_forward(const AttentionForwardArgs<T>& args);
template <class T>
bool attention_backward(const AttentionBackwardArgs<T>& args);

}  // namespace seqfuse
