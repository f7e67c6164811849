// The backward driver: backpropagation through time.
//
// Time is divided into segments, which are processed in the opposite order of forward. In each segment the steps come
// first, one after the other:
//
//     forward: a = x W + (mask * h_prev) U + b, h = cell(a)     =>
//     dh = mask * (da_next U^T) + carry + dy                    da_next: of the step that follows in forward's order
//     da = backward equations of the cell (dh, saved values)
//
// The products are computed tile by tile over panels of U^T. After each tile the cell's equations are applied, while
// the sums of the tile are in the first-level cache. Then the gradients that need all steps of the segment follow:
//
//     dW += x^T da,  dU += (mask * h_prev)^T da,  db += sum of da,  dx = da W^T
//
// Cost: twice the multiply-adds of forward. The time is limited as in forward.
//
// Order of the sums, which fixes the bits: da_next U^T is a sum from zero; it is multiplied by the mask, then carry is
// added, then dy. A weight's gradient is one sum per segment (cut at multiples of gemm::kSumBlock rows), which is added
// to the array. Segments begin at multiples of their length in t, so that padding after a sequence changes no bit.
#pragma once

#include <vector>

#include "seqfuse/recurrent_cell_backward_impl.hpp"
#include "seqfuse/recurrent_replay_impl.hpp"
#include "seqfuse/recurrent_weight_gradients_impl.hpp"

namespace seqfuse {

template <class T>
class BackwardDriver {
 public:
  BackwardDriver(const CellKernels<T>& cell, const Weights<T>& weights, const BackwardArgs<T>& args)
      : cell_(cell),
        constants_(cell.constants),
        functions_(cell.functions(weights.options)),
        weights_(weights),
        args_(args),
        seq_(args.tape.sequence),
        layout_{cell.constants, weights.H},
        padded_(layout_.padded()),
        steps_(std::clamp<Index>(kSegmentRows / std::max<Index>(seq_.B, 1), 1, std::max<Index>(seq_.T_, 1))),
        schedule_(steps_, seq_.B),
        replay_(cell, weights, args.tape, steps_, args.threads, args.cancellation),
        gradients_(cell, weights.I, weights.H, steps_ * seq_.B, bool(seq_.recurrent_mask)),
        targets_(args, weights.I, weights.H, constants_.gates * weights.H, constants_.parameters,
                 args.accumulate && seq_.T_ > steps_),
        saved_block_(seq_.B * replay_.values() * kLanes),
        cancellation_(args.cancellation) {
    const Index B = seq_.B, H = weights.H, rows = steps_ * B;
    split_ = Split::choose(args.threads, seq_.T_, B, constants_.gates * H * H, output_layout().panels());
    split_.balance(seq_.valid, seq_.T_, B);
    da_ = GateGradients<T>(constants_.grads * padded_, rows);
    carry_ = padded_copy(args.dh);
    dstate_ = constants_.states > 0 ? padded_copy(args.dc) : Buffer<T>();
    if (constants_.two_pass) reset_h_ = Buffer<T>(checked_product({rows, H}));
    entries_ = Buffer<Entry<T>>(rows);
    da_rows_ = Buffer<const T*>(rows);
    for (Index e = 0; e < rows; ++e) da_rows_[e] = da_.at(e, constants_.first_x * padded_);
    for (int i = 0; i < split_.threads; ++i) workers_.emplace_back(B);
    if (seq_.valid != nullptr) find_previous_steps();
    parameters_ = pack_parameters(constants_, weights);
    pack();
  }

  bool run() {
    const Index segments = divide_up(seq_.T_, steps_);
    for (Index i = 0; i < segments; ++i) {
      const Index first = (seq_.reverse ? i : segments - 1 - i) * steps_;
      const Range steps{first, std::min(first + steps_, seq_.T_)};
      if (cancellation_.poll() || !replay_.require(steps)) return false;
      run_segment(steps);
      if (cancellation_.cancelled()) return false;
    }
    targets_.sums.store();
    for (Index b = 0; b < seq_.B; ++b) {
      std::copy_n(carry_.data() + b * padded_, weights_.H, args_.dh0.row(b));
      if (constants_.states > 0) std::copy_n(dstate_.data() + b * padded_, weights_.H, args_.dc0.row(b));
    }
    return true;
  }

