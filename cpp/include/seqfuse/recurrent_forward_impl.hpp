// The forward driver: computes a recurrent layer over a sequence, h_t = cell(x_t W + h_{t-1} U + b).
//
// Time is divided into pieces of a few steps, so that the input products x W of a piece fit into the second-level cache
// together with U. Each thread computes the input products of its part of the piece, and then its part of every step,
// in order. Threads share either the rows or the units (Split).
//
// Cost: T * B * (I + H) * G * H multiply-adds. From about four rows on the time is that of the multiply-adds. With
// fewer rows it is that of reading U once per step.
//
// The tape holds either all saved values of all steps, or checkpoints: the states before every k-th step. Pieces end at
// checkpoints.
#pragma once

#include <vector>

#include "seqfuse/recurrent_schedule_impl.hpp"
#include "seqfuse/recurrent_step_impl.hpp"

namespace seqfuse {

// Returns the number of elements of one step on a full tape: (blocks, B, saved, lanes).
template <class T>
Index saved_of_step(const CellConstants& constants, const CellOptions<T>& options, Index B, Index H) {
  const CellLayout<T> layout{constants, H};
  return checked_product({layout.blocks(), B, layout.saved(options), Vec<T>::kSize});
}

// Returns the number of elements of a tape. A full tape holds all steps. A tape of checkpoints every k steps is
// (divide_up(T, k), 1 + kStates, B, H): h, and then c for cells that have it.
template <class T>
Index tape_size(const CellConstants& constants, const CellOptions<T>& options, Index T_, Index B, Index H,
                Index checkpoint) {
  if (checkpoint > 0) return checked_product({divide_up(T_, checkpoint), 1 + constants.states, B, H});
  return checked_product({T_, saved_of_step(constants, options, B, H)});
}

template <class T>
class ForwardDriver {
 public:
  ForwardDriver(const CellKernels<T>& cell, const PackedWeights<T>& packed, const ForwardArgs<T>& args)
      : cell_(cell),
        constants_(cell.constants),
        packed_(packed),
        args_(args),
        seq_(args.sequence),
        layout_{cell.constants, packed.H},
        cancellation_(args.cancellation) {
    const Index B = seq_.B, H = packed.H;
    split_ = Split::choose(args.threads, seq_.T_, B, constants_.gates * H * (packed.I + (constants_.has_U ? H : 0)),
                           divide_up(layout_.blocks(), gemm::kPanelPackets));
    if (packed.unpacked_W) split_ = {};  // one thread: gemm::sweep reads all weights, whatever its part of the units
    split_.balance(seq_.valid, seq_.T_, B);
    const Index step_bytes = checked_product({B, constants_.gates, layout_.padded(), Index(sizeof(T))});
    piece_steps_ = std::clamp<Index>(kPieceBytes / std::max<Index>(step_bytes, 1), 1, std::max<Index>(seq_.T_, 1));
    writes_tape_ = args.saved != nullptr && args.checkpoint == 0;
    saved_block_ = B * layout_.saved(packed.options) * kLanes;

    if (!args.y) h_slots_ = Buffer<T>(checked_product({2, B, H}));
    zeros_ = Buffer<T>(H);
    zeros_.fill_zero();
    if (constants_.states > 0) {
      state_ = Buffer<T>(checked_product({B, layout_.padded()}));
      state_.fill_zero();
      if (seq_.c0)
        for (Index b = 0; b < B; ++b) std::copy_n(seq_.c0.row(b), H, state_row(b));
    }
    if (constants_.two_pass) {
      reset_h_ = Buffer<T>(checked_product({B, H}));
      if (!writes_tape_) step_saved_ = Buffer<T>(layout_.blocks() * saved_block_);
    }
    masks_h_prev_ = constants_.has_U && seq_.recurrent_mask;
    if (masks_h_prev_) h_masked_ = Buffer<T>(checked_product({2, B, H}));
    const Index rows = split_.max_rows(B);
    for (int i = 0; i < split_.threads; ++i)
      workers_.emplace_back(constants_, piece_steps_, B, rows, layout_.blocks(), bool(seq_.recurrent_mask),
                            masks_h_prev_);
    parallel::FlushDenormals flush;
    for (Index b = 0; b < B; ++b) start_row(b);
  }

  bool run() {
    for (Index s = 0; s < seq_.T_;) {
      if (cancellation_.poll()) return false;
      Index steps = std::min(piece_steps_, seq_.T_ - s);
      if (args_.checkpoint > 0) {
        if (s % args_.checkpoint == 0) write_checkpoint(s / args_.checkpoint);
        steps = std::min(steps, args_.checkpoint - s % args_.checkpoint);
      }
      run_piece(s, steps);
      if (cancellation_.cancelled()) return false;
      s += steps;
    }
    for (Index b = 0; b < seq_.B; ++b) {
      std::copy_n(workers_[0].h_prev[b], packed_.H, args_.h.row(b));
      if (constants_.states > 0) std::copy_n(state_row(b), packed_.H, args_.c.row(b));
    }
    return true;
  }

