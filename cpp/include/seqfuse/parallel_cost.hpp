// The one cost model: what threads and cancellation checks cost, how fast work is done, and so how many threads and
// pieces a call gets.
//
// A kernel says how much of what it does (Work); the model turns that into nanoseconds of one core. Results never depend
// on what is decided here; a rate that is wrong by a factor of two moves a threshold and nothing more.
#pragma once

#include <algorithm>

#include "seqfuse/types.hpp"

namespace seqfuse::parallel {

// Work from which a second thread pays, in ns: a region of two threads costs about 2 us.
inline constexpr double kRegionPays = 10'000;

// Throughput of one core, per nanosecond. Each rate is the measured amount of its work from which a second thread pays,
// divided by kRegionPays.
inline constexpr double kMultiplyAddsPerNs = 40;      // in register tiles, from 400,000 on
inline constexpr double kExponentialsPerNs = 1.6384;  // softmax, gelu, silu, dropout: from 16,384 numbers on
inline constexpr double kLogAdditionsPerNs = 0.8192;  // CTC: from 8,192 states on
inline constexpr double kUpdatesPerNs = 3.2768;       // Adam, normalization, activations: from 32,768 numbers on
inline constexpr double kMovesPerNs = 6.5536;         // embedding, rotary: from 65,536 numbers on
inline constexpr double kPacksPerNs = 13.1072;        // weights into panels, bound by memory: from 131,072 numbers on
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