 private:
  using V = Vec<T>;
  static constexpr Index kLanes = V::kSize;
  // Rows of a segment. So few gate gradients are still in the second- or third-level cache when the product for dW
  // reads them. So many rows make the time of the product long compared with that of adding the result to dW.
  static constexpr Index kSegmentRows = 512;

  // The arrays of one thread.
  struct Worker {
    explicit Worker(Index B) : next_entry(B), next_da(B), with_next(B), without_next(B) {}
    Buffer<Index> next_entry;  // of each row: the entry that was processed last; -1 if none in this segment
    Buffer<const T*> next_da;  // of each entry in with_next: da of that entry
    Buffer<Index> with_next, without_next;  // entries of a step whose row has a next entry, or has none
  };

  gemm::Layout<T> output_layout() const { return {weights_.H, 1, gemm::kPanelPackets}; }
  gemm::Layout<T> input_layout() const { return {weights_.I, 1, gemm::kPanelPackets}; }

  // Returns a (B, padded H) copy of a final state's gradient, zeros if it is null.
  Buffer<T> padded_copy(Rows<const T> from) const {
    Buffer<T> to(checked_product({seq_.B, padded_}));
    to.fill_zero();
    if (from)
      for (Index b = 0; b < seq_.B; ++b) std::copy_n(from.row(b), weights_.H, to.data() + b * padded_);
    return to;
  }

  // Fills previous_ (T, B): the valid step that precedes t in row b in forward's order, or -1.
  void find_previous_steps() {
    previous_ = Buffer<Index>(checked_product({seq_.T_, seq_.B}));
    for (Index b = 0; b < seq_.B; ++b) {
      Index last = -1;
      for (Index s = 0; s < seq_.T_; ++s) {
        const Index t = seq_.reverse ? seq_.T_ - 1 - s : s;
        previous_[t * seq_.B + b] = last;
        if (seq_.valid[t * seq_.B + b]) last = t;
      }
    }
  }

  // Returns the valid step that precedes t in row b in forward's order. It is outside 0 .. T-1 if there is none.
  Index previous(Index t, Index b) const {
    if (seq_.valid != nullptr) return previous_[t * seq_.B + b];
    return seq_.reverse ? t + 1 : t - 1;
  }

  // Packs U^T, and W^T if dx is needed.
  void pack() {
    const Index H = weights_.H;
    Index x_columns[kMaxGates], h_columns[kMaxGates];
    for (int g = 0; g < constants_.gates; ++g)
      x_columns[g] = constants_.gate_of_x[g] * H, h_columns[g] = constants_.gate_of_h[g] * H;
    const auto out = output_layout(), in = input_layout();
    if (constants_.has_U) U_ = Buffer<T>(out.size(constants_.first_gates() * padded_));
    if (constants_.two_pass) U_reset_ = Buffer<T>(out.size(padded_));
    if (args_.dx) W_ = Buffer<T>(in.size(constants_.gates * padded_));
    const auto work = parallel::Work::packs((weights_.I + H) * constants_.gates * H);
    parallel::run(parallel::threads_for(work, args_.threads), [&](int thread, int team) {
      const Range units = share_of(out.panels(), thread, team);
      if (constants_.has_U)
        gemm::pack_rows(out, h_columns, constants_.first_gates(), H, padded_, weights_.U, units, U_.data());
      if (constants_.two_pass)
        gemm::pack_rows(out, h_columns + constants_.first_gates(), 1, H, padded_, weights_.U, units, U_reset_.data());
      if (args_.dx)
        gemm::pack_rows(in, x_columns, constants_.gates, H, padded_, weights_.W, share_of(in.panels(), thread, team),
                        W_.data());
    });
  }

  // Fills the entries of step t.
  void collect(Index t, Range entries) {
    const auto chunk = replay_.chunk(t);
    const T* saved = chunk.saved + (t - chunk.steps.begin) * replay_.step_size();
    for (Index e = entries.begin; e < entries.end; ++e) {
      const Index b = schedule_.row(e), t_prev = previous(t, b);
      const bool in_chunk = t_prev >= chunk.steps.begin && t_prev < chunk.steps.end;
      entries_[e] = {.x = seq_.x.at(t, b),
                     .h_prev = in_chunk ? chunk.y.at(t_prev - chunk.steps.begin, b) : chunk.h0.row(b),
                     .mask = seq_.recurrent_mask ? seq_.recurrent_mask.row(b) : nullptr,
                     .saved = saved + b * replay_.values() * kLanes,
                     .dy = args_.dy ? args_.dy.at(t, b) : nullptr,
                     .carry = carry_.data() + b * padded_,
                     .dstate = constants_.states > 0 ? dstate_.data() + b * padded_ : nullptr,
                     .dx = args_.dx ? args_.dx.at(t, b) : nullptr};
    }
  }

