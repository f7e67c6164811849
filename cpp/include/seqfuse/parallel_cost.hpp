// Cost model: decides how many threads a call uses and how often it checks for cancellation.
//
// A kernel states the kind and amount of its operations (Work). The model converts them to time on one core. Its
// decisions do not affect results. A rate that is wrong by a factor of two only moves a threshold.
//
// All arithmetic is in integers. The model runs in the caller's floating-point environment, and the caller's exception
// flags must not change.
#pragma once

#include <algorithm>
#include <compare>
#include <limits>

#include "seqfuse/types.hpp"

namespace seqfuse::parallel {

// An amount of work. The unit is 1/40,960 ns of one core, which makes all rates below integers.
//
// Each rate was derived from a measurement: the smallest number of operations for which a second thread pays. That
// amount of work takes about 10 us. A region of two threads costs about 2 us.
struct Work {
  Index cost = 0;

  static constexpr Work multiply_adds(Index n) {
    return Work{n} * 1024;
  }  // in register tiles: a second thread pays from 400,000
  static constexpr Work exponentials(Index n) { return Work{n} * 25'000; }   // softmax, gelu, silu, dropout: 16,384
  static constexpr Work log_additions(Index n) { return Work{n} * 50'000; }  // CTC: 8,192 states
  static constexpr Work updates(Index n) { return Work{n} * 12'500; }        // Adam, normalization, activations: 32,768
  static constexpr Work moves(Index n) { return Work{n} * 6'250; }           // embedding, rotary: 65,536 numbers
  static constexpr Work packs(Index n) { return Work{n} * 3'125; }           // packing of weights: 131,072 numbers

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

// Smallest amount of work for which a second thread pays.
inline constexpr Work kRegionPays = Work::multiply_adds(400'000);
// Smallest step that is shared among threads. A barrier costs 0.2 us if all cores are idle. Sharing pays from 100,000
// multiply-adds, which take 2.5 us with many rows. With one row they take 12 us (8 multiply-adds per ns), because
// reading the weights limits the speed.
inline constexpr Work kBarrierPays = Work::multiply_adds(100'000);
// Smallest key head of attention that all threads share. Sharing adds two regions per head, a few us, and the threads
// wait for each other.
inline constexpr Work kSharingPays = Work::multiply_adds(Index(1) << 24);
// Work between two cancellation checks: about 54 ms, which a user does not notice.
//
// A call is cut into pieces at the checks. If it accumulates into existing gradients and has several pieces, it sums
// the pieces first and adds the sum once. The number of pieces can therefore change the last bit.
inline constexpr Work kBetweenChecks = Work::multiply_adds(Index(1) << 31);
// Work between two checks that lie between the steps of one sequence: 5 ms. These checks do not cut the call into
// pieces.
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
