// The forward driver: time in pieces, rows or units over threads, one step after the other.
//
// A piece is a few steps whose input products fit the second-level cache beside U. Each thread makes
// the input products of its part of the piece, then walks the steps. Cost: T * B * (I + H) * G * H
// multiply-adds; bound by them from about four rows on, below that by reading U once a step.
// A thin tape keeps the states before every k-th step: pieces end there.
#pragma once

#include <vector>

#include "seqfuse/recurrent_schedule_impl.hpp"
#include "seqfuse/recurrent_step_impl.hpp"

namespace seqfuse {

// Elements of one step's part of a full tape: (blocks, B, saved, lanes).
template <class T>
Index saved_of_step(const CellNumbers& numbers, const CellOptions<T>& options, Index B, Index H) {
  const CellLayout<T> layout{numbers, H};
  return checked_product({layout.blocks(), B, layout.saved(options), Vec<T>::kSize});
}

// Elements of a tape: all steps' parts; or of a thin one (divide_up(T, k), 1 + kStates, B, H), h and then c.
template <class T>
Index tape_size(const CellNumbers& numbers, const CellOptions<T>& options, Index T_, Index B, Index H,
                Index checkpoint) {
  if (checkpoint > 0) return checked_product({divide_up(T_, checkpoint), 1 + numbers.states, B, H});
  return checked_product({T_, saved_of_step(numbers, options, B, H)});
}

template <class T>
class ForwardDriver {
 public:
  ForwardDriver(const CellKernels<T>& cell, const PackedWeights<T>& packed, const ForwardArgs<T>& args)
      : cell_(cell),
        numbers_(cell.numbers),
        packed_(packed),
        args_(args),
        seq_(args.sequence),
        layout_{cell.numbers, packed.H},
        cancellation_(args.cancellation) {
    const Index B = seq_.B, H = packed.H;
    split_ = Split::choose(args.threads, seq_.T_, B, numbers_.gates * H * (packed.I + (numbers_.product ? H : 0)),
                           divide_up(layout_.blocks(), gemm::kPanelPackets));
    if (packed.unpacked_W) split_ = {};  // bound by reading the weights, which a sweep does whole
    split_.balance(seq_.real, seq_.T_, B);
    const Index step_bytes = checked_product({B, numbers_.gates, layout_.padded(), Index(sizeof(T))});
    piece_steps_ = std::clamp<Index>(kPieceBytes / std::max<Index>(step_bytes, 1), 1, std::max<Index>(seq_.T_, 1));
    keep_ = args.saved != nullptr && args.checkpoint == 0;
    saved_block_ = B * layout_.saved(packed.options) * kLanes;

    if (!args.y) ring_ = Buffer<T>(checked_product({2, B, H}));
    zeros_ = Buffer<T>(H);
    zeros_.fill_zero();
    if (numbers_.states > 0) {
      state_ = Buffer<T>(checked_product({B, layout_.padded()}));
      state_.fill_zero();
      if (seq_.c0)
        for (Index b = 0; b < B; ++b) std::copy_n(seq_.c0.row(b), H, state_row(b));
    }
    if (numbers_.two_stage) {
      reset_h_ = Buffer<T>(checked_product({B, H}));
      if (!keep_) step_saved_ = Buffer<T>(layout_.blocks() * saved_block_);
    }
    masked_ = numbers_.product && seq_.recurrent_mask;
    if (masked_) h_in_ = Buffer<T>(checked_product({2, B, H}));
    const Index rows = split_.max_rows(B);
    for (int i = 0; i < split_.threads; ++i)
      workers_.emplace_back(numbers_, piece_steps_, B, rows, layout_.blocks(), bool(seq_.recurrent_mask), masked_);
    parallel::FlushDenormals flush;
    for (Index b = 0; b < B; ++b) start_row(b);
  }

  bool run() {
    for (Index s = 0; s < seq_.T_;) {
      if (cancellation_.poll()) return false;
      Index steps = std::min(piece_steps_, seq_.T_ - s);
      if (args_.checkpoint > 0) {
        if (s % args_.checkpoint == 0) keep_states(s / args_.checkpoint);
        steps = std::min(steps, args_.checkpoint - s % args_.checkpoint);
      }
      piece(s, steps);
      if (cancellation_.cancelled()) return false;
      s += steps;
    }
    for (Index b = 0; b < seq_.B; ++b) {
      std::copy_n(workers_[0].h_prev[b], packed_.H, args_.h.row(b));
      if (numbers_.states > 0) std::copy_n(state_row(b), packed_.H, args_.c.row(b));
    }
    return true;
  }