  void run_segment(Range steps) {
    const Index first = seq_.reverse ? steps.begin : steps.end - 1, by = seq_.reverse ? 1 : -1;
    schedule_.fill(seq_.valid, seq_.B, {0, seq_.B}, first, by, steps.size());
    for (Index s = 0; s < steps.size(); ++s) collect(first + s * by, schedule_.step(s));
    parallel::run(split_.threads, [&](int thread, int team) {
      Worker& worker = workers_[static_cast<std::size_t>(thread)];
      const Range rows = split_.rows(seq_.B, thread, team);
      const Range blocks = split_.by_rows ? Range{0, layout_.blocks()} : layout_.share(thread, team);
      std::fill_n(worker.next_entry.data(), seq_.B, Index(-1));
      for (Index s = 0; s < steps.size(); ++s) run_step(worker, schedule_.step(s, rows), blocks, thread, team);
      if (constants_.has_U) add_pending_products(worker, rows, blocks);
    });
    if (args_.dx && seq_.valid != nullptr) clear_padding(steps);
    if (const Index rows = schedule_.step(steps.size() - 1).end; rows > 0 && !cancellation_.cancelled())
      gradients(rows);
  }

  // Returns the segment in the form that the cell's functions take.
  SegmentEntries<T> entries() {
    return {entries_.data(), weights_.options, parameters_.data(), weights_.H, saved_block_, da_, reset_h_.data()};
  }

  void run_step(Worker& worker, Range entries, Range blocks, int thread, int team) {
    Index n = 0, n_without_next = 0;
    for (Index e = entries.begin; e < entries.end; ++e) {
      Index& next_entry = worker.next_entry[schedule_.row(e)];
      if (constants_.has_U && next_entry >= 0)
        worker.next_da[n] = da_.at(next_entry, constants_.first_h * padded_), worker.with_next[n++] = e;
      else
        worker.without_next[n_without_next++] = e;
      next_entry = e;
    }
    const SegmentEntries<T> segment = this->entries();
    if (constants_.has_U) {
      const gemm::Terms<T> next_da{worker.next_da.data(), constants_.first_gates() * padded_, kLine<T>, da_.stride};
      cancellation_.in_parts(blocks, n * next_da.K * kLanes, thread, [&](Range some) {
        gemm::for_each_tile(output_layout(), U_.data(), some, next_da, n,
                            [&](Index block, Index width, Index row, Index rows, const T* sums) {
                              functions_.backward(segment, worker.with_next.data() + row, block, width, rows, sums);
                            });
      });
    }
    if (n_without_next > 0)
      functions_.backward(segment, worker.without_next.data(), blocks.begin, blocks.size(), n_without_next, nullptr);
    if (constants_.has_U) wait_for_team(team);
    if (constants_.two_pass) {
      cancellation_.in_parts(blocks, entries.size() * padded_ * kLanes, thread,
                             [&](Range some) { second_pass(worker, entries, some); });
      wait_for_team(team);
    }
  }

  // Computes the second pass of a step: the product of da[n] with Un^T, then the cell.
  void second_pass(Worker& worker, Range entries, Range blocks) {
    for (Index e = entries.begin; e < entries.end; ++e) {
      worker.with_next[e - entries.begin] = e;
      worker.next_da[e - entries.begin] = da_.at(e, (constants_.first_h + constants_.first_gates()) * padded_);
    }
    const gemm::Terms<T> terms{worker.next_da.data(), padded_, kLine<T>, da_.stride};
    const SegmentEntries<T> segment = this->entries();
    gemm::for_each_tile(output_layout(), U_reset_.data(), blocks, terms, entries.size(),
                        [&](Index block, Index width, Index row, Index rows, const T* sums) {
                          functions_.second_backward(segment, worker.with_next.data() + row, block, width, rows, sums);
                        });
  }

