// Softmax of rows: a row is read for its maximum, read again for exp(x - maximum), which is written and summed, and what
// was written is scaled: once from memory, the rest from cache. Bound by the exponential, and by memory where it comes
// from there.
//
// -inf gives exactly 0; a row of nothing else is NaN, as 0 / 0 is. The greatest number of a row becomes exp(0), so that
// huge numbers overflow nowhere.
#pragma once

#include "seqfuse/lines.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/row_softmax.hpp"

namespace seqfuse {

namespace detail {

template <class T>
void softmax_row(const T* x, T* y, Index D) {
  using L = Line<T>;
  constexpr T kNothing = -std::numeric_limits<T>::infinity();
  const T high = greatest_of_row(x, D);
  const T sum = sums_of_lines<T, 1, 1>(D, [=](auto line, auto& sums) {
    const L e = exp_nonpositive(line.load(x, kNothing) - L::all(high));
    line.store(e, y);
    sums[0] = sums[0] + e;
  })[0];
  const T scale = T(1) / sum;
  for_each_line<T>(D, [=](auto line) { line.store(line.load(y) * L::all(scale), y); });
}

// forward: y[d] = exp(x[d]) / sum of exp(x)   =>   dx[d] = y[d] (dy[d] - sum of y dy)
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
    const Range share = share_of(args.N, thread, team);
    for (Index n = share.begin; n < share.end; ++n) detail::softmax_row(args.x.row(n), args.y.row(n), args.D);
  });
}

template <class T>
void softmax_backward(const SoftmaxBackwardArgs<T>& args) {
  const auto work = parallel::Work::exponentials(args.N * args.D);
  parallel::run(parallel::threads_for(work, args.threads), [&](int thread, int team) {
    const Range share = share_of(args.N, thread, team);
    for (Index n = share.begin; n < share.end; ++n)
      detail::softmax_row_backward(args.y.row(n), args.dy.row(n), args.dx.row(n), args.D);
  });
}

}  // namespace seqfuse