 private:
  using V = Vec<T>;
  static constexpr Index kLanes = V::kSize;
  // Size of the input products of a piece: 256 KB leave most of a second-level cache of 1 MB to U.
  static constexpr Index kPieceBytes = 256 * 1024;

  // The arrays of one thread. h_prev and h_prev_masked point to the current state of every row; the step_* arrays
  // have one entry per row of the current step; x and x_product cover all steps of a piece.
  struct Worker {
    Worker(const CellConstants& constants, Index steps, Index B, Index rows, Index blocks, bool mask, bool masked)
        : schedule(steps, rows),
          x(steps * rows),
          h_prev(B),
          h_prev_masked(masked ? B : 0),
          step_h_prev(rows),
          step_h_prev_masked(masked ? rows : 0),
          step_mask(mask ? rows : 0),
          step_h(rows),
          step_state(constants.states > 0 ? rows : 0),
          step_saved(rows),
          step_reset_h(constants.two_pass ? rows : 0),
          step_h_masked_out(masked ? rows : 0),
          x_product(checked_product({steps, rows, blocks, constants.gates, kLanes})) {}
    Schedule schedule;
    Buffer<const T*> x, h_prev, h_prev_masked, step_h_prev, step_h_prev_masked, step_mask;
    Buffer<T*> step_h, step_state, step_saved, step_reset_h, step_h_masked_out;
    Buffer<T> x_product;
  };

  T* state_row(Index b) { return state_.data() + b * layout_.padded(); }
  // Returns t of the s-th step in processing order.
  Index time(Index s) const { return seq_.reverse ? seq_.T_ - 1 - s : s; }

  // Points row b to its initial state.
  void start_row(Index b) {
    const T* h0 = seq_.h0 ? seq_.h0.row(b) : zeros_.data();
    workers_[0].h_prev[b] = h0;
    if (!masks_h_prev_) return;
    T* to = h_masked_.data() + b * packed_.H;
    for (Index u = 0; u < packed_.H; ++u) to[u] = seq_.recurrent_mask.row(b)[u] * h0[u];
    workers_[0].h_prev_masked[b] = to;
  }

  // Writes the current states to checkpoint c, between two pieces.
  void write_checkpoint(Index c) {
    T* to = args_.saved + c * (1 + constants_.states) * seq_.B * packed_.H;
    for (Index b = 0; b < seq_.B; ++b) {
      std::copy_n(workers_[0].h_prev[b], packed_.H, to + b * packed_.H);
      if (constants_.states > 0) std::copy_n(state_row(b), packed_.H, to + (seq_.B + b) * packed_.H);
    }
  }

  // Computes `steps` steps, beginning with the one that is number `first` in processing order.
  void run_piece(Index first, Index steps) {
    // If threads share the units, each one keeps the state pointers of all rows: copy the current ones.
    if (!split_.by_rows)
      for (std::size_t i = 1; i < workers_.size(); ++i) {
        std::copy_n(workers_[0].h_prev.data(), seq_.B, workers_[i].h_prev.data());
        if (masks_h_prev_) std::copy_n(workers_[0].h_prev_masked.data(), seq_.B, workers_[i].h_prev_masked.data());
      }
    parallel::run(split_.threads, [&](int thread, int team) {
      if (!split_.by_rows) return run_part(first, steps, thread, team, thread);
      // The team may be smaller than requested. Each thread then does several parts.
      for (int part = thread; part < split_.threads; part += team) run_part(first, steps, part, split_.threads, thread);
    });
  }

  void run_part(Index first, Index steps, int part, int parts, int thread) {
    // If threads share the rows, the state pointers are in one array, of which each thread updates its own rows.
    Worker& worker = workers_[static_cast<std::size_t>(part)];
    Worker& current = workers_[split_.by_rows ? 0 : static_cast<std::size_t>(part)];
    const Range rows = split_.rows(seq_.B, part, parts);
    const Range blocks = split_.by_rows ? Range{0, layout_.blocks()} : layout_.share(part, parts);
    worker.schedule.fill(seq_.valid, seq_.B, rows, time(first), seq_.reverse ? -1 : 1, steps);
    const Index entries = worker.schedule.step(steps - 1).end;
    for (Index s = 0; s < steps; ++s)
      for (Index e = worker.schedule.step(s).begin; e < worker.schedule.step(s).end; ++e)
        worker.x[e] = seq_.x.at(time(first + s), worker.schedule.row(e));
    if (entries > 0)
      in_parts(blocks, entries * packed_.I, thread, [&](Range some) {
        input_product(constants_, packed_, worker.x.data(), entries, some, worker.x_product.data());
      });
    for (Index s = 0; s < steps; ++s)
      run_step(worker, current, rows, blocks, time(first + s), s, entries, parts, thread);
  }

