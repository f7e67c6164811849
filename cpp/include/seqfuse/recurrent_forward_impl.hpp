// The forward driver: time in pieces, rows or units over threads, one step after the other.
//
// A piece is a few steps whose input products fit the second-level cache beside U. Each thread makes
// the input products of its part of the piece, then walks the steps. Cost: T * B * (I + H) * G * H
// multiply-adds; bound by them from about four rows on, below that by reading U once a step.
#pragma once

#include <vector>

#include "seqfuse/recurrent_schedule_impl.hpp"
#include "seqfuse/recurrent_step_impl.hpp"

namespace seqfuse {

// Elements of `saved`: (T, blocks, B, kSaved, lanes).
template <class Cell, class T>
Index saved_size(Index T_, Index B, Index H) {
  return checked_product({T_, CellLayout<Cell, T>{H}.blocks(), B, Cell::kSaved, Vec<T>::kSize});
}

template <class Cell, class T>
class ForwardDriver {
 public:
  ForwardDriver(const PackedWeights<T>& packed, const ForwardArgs<T>& args)
      : packed_(packed), args_(args), seq_(args.sequence), layout_{packed.H} {
    const Index B = seq_.B, H = packed.H;
    split_ = Split::choose(args.threads, seq_.T_, B, Cell::kGates * H * (packed.I + H),
                           divide_up(layout_.blocks(), gemm::kPanelPackets));
    if (packed.lying_U) split_ = {};  // bound by reading the weights, which a sweep does whole
    const Index step_bytes = checked_product({B, Cell::kGates, layout_.padded(), Index(sizeof(T))});
    piece_steps_ = std::clamp<Index>(kPieceBytes / std::max<Index>(step_bytes, 1), 1, std::max<Index>(seq_.T_, 1));
    saved_block_ = B * Cell::kSaved * kLanes;

    if (!args.y) ring_ = Buffer<T>(checked_product({2, B, H}));
    zeros_ = Buffer<T>(H);
    zeros_.fill_zero();
    if (Cell::kStates) {
      state_ = Buffer<T>(checked_product({B, layout_.padded()}));
      state_.fill_zero();
      if (seq_.c0)
        for (Index b = 0; b < B; ++b) std::copy_n(seq_.c0.row(b), H, state_row(b));
    }
    if (Cell::kTwoStage) {
      reset_h_ = Buffer<T>(checked_product({B, H}));
      if (args.saved == nullptr) step_saved_ = Buffer<T>(layout_.blocks() * saved_block_);
    }
    for (int i = 0; i < split_.threads; ++i) workers_.emplace_back(piece_steps_, B, layout_.blocks());
    for (Index b = 0; b < B; ++b) workers_[0].h_prev[b] = seq_.h0 ? seq_.h0.row(b) : zeros_.data();
  }

  bool run() {
    for (Index s = 0; s < seq_.T_; s += piece_steps_) {
      if (args_.stop()) return false;
      piece(s, std::min(piece_steps_, seq_.T_ - s));
    }
    for (Index b = 0; b < seq_.B; ++b) {
      std::copy_n(workers_[0].h_prev[b], packed_.H, args_.h.row(b));
      if (Cell::kStates) std::copy_n(state_row(b), packed_.H, args_.c.row(b));
    }
    return true;
  }

 private:
  static constexpr Index kLanes = Vec<T>::kSize;
  // 256 KB of input products leave most of a second-level cache of 1 MB to U.
  static constexpr Index kPieceBytes = 256 * 1024;

  // What one thread needs; the pointer arrays are over rows of a step, px over all of a piece.
  struct Worker {
    Worker(Index steps, Index B, Index blocks)
        : schedule(steps, B),
          x(steps * B),
          h_prev(B),
          now_h_prev(B),
          now_h(B),
          now_state(B),
          now_saved(B),
          now_reset(B),
          px(checked_product({steps, B, blocks, Cell::kGates, kLanes})) {}
    Schedule schedule;
    Buffer<const T*> x, h_prev, now_h_prev;
    Buffer<T*> now_h, now_state, now_saved, now_reset;
    Buffer<T> px;
  };

  T* state_row(Index b) { return state_.data() + b * layout_.padded(); }
  Index time(Index s) const { return seq_.reverse ? seq_.T_ - 1 - s : s; }

