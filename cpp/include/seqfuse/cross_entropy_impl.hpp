// Softmax and cross-entropy in one: a row is read twice forward (maximum, then sum of exp) and once
// backward, and no softmax is stored.
//
//     loss = mean over n of log(sum over c of exp(x[n][c] - high[n])) - (x[n][label[n]] - high[n])
//
// The sum over c runs in lanes of a line: class c belongs to lane c mod kLine.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "seqfuse/cross_entropy.hpp"
#include "seqfuse/lines.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse {

namespace cross_entropy {

template <class T>
T sum_of_exp(const T* x, Index C, T high) {
  constexpr T kNothing = -std::numeric_limits<T>::infinity();  // which adds nothing to a softmax
  return sums_of_lines<T, 1, 1>(
      C, [=](auto line, auto& sums) { sums[0] = sums[0] + exp(line.load(x, kNothing) - Line<T>::all(high)); })[0];
}

// The sum in pairs: the order depends on n alone.
inline double pairwise_sum(const double* x, Index n) {
  if (n == 1) return x[0];
  return pairwise_sum(x, n / 2) + pairwise_sum(x + n / 2, n - n / 2);
}

}  // namespace cross_entropy

template <class T>
double softmax_cross_entropy_forward(const CrossEntropyForwardArgs<T>& args) {
  if (args.N == 0) return 0;
  Buffer<double> loss(args.N);
  const auto work = parallel::Work::exponentials(args.N * args.C);
  parallel::run(parallel::threads_for(work, args.threads), [&](int thread, int team) {
    const Range share = share_of(args.N, thread, team);
    for (Index n = share.begin; n < share.end; ++n) {
      const T* x = args.logits.row(n);
      const T high = greatest_of_row(x, args.C), sum = cross_entropy::sum_of_exp(x, args.C, high);
      args.high[n] = high;
      args.scale[n] = T(1) / sum;
      loss[n] =
          std::log(static_cast<double>(sum)) - (static_cast<double>(x[args.labels[n]]) - static_cast<double>(high));
    }
  });
  return cross_entropy::pairwise_sum(loss.data(), args.N) / static_cast<double>(args.N);
}

// forward: loss = mean of log(sum of exp(x)) - x[label]   =>   dx = (softmax - onehot) * factor
template <class T>
void softmax_cross_entropy_backward(const CrossEntropyBackwardArgs<T>& args) {
  using V = Vec<T>;
  const V factor = V::all(static_cast<T>(args.factor));
  const auto work = parallel::Work::exponentials(args.N * args.C);
  parallel::run(parallel::threads_for(work, args.threads), [&](int thread, int team) {
    const Range share = share_of(args.N, thread, team);
    for (Index n = share.begin; n < share.end; ++n) {
      const T* x = args.logits.row(n);
      T* dx = args.dlogits.row(n);
      const V high = V::all(args.high[n]), scale = V::all(args.scale[n]);
      const Index label = args.labels[n];
      // The label's own, first: dx may be x.
      const V right = (exp(V::all(x[label]) - high) * scale - V::all(T(1))) * factor;
      for (Index c = 0; c < args.C; c += V::kSize) {
        const V softmax = exp(V::load_first(x + c, args.C - c) - high) * scale;
        (softmax * factor).store_first(dx + c, args.C - c);
      }
      right.store_first(dx + label, 1);
    }
  });
}

}  // namespace seqfuse
