// The one cost model: what threads and cancellation checks cost, how fast work is done, and so how many threads and
// pieces a call gets.
//
// A kernel says how much of what it does (Work); the model turns that into nanoseconds of one core. Results never depend
// on what is decided here. Figures are for float32 on Zen 4 and Sapphire Rapids with AVX2 or AVX-512; they may be wrong
// by a factor of two elsewhere, which moves a threshold and nothing more.
#pragma once

#include <algorithm>

#include "seqfuse/types.hpp"

namespace seqfuse::parallel {

// Throughput of one core, per nanosecond.
inline constexpr double kMultiplyAddsPerNs = 40;  // in register tiles: 0.98 of the peak is 50 at best, short sums less
inline constexpr double kExponentialsPerNs = 1.6384;  // exp, gelu, silu, four words of Philox: 0.5 to 0.8 ns a number
inline constexpr double kLogAdditionsPerNs = 0.8192;  // CTC: a logarithm and two or three exponentials of a lane
inline constexpr double kUpdatesPerNs = 3.2768;  // Adam, layer normalization, an activation: 0.25 to 0.3 ns a number
inline constexpr double kMovesPerNs = 6.5536;    // embedding, rotary: a number is read and written
// Weights into panels. 128k numbers take about 30 us, but below that a second thread does not pay: bound by memory.
inline constexpr double kPacksPerNs = 13.1072;

// A region of two threads costs about 2 us; below five times that of work a second thread gains nothing.
inline constexpr double kRegionPays = 10'000;
// A barrier costs 0.2 us where all cores are free. Worth it for a step of 2.5 us in tiles, which is 12 us where one row
// reads weights at 8 multiply-adds a ns.
inline constexpr double kBarrierPays = 2'500;
// All threads on one key head of attention: two more regions per head, a few us, and threads that wait for each other.
inline constexpr double kSharingPays = 419'430;
// Work between two cancellation checks: about 54 ms, which a user does not notice. A power of two of multiply-adds: where
// `into` holds gradients, a call of several pieces adds to them once, so the number of pieces shows in the last bit.
inline constexpr double kBetweenChecks = 0x1p31 / kMultiplyAddsPerNs;
// The same where a check is between the steps of one row, which costs nothing: 5 ms.
inline constexpr double kBetweenChecksOfSteps = 5'120'000;

// An amount of work in the units of its loops, in ns of one core.
struct Work {
  double ns = 0;

  static constexpr Work multiply_adds(double n) { return {n / kMultiplyAddsPerNs}; }
  static constexpr Work exponentials(double n) { return {n / kExponentialsPerNs}; }
  static constexpr Work log_additions(double n) { return {n / kLogAdditionsPerNs}; }
  static constexpr Work updates(double n) { return {n / kUpdatesPerNs}; }
  static constexpr Work moves(double n) { return {n / kMovesPerNs}; }
  static constexpr Work packs(double n) { return {n / kPacksPerNs}; }

  friend constexpr Work operator*(Work work, double times) { return {work.ns * times}; }
};

// All of them, or one where a second thread does not pay.
constexpr int threads_for(Work work, int max_threads) { return work.ns < kRegionPays ? 1 : max_threads; }

// Whether threads that share each of many steps gain more than meeting after each of them costs.
constexpr bool pays_barrier(Work step) { return step.ns >= kBarrierPays; }

// Pieces of that much work between two cancellation checks, at least one.
constexpr Index pieces_between_checks(Work piece) {
  return static_cast<Index>(std::max(kBetweenChecks / std::max(piece.ns, 1 / kMultiplyAddsPerNs), 1.0));
}

}  // namespace seqfuse::parallel
