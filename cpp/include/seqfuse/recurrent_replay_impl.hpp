// Gives access to the saved values of every step. They are on the tape, or are recomputed from its checkpoints.
//
// A tape of checkpoints holds the states before every k-th step, in processing order. The k steps from one checkpoint
// to the next are a chunk. Forward recomputes the values of a chunk with the same bits. The last chunks are kept in a
// ring buffer, so that a caller that goes through the steps in either direction recomputes each chunk once.
#pragma once

#include <vector>

#include "seqfuse/recurrent_forward_impl.hpp"

namespace seqfuse {

template <class T>
class Replay {
 public:
  // The values of a chunk. Step t is at index t - steps.begin of y and saved.
  struct Chunk {
    Range steps;
    Steps<const T> y;      // (steps, B, H)
    const T* saved;        // (steps, blocks, B, values, lanes)
    Rows<const T> h0, c0;  // (B, H): the states before its first step in processing order
  };

  // `window` is the largest number of consecutive steps that a caller passes to `require`.
  Replay(const CellKernels<T>& cell, const Weights<T>& weights, const Tape<T>& tape, Index window, int threads,
         const CancellationToken& cancellation)
      : cell_(cell),
        states_(cell.constants.states),
        tape_(tape),
        seq_(tape.sequence),
        cancellation_(cancellation),
        threads_(threads),
        H_(weights.H),
        values_(CellLayout<T>{cell.constants, H_}.saved(weights.options)),
        step_size_(saved_of_step(cell.constants, weights.options, seq_.B, H_)),
        k_(tape.checkpoint > 0 ? tape.checkpoint : std::max<Index>(seq_.T_, 1)),
        zeros_(H_) {
    zeros_.fill_zero();
    if (tape.checkpoint == 0) return;
    const Index chunks = divide_up(seq_.T_, k_), slots = std::min((window - 1) / k_ + 2, chunks);
    chunk_in_slot_.assign(static_cast<std::size_t>(slots), -1);
    packed_ = prepare_weights(cell.constants, weights, false, threads);
    const Index steps = std::min(slots * k_, seq_.T_);
    y_ = Buffer<T>(checked_product({steps, seq_.B, H_}));
    saved_ = Buffer<T>(checked_product({steps, step_size_}));
    h_ = Buffer<T>(checked_product({seq_.B, H_}));
    if (states_ > 0) c_ = Buffer<T>(h_.size());
  }

  Index values() const { return values_; }        // number of saved values per unit
  Index step_size() const { return step_size_; }  // elements of `saved` per step

  // Makes the chunks of these steps available, and may discard others. Returns false if the call was cancelled.
  bool require(Range steps) {
    if (tape_.checkpoint == 0) return true;
    const Index a = chunk_of(steps.begin), b = chunk_of(steps.end - 1);
    for (Index c = std::max(a, b); c >= std::min(a, b); --c) {
      Index& chunk_in_slot = chunk_in_slot_[static_cast<std::size_t>(slot(c))];
      if (chunk_in_slot == c) continue;
      chunk_in_slot = -1;
      if (!recompute(c)) return false;
      chunk_in_slot = c;
    }
    return true;
  }

  // Returns the chunk of step t. `require` must have made it available.
  Chunk chunk(Index t) const {
    if (tape_.checkpoint == 0) {
      const Rows<const T> zeros{zeros_.data(), 0};
      return {{0, seq_.T_}, tape_.y, tape_.saved, seq_.h0 ? seq_.h0 : zeros, seq_.c0 ? seq_.c0 : zeros};
    }
    const Index c = chunk_of(t), first = slot(c) * k_;
    return {steps_of(c),
            {y_.data() + first * seq_.B * H_, seq_.B * H_, H_},
            saved_.data() + first * step_size_,
            checkpoint(c, 0),
            checkpoint(c, states_)};
  }

 private:
  Index chunk_of(Index t) const { return (seq_.reverse ? seq_.T_ - 1 - t : t) / k_; }
  Index slot(Index c) const { return c % static_cast<Index>(chunk_in_slot_.size()); }
  Range steps_of(Index c) const {
    const Range read{c * k_, std::min((c + 1) * k_, seq_.T_)};
    return seq_.reverse ? Range{seq_.T_ - read.end, seq_.T_ - read.begin} : read;
  }
  // Returns state s (0: h, 1: c) of checkpoint c, (B, H).
  Rows<const T> checkpoint(Index c, Index s) const { return {tape_.saved + (c * (1 + states_) + s) * seq_.B * H_, H_}; }

  // Runs forward over chunk c. Returns false if the call was cancelled.
  bool recompute(Index c) {
    const Range steps = steps_of(c);
    const Index first = slot(c) * k_;
    ForwardArgs<T> args;
    args.sequence = seq_;
    args.sequence.T_ = steps.size();
    args.sequence.x.data += steps.begin * seq_.x.stride_t;
    if (seq_.valid != nullptr) args.sequence.valid += steps.begin * seq_.B;
    args.sequence.h0 = checkpoint(c, 0);
    if (states_ > 0) args.sequence.c0 = checkpoint(c, 1);
    args.y = {y_.data() + first * seq_.B * H_, seq_.B * H_, H_};
    args.h = {h_.data(), H_}, args.c = {c_.data(), H_};
    args.saved = saved_.data() + first * step_size_;
    args.threads = threads_, args.cancellation = cancellation_;
    return recurrent_forward(cell_, packed_, args);
  }

  const CellKernels<T>& cell_;
  Index states_;
  const Tape<T>& tape_;
  const Sequence<T>& seq_;
  const CancellationToken& cancellation_;
  int threads_;
  Index H_, values_, step_size_, k_;
  Buffer<T> zeros_, y_, saved_, h_, c_;
  PackedWeights<T> packed_;
  std::vector<Index> chunk_in_slot_;  // the chunk in each slot of the ring buffer; -1 if empty
};

}  // namespace seqfuse