 private:
  using V = Vec<T>;
  static constexpr Index kLanes = V::kSize;
  // 256 KB of input products leave most of a second-level cache of 1 MB to U.
  static constexpr Index kPieceBytes = 256 * 1024;

  // What one thread needs; the cursors are over all rows, the `now` arrays over rows of a step, px over all of a piece.
  struct Worker {
    Worker(const CellNumbers& numbers, Index steps, Index B, Index rows, Index blocks, bool mask, bool masked)
        : schedule(steps, rows),
          x(steps * rows),
          h_prev(B),
          h_in(masked ? B : 0),
          now_h_prev(rows),
          now_h_in(masked ? rows : 0),
          now_mask(mask ? rows : 0),
          now_h(rows),
          now_state(numbers.states > 0 ? rows : 0),
          now_saved(rows),
          now_reset(numbers.two_stage ? rows : 0),
          now_h_out(masked ? rows : 0),
          px(checked_product({steps, rows, blocks, numbers.gates, kLanes})) {}
    Schedule schedule;
    Buffer<const T*> x, h_prev, h_in, now_h_prev, now_h_in, now_mask;
    Buffer<T*> now_h, now_state, now_saved, now_reset, now_h_out;
    Buffer<T> px;
  };

  T* state_row(Index b) { return state_.data() + b * layout_.padded(); }
  Index time(Index s) const { return seq_.reverse ? seq_.T_ - 1 - s : s; }

  // The cursors of row b before the first step.
  void start_row(Index b) {
    const T* h0 = seq_.h0 ? seq_.h0.row(b) : zeros_.data();
    workers_[0].h_prev[b] = h0;
    if (!masked_) return;
    T* to = h_in_.data() + b * packed_.H;
    for (Index u = 0; u < packed_.H; ++u) to[u] = seq_.recurrent_mask.row(b)[u] * h0[u];
    workers_[0].h_in[b] = to;
  }

  // Checkpoint c: the states as they are between two pieces.
  void keep_states(Index c) {
    T* to = args_.saved + c * (1 + numbers_.states) * seq_.B * packed_.H;
    for (Index b = 0; b < seq_.B; ++b) {
      std::copy_n(workers_[0].h_prev[b], packed_.H, to + b * packed_.H);
      if (numbers_.states > 0) std::copy_n(state_row(b), packed_.H, to + (seq_.B + b) * packed_.H);
    }
  }

  void piece(Index first, Index steps) {
    // By units, every thread follows all rows: it starts from the rows' states as they are now.
    if (!split_.by_rows)
      for (std::size_t i = 1; i < workers_.size(); ++i) {
        std::copy_n(workers_[0].h_prev.data(), seq_.B, workers_[i].h_prev.data());
        if (masked_) std::copy_n(workers_[0].h_in.data(), seq_.B, workers_[i].h_in.data());
      }
    parallel::run(split_.threads, [&](int thread, int team) {
      if (!split_.by_rows) return part_of_piece(first, steps, thread, team, thread);
      // A team may be smaller than it was asked to be: every part is done, in whatever thread.
      for (int part = thread; part < split_.threads; part += team)
        part_of_piece(first, steps, part, split_.threads, thread);
    });
  }

  void part_of_piece(Index first, Index steps, int part, int parts, int thread) {
    // By rows the rows' cursors are shared: each thread moves its own.
    Worker& worker = workers_[static_cast<std::size_t>(part)];
    Worker& cursors = workers_[split_.by_rows ? 0 : static_cast<std::size_t>(part)];
    const Range rows = split_.rows(seq_.B, part, parts);
    const Range blocks = split_.by_rows ? Range{0, layout_.blocks()} : layout_.share(part, parts);
    worker.schedule.fill(seq_.real, seq_.B, rows, time(first), seq_.reverse ? -1 : 1, steps);
    const Index entries = worker.schedule.step(steps - 1).end;
    for (Index s = 0; s < steps; ++s)
      for (Index e = worker.schedule.step(s).begin; e < worker.schedule.step(s).end; ++e)
        worker.x[e] = seq_.x.at(time(first + s), worker.schedule.row(e));
    if (entries > 0)
      in_parts(blocks, entries * packed_.I, thread,
               [&](Range some) { input_product(numbers_, packed_, worker.x.data(), entries, some, worker.px.data()); });
    for (Index s = 0; s < steps; ++s)
      one_step(worker, cursors, rows, blocks, time(first + s), s, entries, parts, thread);
  }

