// What a caller of scaled dot-product attention sees.
//
//     s = q . k * scale                        or softcap * tanh(that / softcap)
//     p = softmax over keys of (s + mask)      excluded keys left out; a query with none left has p = 0
//     y = sum over keys of dropout(p) v
#pragma once

#include <cstdint>

#include "seqfuse/cancellation_token.hpp"
#include "seqfuse/mask.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

// Hq is a multiple of Hk: query head h attends to key head h / group.
struct AttentionShape {
  Index B = 0, Hq = 0, Hk = 1, Tq = 0, Tk = 0, D = 0, Dv = 0;

  Index group() const { return Hq / Hk; }
};

// How scores are made of products.
template <class T>
struct AttentionOptions {
  T scale = 1;
  T softcap = 0;  // 0: none
  KeyInterval interval;
  AttentionMask<T> mask;
  double dropout = 0;  // the share of weights that is dropped, [0, 1)
  std::uint64_t seed = 0;

  // Whether queries differ in the keys that they may attend to.
  bool selects() const { return interval.by_position() || static_cast<bool>(mask); }
};

// Of every row (B, Hq, Tq) forward keeps the greatest score (-inf: nothing to attend to) and the reciprocal of the sum
// of exp(score - greatest): 0 where nothing is left. A log-sum-exp is too coarse for rows near the largest numbers.
template <class T>
struct AttentionForwardArgs {
  AttentionShape shape;
  Heads<const T> q, k, v;  // (B, Hq, Tq, D), (B, Hk, Tk, D), (B, Hk, Tk, Dv)
  AttentionOptions<T> options;
  Heads<T> y;                   // (B, Hq, Tq, Dv) out
  T* high_out = nullptr;        // (B, Hq, Tq) out; these three may be none
  T* reciprocal_out = nullptr;  // (B, Hq, Tq) out
  T* lse_out = nullptr;         // (B, Hq, Tq) out: log of the sum of exp(score)
  int threads = 1;
  CancellationToken cancellation;
};

template <class T>
struct AttentionBackwardArgs {
  AttentionShape shape;
  Heads<const T> q, k, v, y, dy;
  AttentionOptions<T> options;
  const T* high = nullptr;
  const T* reciprocal = nullptr;
  const T* dlse = nullptr;   // (B, Hq, Tq): gradient of high - log(reciprocal); or none
  Heads<T> dq_out;           // (B, Hq, Tq, D)
  Heads<T> dk_out, dv_out;   // (B, Hk, Tk, D), (B, Hk, Tk, Dv): zeros, written up to the lengths
  T* dmask_inout = nullptr;  // (B, Hq, Tq, Tk): zeros, written where a query attends; or none
  int threads = 1;
  CancellationToken cancellation;
};

// False: stopped.
template <class T>
bool attention_forward(const AttentionForwardArgs<T>& args);
template <class T>
bool attention_backward(const AttentionBackwardArgs<T>& args);

}  // namespace seqfuse