  // At the end of a segment, adds the products with U^T that no step of this segment has computed to carry:
  //     carry += mask * (da U^T)
  void add_pending_products(Worker& worker, Range rows, Range blocks) {
    Index n = 0;
    for (Index b = rows.begin; b < rows.end; ++b)
      if (worker.next_entry[b] >= 0)
        worker.next_da[n] = da_.at(worker.next_entry[b], constants_.first_h * padded_),
        worker.with_next[n++] = worker.next_entry[b];
    const gemm::Terms<T> next_da{worker.next_da.data(), constants_.first_gates() * padded_, kLine<T>, da_.stride};
    gemm::for_each_tile(output_layout(), U_.data(), blocks, next_da, n,
                        [&](Index block, Index width, Index row, Index height, const T* sums) {
                          for (Index r = 0; r < height; ++r)
                            for (Index i = 0; i < width; ++i) {
                              const Entry<T>& entry = entries_[worker.with_next[row + r]];
                              const Index unit = (block + i) * kLanes;
                              const V sum = V::load(sums + (r * width + i) * kLanes);
                              (through_mask(entry, unit, weights_.H - unit, sum) + V::load(entry.carry + unit))
                                  .store(entry.carry + unit);
                            }
                        });
  }

  // Computes the gradients of the weights and dx from the `rows` entries of the segment.
  void gradients(Index rows) {
    const Index per_row = (weights_.I + weights_.H) * constants_.gates * weights_.H;
    const auto work = parallel::Work::multiply_adds(rows * per_row);
    parallel::run(parallel::threads_for(work, args_.threads), [&](int thread, int team) {
      gradients_.add(entries(), rows, targets_, thread, team);
      if (args_.dx) input_gradients(share_of(rows, thread, team));
    });
  }

  // Computes dx for the entries in `share`.
  // forward: a = x W + ...   =>   dx = da W^T
  void input_gradients(Range share) {
    const gemm::Terms<T> terms{da_rows_.data() + share.begin, constants_.gates * padded_, kLine<T>, da_.stride};
    const auto layout = input_layout();
    gemm::for_each_tile(layout, W_.data(), {0, layout.blocks()}, terms, share.size(),
                        [&](Index block, Index width, Index row, Index rows, const T* sums) {
                          for (Index r = 0; r < rows; ++r)
                            for (Index i = 0; i < width; ++i) {
                              const Index e = share.begin + row + r, unit = (block + i) * kLanes;
                              T* to = entries_[e].dx + unit;
                              V::load(sums + (r * width + i) * kLanes).store_first(to, weights_.I - unit);
                            }
                        });
  }

  // Sets dx of padding to zero.
  void clear_padding(Range steps) {
    for (Index t = steps.begin; t < steps.end; ++t)
      for (Index b = 0; b < seq_.B; ++b)
        if (!seq_.valid[t * seq_.B + b]) std::fill_n(args_.dx.at(t, b), weights_.I, T(0));
  }

  void wait_for_team(int team) {
    if (!split_.by_rows) barrier_.wait(team);
  }

  const CellKernels<T>& cell_;
  const CellConstants& constants_;
  const CellFunctions<T>& functions_;
  const Weights<T>& weights_;
  const BackwardArgs<T>& args_;
  const Sequence<T>& seq_;
  CellLayout<T> layout_;
  Index padded_, steps_;
  Schedule schedule_;
  Replay<T> replay_;
  WeightGradients<T> gradients_;
  GradientTargets<T> targets_;
  Index saved_block_;  // elements of the tape from one block of units to the next
  SharedCancellation cancellation_;
  Split split_;
  GateGradients<T> da_;
  Buffer<T> U_, U_reset_, W_, parameters_, carry_, dstate_, reset_h_;
  Buffer<Entry<T>> entries_;
  Buffer<const T*> da_rows_;  // of each entry: the gradients of the gates in the product x W
  Buffer<Index> previous_;
  std::vector<Worker> workers_;
  parallel::Barrier barrier_;
};

template <class T>
bool recurrent_backward(const CellKernels<T>& cell, const Weights<T>& weights, const BackwardArgs<T>& args) {
  return BackwardDriver<T>(cell, weights, args).run();
}

}  // namespace seqfuse