  // Computes step t, the s-th of the piece: collects the pointers of its rows, runs the cell, and points the rows to
  // their new state.
  void run_step(Worker& worker, Worker& current, Range rows, Range blocks, Index t, Index s, Index entries, int team,
                int thread) {
    const Range valid_rows = worker.schedule.step(s);
    T* saved = writes_tape_ ? args_.saved + t * layout_.blocks() * saved_block_ : step_saved_.data();
    for (Index e = valid_rows.begin, i = 0; e < valid_rows.end; ++e, ++i) {
      const Index b = worker.schedule.row(e);
      worker.step_h_prev[i] = current.h_prev[b];
      worker.step_h[i] = args_.y ? args_.y.at(t, b) : other_slot(h_slots_, b, current.h_prev[b]);
      if (constants_.states > 0) worker.step_state[i] = state_row(b);
      if (saved != nullptr) worker.step_saved[i] = saved + b * (saved_block_ / seq_.B);
      if (constants_.two_pass) worker.step_reset_h[i] = reset_h_.data() + b * packed_.H;
      if (seq_.recurrent_mask) worker.step_mask[i] = seq_.recurrent_mask.row(b);
      if (!masks_h_prev_) continue;
      worker.step_h_prev_masked[i] = current.h_prev_masked[b];
      worker.step_h_masked_out[i] = other_slot(h_masked_, b, current.h_prev_masked[b]);
    }
    const StepRows<T> step_rows{
        .n = valid_rows.size(),
        .h_prev = worker.step_h_prev.data(),
        .h_prev_masked = (masks_h_prev_ ? worker.step_h_prev_masked : worker.step_h_prev).data(),
        .h = worker.step_h.data(),
        .state = worker.step_state.data(),
        .saved = saved != nullptr ? worker.step_saved.data() : nullptr,
        .saved_block = saved_block_,
        .x_product = worker.x_product.data() + valid_rows.begin * constants_.gates * kLanes,
        .x_product_rows = entries,
        .reset_h = worker.step_reset_h.data(),
        .mask = seq_.recurrent_mask ? worker.step_mask.data() : nullptr,
        .h_masked_out = worker.step_h_masked_out.data()};
    const Index cost = constants_.has_U ? valid_rows.size() * packed_.H : 0;
    if (!valid_rows.empty()) in_parts(blocks, cost, thread, [&](Range some) { step(cell_, packed_, step_rows, some); });
    if (constants_.two_pass) {
      wait_for_team(team);
      if (!valid_rows.empty())
        in_parts(blocks, cost, thread, [&](Range some) { second_step(cell_, packed_, step_rows, some); });
    }
    for (Index e = valid_rows.begin, i = 0; e < valid_rows.end; ++e, ++i) {
      current.h_prev[worker.schedule.row(e)] = worker.step_h[i];
      if (masks_h_prev_) current.h_prev_masked[worker.schedule.row(e)] = worker.step_h_masked_out[i];
    }
    if (args_.y && valid_rows.size() < rows.size()) clear_padding(t, rows, blocks);
    if (constants_.has_U) wait_for_team(team);  // without U no unit depends on another one
  }

  void wait_for_team(int team) {
    if (!split_.by_rows) barrier_.wait(team);
  }

  // Calls f(part) for parts of `blocks`, with cancellation checks in between. `cost` is the number of multiply-adds per
  // unit and gate. With unpacked weights there is one part, since each part would read all weights.
  template <class F>
  void in_parts(Range blocks, Index cost, int thread, F&& f) {
    if (packed_.unpacked_W) return f(blocks);
    cancellation_.in_parts(blocks, cost * constants_.gates * kLanes, thread, f);
  }

  // Returns the slot for the next state of row b. Without an array of the caller, the states of a row alternate between
  // two slots, also if padding lies between two valid steps.
  T* other_slot(Buffer<T>& slots, Index b, const T* current) {
    T* slot = slots.data() + b * packed_.H;
    return current == slot ? slot + seq_.B * packed_.H : slot;
  }

  // Sets y of step t to zero for the rows that are padding.
  void clear_padding(Index t, Range rows, Range blocks) {
    const Range units{blocks.begin * kLanes, std::min(blocks.end * kLanes, packed_.H)};
    for (Index b = rows.begin; b < rows.end; ++b)
      if (!seq_.valid[t * seq_.B + b]) std::fill(args_.y.at(t, b) + units.begin, args_.y.at(t, b) + units.end, T(0));
  }

  const CellKernels<T>& cell_;
  const CellConstants& constants_;
  const PackedWeights<T>& packed_;
  const ForwardArgs<T>& args_;
  const Sequence<T>& seq_;
  CellLayout<T> layout_;
  SharedCancellation cancellation_;
  Split split_;
  Index piece_steps_ = 1, saved_block_ = 0;
  bool writes_tape_ = false;   // the tape of all steps
  bool masks_h_prev_ = false;  // there is a recurrent mask, and the driver applies it
  Buffer<T> h_slots_, zeros_, state_, reset_h_, step_saved_, h_masked_;
  std::vector<Worker> workers_;
  parallel::Barrier barrier_;
};

template <class T>
bool recurrent_forward(const CellKernels<T>& cell, const PackedWeights<T>& packed, const ForwardArgs<T>& args) {
  return ForwardDriver<T>(cell, packed, args).run();
}

}  // namespace seqfuse
