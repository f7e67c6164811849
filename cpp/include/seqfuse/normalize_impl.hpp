// Layer and RMS normalization, and their gradients.
//
// Each row is read from memory once, and then from the first-level cache. The forward reads it for its mean, for its
// variance, and for y. The backward reads it for two sums and for dx.
//
// The rounding error of a mean is as large as the deviations from it if a row is nearly constant, and rstd would amplify
// it. Such a row is read once more, for the mean of x - mean, which corrects mean and variance. h of a constant row is
// exactly 0.
//
// Squares of numbers above 1e19 overflow in float. If a sum of squares is not finite, the row is first multiplied by
// kRowScale. The saved statistics are then those of the scaled row, and the sign of rstd is negative.
//
// The speed is limited by memory bandwidth: two numbers per element in the forward, three in the backward. Rows of
// 1024 floats in memory take 1.4 times as long as a copy of them. In the second-level cache they take 0.25 ns per
// number.
#pragma once

#include <cmath>

#include "seqfuse/column_sums_impl.hpp"
#include "seqfuse/lines.hpp"
#include "seqfuse/normalize.hpp"

namespace seqfuse {

namespace detail {

// Returns weights (D,) extended to whole cache lines. Fills the rest with default_value, or everything if weights is
// null.
template <class T>
Buffer<T> whole_lines(const T* weights, Index D, T default_value) {
  Buffer<T> lines(round_up(D, kLine<T>));
  std::fill_n(lines.data(), lines.size(), default_value);
  if (weights != nullptr) std::copy_n(weights, D, lines.data());
  return lines;
}

// The factor of rows whose squares overflow, a power of two. The squares of the largest numbers fit then, and those of
// the numbers that matter in such a row do not underflow.
template <class T>
inline constexpr T kRowScale = sizeof(T) == sizeof(float) ? T(0x1p-80) : T(0x1p-600);

template <class T>
struct RowStatistics {
  T mean, variance;
};

// A row whose variance is at most this times the square of its mean is nearly constant.
template <class T>
inline constexpr T kNearlyConstant = sizeof(T) == sizeof(float) ? T(0x1p-16) : T(0x1p-60);

// Corrects the statistics of a nearly constant row by the mean of the deviations from the rounded mean.
template <class T>
[[gnu::noinline]] RowStatistics<T> correct_statistics(const T* x, Index D, RowStatistics<T> statistics) {
  const T mean = statistics.mean;
  // The lanes after the end of the row are filled with the mean, so that they add 0 to the sum.
  const T correction =
      sums_of_lines<T, 1, 4>(
          D, [=](auto line, auto& sums) { sums[0] = sums[0] + (line.load(x, mean) - Line<T>::all(mean)); })[0] /
      T(D);
  return {mean + correction, std::max(statistics.variance - correction * correction, T(0))};
}

// Returns the mean and the variance of x (D,) or, if not kCentered, 0 and the mean square.
template <class T, bool kCentered>
[[gnu::always_inline]] inline RowStatistics<T> row_statistics(const T* x, Index D) {
  using L = Line<T>;
  T mean = 0;
  if constexpr (kCentered)
    mean = sums_of_lines<T, 1, 4>(D, [=](auto line, auto& sums) { sums[0] = sums[0] + line.load(x); })[0] / T(D);
  // The lanes after the end of the row are filled with the mean, so that they add 0 to the variance.
  const T squares = sums_of_lines<T, 1, 4>(D, [=](auto line, auto& sums) {
    const L deviation = kCentered ? line.load(x, mean) - L::all(mean) : line.load(x);
    sums[0] = madd(deviation, deviation, sums[0]);
  })[0];
  const RowStatistics<T> statistics{mean, squares / T(D)};
  if (kCentered && statistics.variance <= mean * mean * kNearlyConstant<T>) return correct_statistics(x, D, statistics);
  return statistics;
}

// Writes x (D,) times kRowScale to `scaled` and returns it.
template <class T>
const T* scale_row(const T* x, Index D, T* scaled) {
  for (Index d = 0; d < D; ++d) scaled[d] = x[d] * kRowScale<T>;
  return scaled;
}

// Returns 1 / sqrt(square). The only row with square = 0 is a constant one with epsilon = 0, of which h is 0.
template <class T>
T inverse_root(T square) {
  return square == T(0) ? T(0) : T(1) / std::sqrt(square);
}

// Writes y = (x - mean) * rstd * gamma + beta (D,).
template <class T, bool kCentered>
[[gnu::always_inline]] inline void write_normalized(const T* x, Index D, T mean, T rstd, const T* gamma, const T* beta,
                                                    T* y) {
  using L = Line<T>;
  for_each_line<T>(D, [=](auto line) {
    const L h = (kCentered ? line.load(x) - L::all(mean) : line.load(x)) * L::all(rstd);
    line.store(madd(h, L::load(gamma + line.c), L::load(beta + line.c)), y);
  });
}

// Computes row n from the row times kRowScale. `scratch` (D,) is overwritten.
template <class T, bool kCentered>
[[gnu::noinline]] void normalize_scaled_row(const NormalizeForwardArgs<T>& args, const T* gamma, const T* beta, Index n,
                                            T* scratch) {
  const T* x = scale_row(args.x.row(n), args.D, scratch);
  const auto [mean, variance] = row_statistics<T, kCentered>(x, args.D);
  const T rstd = inverse_root(variance + static_cast<T>(args.epsilon) * kRowScale<T> * kRowScale<T>);
  if constexpr (kCentered) args.mean[n] = mean;
  args.rstd[n] = -rstd;
  write_normalized<T, kCentered>(x, args.D, mean, rstd, gamma, beta, args.y.row(n));
}

// Computes row n. kCentered: layer normalization, otherwise RMS normalization. gamma and beta are whole cache lines.
// `scratch` (D,) is overwritten.
template <class T, bool kCentered>
void normalize_row(const NormalizeForwardArgs<T>& args, const T* gamma, const T* beta, Index n, T* scratch) {
  const T* x = args.x.row(n);
  const auto [mean, variance] = row_statistics<T, kCentered>(x, args.D);
  if (!std::isfinite(variance)) return normalize_scaled_row<T, kCentered>(args, gamma, beta, n, scratch);
  const T rstd = inverse_root(variance + static_cast<T>(args.epsilon));
  if constexpr (kCentered) args.mean[n] = mean;
  args.rstd[n] = rstd;
  write_normalized<T, kCentered>(x, args.D, mean, rstd, gamma, beta, args.y.row(n));
}

// forward: h = (x - mean) * rstd, y = h * gamma + beta
//   =>     g = dy * gamma, dx = rstd * (g - mean(g) - h * mean(g * h)), dgamma = sum of dy * h, dbeta = sum of dy
//
// RMS normalization has no mean and no mean(g). If kSums, adds to the sums of dgamma and, one row of whole lines
// later, of dbeta. `scratch` (D,) is overwritten.
template <class T, bool kCentered, bool kSums>
void normalize_row_backward(const NormalizeBackwardArgs<T>& args, const T* gamma, Index n, T* sums, T* scratch) {
  using L = Line<T>;
  const Index D = args.D, width = round_up(D, kLine<T>);
  const T *x = args.x.row(n), *dy = args.dy.row(n);
  T* dx = args.dx.row(n);
  const bool scaled = std::signbit(args.rstd[n]);
  const T mean = kCentered ? args.mean[n] : T(0), rstd = std::abs(args.rstd[n]);
  const T slope = scaled ? rstd * kRowScale<T> : rstd;  // of h with respect to x
  if (scaled) x = scale_row(x, D, scratch);
  // The lanes after the end of the row are filled with the mean: 0 - mean could overflow, and inf * 0 is NaN.
  const auto normalized = [=](auto line) {
    return (kCentered ? line.load(x, mean) - L::all(mean) : line.load(x)) * L::all(rstd);
  };
  const auto [sum_g, sum_gh] = sums_of_lines<T, 2, 2>(D, [=](auto line, auto& row_sums) {
    const L h = normalized(line), d = line.load(dy), g = d * L::load(gamma + line.c);
    if (kCentered) row_sums[0] = row_sums[0] + g;
    row_sums[1] = madd(g, h, row_sums[1]);
    if constexpr (kSums) {
      T *dgamma = sums + line.c, *dbeta = dgamma + width;
      madd(d, h, L::load(dgamma)).store(dgamma);
      if (kCentered) (d + L::load(dbeta)).store(dbeta);
    }
  });
  const T mean_g = sum_g / T(D), mean_gh = sum_gh / T(D);
  for_each_line<T>(D, [=](auto line) {
    const L h = normalized(line), g = line.load(dy) * L::load(gamma + line.c);
    line.store(((kCentered ? g - L::all(mean_g) : g) - h * L::all(mean_gh)) * L::all(slope), dx);
  });
}

}  // namespace detail

template <class T>
void normalize_forward(const NormalizeForwardArgs<T>& args) {
  const Buffer<T> gamma = detail::whole_lines(args.gamma, args.D, T(1));
  const Buffer<T> beta = detail::whole_lines(args.beta, args.D, T(0));
  const auto row = args.mean ? detail::normalize_row<T, true> : detail::normalize_row<T, false>;
  const int threads = parallel::threads_for(parallel::Work::updates(args.N * args.D), args.threads);
  Buffer<T> scratch(checked_product({threads, args.D}));
  parallel::run(threads, [&](int thread, int team) {
    const Range part = share_of(args.N, thread, team);
    for (Index n = part.begin; n < part.end; ++n)
      row(args, gamma.data(), beta.data(), n, scratch.data() + thread * args.D);
  });
}

template <class T>
void normalize_backward(const NormalizeBackwardArgs<T>& args) {
  const Buffer<T> gamma = detail::whole_lines(args.gamma, args.D, T(1));
  const bool needs_sums = args.dgamma != nullptr || args.dbeta != nullptr;
  const Index width = round_up(args.D, kLine<T>);
  Buffer<T> sums(needs_sums ? 2 * width : 0);
  sums.fill_zero();
  const auto row = args.mean    ? needs_sums ? detail::normalize_row_backward<T, true, true>
                                             : detail::normalize_row_backward<T, true, false>
                   : needs_sums ? detail::normalize_row_backward<T, false, true>
                                : detail::normalize_row_backward<T, false, false>;
  const int threads = parallel::threads_for(parallel::Work::updates(args.N * args.D), args.threads);
  Buffer<T> scratch(checked_product({threads, args.D}));
  sum_over_rows(args.N, sums.size(), sums.data(), threads, [&](Index n, T* row_sums, int thread) {
    row(args, gamma.data(), n, row_sums, scratch.data() + thread * args.D);
  });
  parallel::run(1, [&](int, int) {
    for (Index c = 0; args.dgamma != nullptr && c < args.D; ++c) args.dgamma[c] += sums[c];
    for (Index c = 0; args.dbeta != nullptr && c < args.D; ++c) args.dbeta[c] += sums[width + c];
  });
}

}  // namespace seqfuse
