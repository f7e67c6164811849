// The one cost model: what threads and cancellation checks cost, how fast work is done, and so how many threads and
// pieces a call gets.
//
// A kernel says how much of what it does (Work); the model turns that into time on one core. Results never depend on
// what
// is decided here; a rate that is wrong by a factor of two moves a threshold and nothing more. All of it is integers:
// calls
// decide in the floating-point environment of their caller, whose exception flags stay as they are.
#pragma once

#include <algorithm>
#include <compare>
#include <limits>

#include "seqfuse/types.hpp"

namespace seqfuse::parallel {

// An amount of work, in a unit of which all rates below are whole: 40,960 of them are one ns of one core. Each rate
// follows
// from the measured amount of its work from which a second thread pays, which is 10 us: a region of two threads costs
// about 2 us.
struct Work {
  Index cost = 0;

  static constexpr Work multiply_adds(Index n) { return Work{n} * 1024; }    // in register tiles: pays from 400,000 on
  static constexpr Work exponentials(Index n) { return Work{n} * 25'000; }   // softmax, gelu, silu, dropout: 16,384
  static constexpr Work log_additions(Index n) { return Work{n} * 50'000; }  // CTC: 8,192 states
  static constexpr Work updates(Index n) { return Work{n} * 12'500; }        // Adam, normalization, activations: 32,768
  static constexpr Work moves(Index n) { return Work{n} * 6'250; }           // embedding, rotary: 65,536 numbers
  static constexpr Work packs(Index n) { return Work{n} * 3'125; }           // weights into panels: 131,072 numbers

  // Saturates instead of overflowing.
  friend constexpr Work operator*(Work work, Index times) {
    Index product = 0;
    if (__builtin_mul_overflow(work.cost, times, &product)) product = std::numeric_limits<Index>::max();
    return {product};
  }
  friend constexpr Work operator+(Work a, Work b) {
    Index sum = 0;
    if (__builtin_add_overflow(a.cost, b.cost, &sum)) sum = std::numeric_limits<Index>::max();
    return {sum};
  }
  friend constexpr Work operator/(Work work, Index parts) { return {work.cost / parts}; }
  friend constexpr auto operator<=>(Work, Work) = default;
};

// Work from which a second thread pays.
inline constexpr Work kRegionPays = Work::multiply_adds(400'000);
// A barrier costs 0.2 us when all cores are free. Sharing a step pays from 100,000 multiply-adds: 2.5 us for many
// rows, 12 us
// for one row, which is limited by reading the weights (8 multiply-adds per ns).
inline constexpr Work kBarrierPays = Work::multiply_adds(100'000);
// All threads on one key head of attention: two more regions per head, a few us, and threads that wait for each other.
inline constexpr Work kSharingPays = Work::multiply_adds(Index(1) << 24);
// Work between two cancellation checks: about 54 ms, which a user does not notice. Where `into` holds gradients, a
// call of
// several pieces adds to them once, so the number of pieces shows in the last bit.
inline constexpr Work kBetweenChecks = Work::multiply_adds(Index(1) << 31);
// The same where a check is between the steps of one row, which costs nothing: 5 ms.
inline constexpr Work kBetweenChecksOfSteps = Work::log_additions(Index(1) << 22);

// Returns max_threads, or 1 if a second thread would not pay.
constexpr int threads_for(Work work, int max_threads) { return work < kRegionPays ? 1 : max_threads; }

// Returns true if sharing a step among threads gains more than the barrier after it costs.
constexpr bool pays_barrier(Work step) { return step >= kBarrierPays; }

// Returns how many pieces of this work fit between two cancellation checks, at least one.
constexpr Index pieces_between_checks(Work piece) {
  return std::max<Index>(kBetweenChecks.cost / std::max<Index>(piece.cost, Work::multiply_adds(1).cost), 1);
}

}  // namespace seqfuse::parallel