  // Step t, the s-th of the piece: collects its rows' pointers, runs it, moves the rows' cursors on.
  void one_step(Worker& worker, Worker& cursors, Range rows, Range blocks, Index t, Index s, Index entries, int team,
                int thread) {
    const Range now = worker.schedule.step(s);
    T* saved = keep_ ? args_.saved + t * layout_.blocks() * saved_block_ : step_saved_.data();
    for (Index e = now.begin, i = 0; e < now.end; ++e, ++i) {
      const Index b = worker.schedule.row(e);
      worker.now_h_prev[i] = cursors.h_prev[b];
      worker.now_h[i] = args_.y ? args_.y.at(t, b) : other_slot(ring_, b, cursors.h_prev[b]);
      if (numbers_.states > 0) worker.now_state[i] = state_row(b);
      if (saved != nullptr) worker.now_saved[i] = saved + b * (saved_block_ / seq_.B);
      if (numbers_.two_stage) worker.now_reset[i] = reset_h_.data() + b * packed_.H;
      if (seq_.recurrent_mask) worker.now_mask[i] = seq_.recurrent_mask.row(b);
      if (!masked_) continue;
      worker.now_h_in[i] = cursors.h_in[b];
      worker.now_h_out[i] = other_slot(h_in_, b, cursors.h_in[b]);
    }
    const StepRows<T> step_rows{.n = now.size(),
                                .h_prev = worker.now_h_prev.data(),
                                .h_in = (masked_ ? worker.now_h_in : worker.now_h_prev).data(),
                                .h = worker.now_h.data(),
                                .state = worker.now_state.data(),
                                .saved = saved != nullptr ? worker.now_saved.data() : nullptr,
                                .saved_block = saved_block_,
                                .px = worker.px.data() + now.begin * numbers_.gates * kLanes,
                                .px_rows = entries,
                                .reset_h = worker.now_reset.data(),
                                .mask = seq_.recurrent_mask ? worker.now_mask.data() : nullptr,
                                .h_out = worker.now_h_out.data()};
    const Index cost = numbers_.product ? now.size() * packed_.H : 0;
    if (!now.empty()) in_parts(blocks, cost, thread, [&](Range some) { step(cell_, packed_, step_rows, some); });
    if (numbers_.two_stage) {
      meet(team);
      if (!now.empty())
        in_parts(blocks, cost, thread, [&](Range some) { second_step(cell_, packed_, step_rows, some); });
    }
    for (Index e = now.begin, i = 0; e < now.end; ++e, ++i) {
      cursors.h_prev[worker.schedule.row(e)] = worker.now_h[i];
      if (masked_) cursors.h_in[worker.schedule.row(e)] = worker.now_h_out[i];
    }
    if (args_.y && now.size() < rows.size()) clear_unreal(t, rows, blocks);
    if (numbers_.product) meet(team);  // without a product no unit reads another
  }

  void meet(int team) {
    if (!split_.by_rows) barrier_.wait(team);
  }

  // `cost`: multiply-adds of one unit and gate. Weights that are not packed are read whole, whatever the part.
  template <class F>
  void in_parts(Range blocks, Index cost, int thread, F&& f) {
    if (packed_.unpacked_W) return f(blocks);
    cancellation_.in_parts(blocks, cost * numbers_.gates * kLanes, thread, f);
  }

  // A row that is kept in no array of the caller's alternates between two places, whatever steps are left out between.
  T* other_slot(Buffer<T>& slots, Index b, const T* current) {
    T* slot = slots.data() + b * packed_.H;
    return current == slot ? slot + seq_.B * packed_.H : slot;
  }

  void clear_unreal(Index t, Range rows, Range blocks) {
    const Range units{blocks.begin * kLanes, std::min(blocks.end * kLanes, packed_.H)};
    for (Index b = rows.begin; b < rows.end; ++b)
      if (!seq_.real[t * seq_.B + b]) std::fill(args_.y.at(t, b) + units.begin, args_.y.at(t, b) + units.end, T(0));
  }

  const CellKernels<T>& cell_;
  const CellNumbers& numbers_;
  const PackedWeights<T>& packed_;
  const ForwardArgs<T>& args_;
  const Sequence<T>& seq_;
  CellLayout<T> layout_;
  SharedCancellation cancellation_;
  Split split_;
  Index piece_steps_ = 1, saved_block_ = 0;
  bool keep_ = false, masked_ = false;  // everything for backward; a mask on what enters U
  Buffer<T> ring_, zeros_, state_, reset_h_, step_saved_, h_in_;
  std::vector<Worker> workers_;
  parallel::Barrier barrier_;
};

template <class T>
bool recurrent_forward(const CellKernels<T>& cell, const PackedWeights<T>& packed, const ForwardArgs<T>& args) {
  return ForwardDriver<T>(cell, packed, args).run();
}

}  // namespace seqfuse
