// Softmax and cross-entropy in one kernel. For each row n with logits x:
//
//     row_max = max over c of x[c]
//     sum     = sum over c of exp(x[c] - row_max)
//     loss    = log(sum) - (x[label] - row_max)            averaged over n
//
// The forward reads each row twice, for the maximum and for the sum. The backward reads it once. The softmax is not
// stored. The sum over c has one lane for each number of a cache line, and class c is added to lane c mod kLine, so
// the bits do not depend on the instruction set.
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
T sum_of_exp(const T* x, Index C, T row_max) {
  constexpr T kPadding = -std::numeric_limits<T>::infinity();  // its exponential is 0
  return sums_of_lines<T, 1, 1>(
      C, [=](auto line, auto& sums) { sums[0] = sums[0] + exp(line.load(x, kPadding) - Line<T>::all(row_max)); })[0];
}

// Returns the pairwise sum of n numbers. The order of the additions depends on n only.
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
    const Range part = share_of(args.N, thread, team);
    for (Index n = part.begin; n < part.end; ++n) {
      const T* x = args.logits.row(n);
      const T row_max = greatest_of_row(x, args.C), sum = cross_entropy::sum_of_exp(x, args.C, row_max);
      args.row_max[n] = row_max;
      args.inv_sum[n] = T(1) / sum;
      loss[n] =
          std::log(static_cast<double>(sum)) - (static_cast<double>(x[args.labels[n]]) - static_cast<double>(row_max));
    }
  });
  return cross_entropy::pairwise_sum(loss.data(), args.N) / static_cast<double>(args.N);
}

// forward: loss = mean of log(sum of exp(x)) - x[label]   =>   dx = (softmax(x) - onehot(label)) * factor
template <class T>
void softmax_cross_entropy_backward(const CrossEntropyBackwardArgs<T>& args) {
  using V = Vec<T>;
  const V factor = V::all(static_cast<T>(args.factor));
  const auto work = parallel::Work::exponentials(args.N * args.C);
  parallel::run(parallel::threads_for(work, args.threads), [&](int thread, int team) {
    const Range part = share_of(args.N, thread, team);
    for (Index n = part.begin; n < part.end; ++n) {
      const T* x = args.logits.row(n);
      T* dx = args.dlogits.row(n);
      const V row_max = V::all(args.row_max[n]), inv_sum = V::all(args.inv_sum[n]);
      const Index label = args.labels[n];
      // Computed before the loop, which may overwrite x[label]: dx may be x.
      const V dx_label = (exp(V::all(x[label]) - row_max) * inv_sum - V::all(T(1))) * factor;
      for (Index c = 0; c < args.C; c += V::kSize) {
        const V softmax = exp(V::load_first(x + c, args.C - c) - row_max) * inv_sum;
        (softmax * factor).store_first(dx + c, args.C - c);
      }
      dx_label.store_first(dx + label, 1);
    }
  });
}

}  // namespace seqfuse
