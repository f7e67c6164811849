// Softmax of rows, and its gradient.
//
// Each row x is read three times. The first pass finds its maximum. The second writes e = exp(x - maximum) to y and
// sums it. The third divides y by the sum. Only the first pass reads from memory; the others find the row in the
// cache. The speed is limited by the exponential, or by memory bandwidth if x is not in the cache.
//
// x = -inf gives exactly 0. A row that contains only -inf gives NaN, as 0 / 0 does. The maximum of a row becomes
// exp(0), so huge numbers do not overflow.
#pragma once

#include "seqfuse/lines.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/row_softmax.hpp"

namespace seqfuse {

namespace detail {

// Computes one row. y may be x.
template <class T>
void softmax_row(const T* x, T* y, Index D) {
  using L = Line<T>;
  constexpr T kPadding = -std::numeric_limits<T>::infinity();  // its exponential is 0
  const T row_max = greatest_of_row(x, D);
  const T sum = sums_of_lines<T, 1, 1>(D, [=](auto line, auto& sums) {
    const L e = exp_nonpositive(line.load(x, kPadding) - L::all(row_max));
    line.store(e, y);
    sums[0] = sums[0] + e;
  })[0];
  const T inv_sum = T(1) / sum;
  for_each_line<T>(D, [=](auto line) { line.store(line.load(y) * L::all(inv_sum), y); });
}

// forward: y[d] = exp(x[d]) / sum of exp(x)   =>   dx[d] = y[d] * (dy[d] - sum of y * dy)
template <class T>
void softmax_row_backward(const T* y, const T* dy, T* dx, Index D) {
  using L = Line<T>;
  const T dot = sums_of_lines<T, 1, 4>(
      D, [=](auto line, auto& sums) { sums[0] = madd(line.load(y), line.load(dy), sums[0]); })[0];
  for_each_line<T>(D, [=](auto line) { line.store(line.load(y) * (line.load(dy) - L::all(dot)), dx); });
}

}  // namespace detail

template <class T>
void softmax_forward(const SoftmaxForwardArgs<T>& args) {
  const auto work = parallel::Work::exponentials(args.N * args.D);
  parallel::run(parallel::threads_for(work, args.threads), [&](int thread, int team) {
    const Range part = share_of(args.N, thread, team);
    for (Index n = part.begin; n < part.end; ++n) detail::softmax_row(args.x.row(n), args.y.row(n), args.D);
  });
}

template <class T>
void softmax_backward(const SoftmaxBackwardArgs<T>& args) {
  const auto work = parallel::Work::exponentials(args.N * args.D);
  parallel::run(parallel::threads_for(work, args.threads), [&](int thread, int team) {
    const Range part = share_of(args.N, thread, team);
    for (Index n = part.begin; n < part.end; ++n)
      detail::softmax_row_backward(args.y.row(n), args.dy.row(n), args.dx.row(n), args.D);
  });
}

}  // namespace seqfuse