  void piece(Index first, Index steps) {
    // By units, every thread follows all rows: it starts from the rows' states as they are now.
    if (!split_.by_rows)
      for (std::size_t i = 1; i < workers_.size(); ++i)
        std::copy_n(workers_[0].h_prev.data(), seq_.B, workers_[i].h_prev.data());
    parallel::run(split_.threads, [&](int thread, int team) {
      // By rows the rows' cursors are shared: each thread moves its own.
      Worker& worker = workers_[static_cast<std::size_t>(thread)];
      const T** h_prev = workers_[split_.by_rows ? 0 : static_cast<std::size_t>(thread)].h_prev.data();
      const Range rows = split_.rows(seq_.B, thread, team);
      const Range blocks = split_.by_rows ? Range{0, layout_.blocks()} : layout_.share(thread, team);
      worker.schedule.fill(seq_.real, seq_.B, rows, time(first), seq_.reverse ? -1 : 1, steps);
      const Index entries = worker.schedule.step(steps - 1).end;
      for (Index s = 0; s < steps; ++s)
        for (Index e = worker.schedule.step(s).begin; e < worker.schedule.step(s).end; ++e)
          worker.x[e] = seq_.x.at(time(first + s), worker.schedule.row(e));
      if (entries > 0) input_product<Cell>(packed_, worker.x.data(), entries, blocks, worker.px.data());
      for (Index s = 0; s < steps; ++s) one_step(worker, h_prev, rows, blocks, time(first + s), s, entries, team);
    });
  }

  // Step t, the s-th of the piece: collects its rows' pointers, runs it, moves the rows' cursors on.
  void one_step(Worker& worker, const T** h_prev, Range rows, Range blocks, Index t, Index s, Index entries, int team) {
    const Range now = worker.schedule.step(s);
    T* saved = args_.saved != nullptr ? args_.saved + t * layout_.blocks() * saved_block_ : step_saved_.data();
    for (Index e = now.begin, i = 0; e < now.end; ++e, ++i) {
      const Index b = worker.schedule.row(e);
      worker.now_h_prev[i] = h_prev[b];
      worker.now_h[i] = args_.y ? args_.y.at(t, b) : other_slot(b, h_prev[b]);
      if (Cell::kStates) worker.now_state[i] = state_row(b);
      if (saved != nullptr) worker.now_saved[i] = saved + b * Cell::kSaved * kLanes;
      if (Cell::kTwoStage) worker.now_reset[i] = reset_h_.data() + b * packed_.H;
    }
    const StepRows<T> step_rows{now.size(),
                                worker.now_h_prev.data(),
                                worker.now_h.data(),
                                worker.now_state.data(),
                                saved != nullptr ? worker.now_saved.data() : nullptr,
                                saved_block_,
                                worker.px.data() + now.begin * Cell::kGates * kLanes,
                                entries,
                                worker.now_reset.data()};
    if (!now.empty()) step<Cell>(packed_, step_rows, blocks);
    if constexpr (Cell::kTwoStage) {
      meet(team);
      if (!now.empty()) reset_step<Cell>(packed_, step_rows, blocks);
    }
    for (Index e = now.begin, i = 0; e < now.end; ++e, ++i) h_prev[worker.schedule.row(e)] = worker.now_h[i];
    if (args_.y && now.size() < rows.size()) clear_unreal(t, rows, blocks);
    meet(team);
  }

  void meet(int team) {
    if (!split_.by_rows) barrier_.wait(team);
  }

  // Without y, a row's states alternate between two places, whatever steps are left out between.
  T* other_slot(Index b, const T* current) {
    T* slot = ring_.data() + b * packed_.H;
    return current == slot ? slot + seq_.B * packed_.H : slot;
  }

  void clear_unreal(Index t, Range rows, Range blocks) {
    const Range units{blocks.begin * kLanes, std::min(blocks.end * kLanes, packed_.H)};
    for (Index b = rows.begin; b < rows.end; ++b)
      if (!seq_.real[t * seq_.B + b]) std::fill(args_.y.at(t, b) + units.begin, args_.y.at(t, b) + units.end, T(0));
  }

  const PackedWeights<T>& packed_;
  const ForwardArgs<T>& args_;
  const Sequence<T>& seq_;
  CellLayout<Cell, T> layout_;
  Split split_;
  Index piece_steps_ = 1, saved_block_ = 0;
  Buffer<T> ring_, zeros_, state_, reset_h_, step_saved_;
  std::vector<Worker> workers_;
  parallel::Barrier barrier_;
};

template <class Cell, class T>
bool forward(const PackedWeights<T>& packed, const ForwardArgs<T>& args) {
  return ForwardDriver<Cell, T>(packed, args).run();
}

}  // namespace seqfuse
