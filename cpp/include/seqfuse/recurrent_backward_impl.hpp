// The backward driver: forward's mirror. Segments of time, last read first; in each, the steps one
// after the other, then the weights' gradients over all of its rows at once.
//
// A step takes the later step's gradients of pre-activations times U^T (the tile of forward over
// panels of U^T), adds dy, and the cell turns that and its saved values into this step's gradients
// of pre-activations while the sums are in the first-level cache. Cost: twice forward's
// multiply-adds; bound by them where forward is.
//
// Sums: dh_prev is its own sum from zero (times the mask of what entered U), plus what the cell
// carries, then plus dy. Weights' gradients are one sum a segment (cut at gemm::kSumBlock rows) added
// to what was there. Segments begin at multiples of their length in t, so that steps added behind a
// sequence change nothing.
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
        numbers_(cell.numbers),
        functions_(cell.functions(weights.options)),
        weights_(weights),
        args_(args),
        seq_(args.tape.sequence),
        layout_{cell.numbers, weights.H},
        padded_(layout_.padded()),
        steps_(std::clamp<Index>(kSegmentRows / std::max<Index>(seq_.B, 1), 1, std::max<Index>(seq_.T_, 1))),
        schedule_(steps_, seq_.B),
        replay_(cell, weights, args.tape, steps_, args.threads, args.cancellation),
        gradients_(cell, weights.I, weights.H, steps_ * seq_.B, bool(seq_.recurrent_mask)),
        targets_(args, weights.I, weights.H, numbers_.gates * weights.H, numbers_.parameters,
                 args.added && seq_.T_ > steps_),
        saved_block_(seq_.B * replay_.values() * kLanes),
        cancellation_(args.cancellation) {
    const Index B = seq_.B, H = weights.H, rows = steps_ * B;
    split_ = Split::choose(args.threads, seq_.T_, B, numbers_.gates * H * H, output_layout().panels());
    split_.balance(seq_.real, seq_.T_, B);
    da_ = GateGradients<T>(numbers_.grads * padded_, rows);
    carry_ = initial(args.dh), dstate_ = numbers_.states > 0 ? initial(args.dc) : Buffer<T>();
    if (numbers_.two_stage) reset_h_ = Buffer<T>(checked_product({rows, H}));
    entries_ = Buffer<Entry<T>>(rows);
    da_rows_ = Buffer<const T*>(rows);
    for (Index e = 0; e < rows; ++e) da_rows_[e] = da_.at(e, numbers_.first_x * padded_);
    for (int i = 0; i < split_.threads; ++i) workers_.emplace_back(B);
    if (seq_.real != nullptr) find_previous_steps();
    parameters_ = lay_out_parameters(numbers_, weights);
    pack();
  }

  bool run() {
    const Index segments = divide_up(seq_.T_, steps_);
    for (Index i = 0; i < segments; ++i) {
      const Index first = (seq_.reverse ? i : segments - 1 - i) * steps_;
      const Range steps{first, std::min(first + steps_, seq_.T_)};
      if (cancellation_.poll() || !replay_.require(steps)) return false;
      segment(steps);
      if (cancellation_.cancelled()) return false;
    }
    targets_.sums.store();
    for (Index b = 0; b < seq_.B; ++b) {
      std::copy_n(carry_.data() + b * padded_, weights_.H, args_.dh0.row(b));
      if (numbers_.states > 0) std::copy_n(dstate_.data() + b * padded_, weights_.H, args_.dc0.row(b));
    }
    return true;
  }

 private:
  using V = Vec<T>;
  static constexpr Index kLanes = V::kSize;
  // Rows of a segment: their gate gradients are still in the second- or third-level cache when the
  // weights' product reads them, and that many rows make the adding to dW small beside the product.
  static constexpr Index kSegmentRows = 512;

  // What one thread follows: where each row's later gate gradients are (-1: none in this segment).
  struct Worker {
    explicit Worker(Index B) : pending(B), later(B), entry(B), fresh(B) {}
    Buffer<Index> pending;
    Buffer<const T*> later;
    Buffer<Index> entry, fresh;
  };

  gemm::Layout<T> output_layout() const { return {weights_.H, 1, gemm::kPanelPackets}; }
  gemm::Layout<T> input_layout() const { return {weights_.I, 1, gemm::kPanelPackets}; }

  Buffer<T> initial(Rows<const T> given) const {
    Buffer<T> to(checked_product({seq_.B, padded_}));
    to.fill_zero();
    if (given)
      for (Index b = 0; b < seq_.B; ++b) std::copy_n(given.row(b), weights_.H, to.data() + b * padded_);
    return to;
  }

  // previous_[t, b]: the real step read before t in row b, or -1.
  void find_previous_steps() {
    previous_ = Buffer<Index>(checked_product({seq_.T_, seq_.B}));
    for (Index b = 0; b < seq_.B; ++b) {
      Index last = -1;
      for (Index s = 0; s < seq_.T_; ++s) {
        const Index t = seq_.reverse ? seq_.T_ - 1 - s : s;
        previous_[t * seq_.B + b] = last;
        if (seq_.real[t * seq_.B + b]) last = t;
      }
    }
  }

  Index previous(Index t, Index b) const {
    if (seq_.real != nullptr) return previous_[t * seq_.B + b];
    return seq_.reverse ? t + 1 : t - 1;
  }

  void pack() {
    const Index H = weights_.H;
    Index of_x[kMaxGates], of_h[kMaxGates];
    for (int g = 0; g < numbers_.gates; ++g) of_x[g] = numbers_.gate_of_x[g] * H, of_h[g] = numbers_.gate_of_h[g] * H;
    const auto out = output_layout(), in = input_layout();
    if (numbers_.product) U_ = Buffer<T>(out.size(numbers_.first_gates() * padded_));
    if (numbers_.two_stage) U_reset_ = Buffer<T>(out.size(padded_));
    if (args_.dx) W_ = Buffer<T>(in.size(numbers_.gates * padded_));
    const auto work = parallel::Work::packs((weights_.I + H) * numbers_.gates * H);
    parallel::run(parallel::threads_for(work, args_.threads), [&](int thread, int team) {
      const Range units = share_of(out.panels(), thread, team);
      if (numbers_.product)
        gemm::pack_rows(out, of_h, numbers_.first_gates(), H, padded_, weights_.U, units, U_.data());
      if (numbers_.two_stage)
        gemm::pack_rows(out, of_h + numbers_.first_gates(), 1, H, padded_, weights_.U, units, U_reset_.data());
      if (args_.dx)
        gemm::pack_rows(in, of_x, numbers_.gates, H, padded_, weights_.W, share_of(in.panels(), thread, team),
                        W_.data());
    });
  }

  // The entries of step t.
  void collect(Index t, Range entries) {
    const auto chunk = replay_.chunk(t);
    const T* saved = chunk.saved + (t - chunk.steps.begin) * replay_.step_size();
    for (Index e = entries.begin; e < entries.end; ++e) {
      const Index b = schedule_.row(e), before = previous(t, b);
      const bool at_hand = before >= chunk.steps.begin && before < chunk.steps.end;
      entries_[e] = {.x = seq_.x.at(t, b),
                     .h_prev = at_hand ? chunk.y.at(before - chunk.steps.begin, b) : chunk.h0.row(b),
                     .mask = seq_.recurrent_mask ? seq_.recurrent_mask.row(b) : nullptr,
                     .saved = saved + b * replay_.values() * kLanes,
                     .dy = args_.dy ? args_.dy.at(t, b) : nullptr,
                     .carry = carry_.data() + b * padded_,
                     .dstate = numbers_.states > 0 ? dstate_.data() + b * padded_ : nullptr,
                     .dx = args_.dx ? args_.dx.at(t, b) : nullptr};
    }
  }

  void segment(Range steps) {
    const Index first = seq_.reverse ? steps.begin : steps.end - 1, by = seq_.reverse ? 1 : -1;
    schedule_.fill(seq_.real, seq_.B, {0, seq_.B}, first, by, steps.size());
    for (Index s = 0; s < steps.size(); ++s) collect(first + s * by, schedule_.step(s));
    parallel::run(split_.threads, [&](int thread, int team) {
      Worker& worker = workers_[static_cast<std::size_t>(thread)];
      const Range rows = split_.rows(seq_.B, thread, team);
      const Range blocks = split_.by_rows ? Range{0, layout_.blocks()} : layout_.share(thread, team);
      std::fill_n(worker.pending.data(), seq_.B, Index(-1));
      for (Index s = 0; s < steps.size(); ++s) one_step(worker, schedule_.step(s, rows), blocks, thread, team);
      if (numbers_.product) hand_over(worker, rows, blocks);
    });
    if (args_.dx && seq_.real != nullptr) clear_unreal(steps);
    if (const Index rows = schedule_.step(steps.size() - 1).end; rows > 0 && !cancellation_.cancelled())
      gradients(rows);
  }

  // The segment as the cell's functions see it.
  SegmentEntries<T> entries() {
    return {entries_.data(), weights_.options, parameters_.data(), weights_.H, saved_block_, da_, reset_h_.data()};
  }

  void one_step(Worker& worker, Range entries, Range blocks, int thread, int team) {
    Index n = 0, fresh = 0;
    for (Index e = entries.begin; e < entries.end; ++e) {
      Index& pending = worker.pending[schedule_.row(e)];
      if (numbers_.product && pending >= 0)
        worker.later[n] = da_.at(pending, numbers_.first_h * padded_), worker.entry[n++] = e;
      else
        worker.fresh[fresh++] = e;
      pending = e;
    }
    const SegmentEntries<T> segment = this->entries();
    if (numbers_.product) {
      const gemm::Terms<T> later{worker.later.data(), numbers_.first_gates() * padded_, kLine<T>, da_.stride};
      cancellation_.in_parts(blocks, n * later.K * kLanes, thread, [&](Range some) {
        gemm::for_each_tile(output_layout(), U_.data(), some, later, n,
                            [&](Index block, Index width, Index row, Index rows, const T* sums) {
                              functions_.backward(segment, worker.entry.data() + row, block, width, rows, sums);
                            });
      });
    }
    if (fresh > 0) functions_.backward(segment, worker.fresh.data(), blocks.begin, blocks.size(), fresh, nullptr);
    if (numbers_.product) meet(team);
    if (numbers_.two_stage) {
      cancellation_.in_parts(blocks, entries.size() * padded_ * kLanes, thread,
                             [&](Range some) { second_pass(worker, entries, some); });
      meet(team);
    }
  }

  // The second pass of a cell with two, whose product is with the last of the gates' gradients.
  void second_pass(Worker& worker, Range entries, Range blocks) {
    for (Index e = entries.begin; e < entries.end; ++e) {
      worker.entry[e - entries.begin] = e;
      worker.later[e - entries.begin] = da_.at(e, (numbers_.first_h + numbers_.first_gates()) * padded_);
    }
    const gemm::Terms<T> terms{worker.later.data(), padded_, kLine<T>, da_.stride};
    const SegmentEntries<T> segment = this->entries();
    gemm::for_each_tile(output_layout(), U_reset_.data(), blocks, terms, entries.size(),
                        [&](Index block, Index width, Index row, Index rows, const T* sums) {
                          functions_.second_backward(segment, worker.entry.data() + row, block, width, rows, sums);
                        });
  }

  // At a segment's end the rows' products with U^T that the next step would have made go into carry.
  void hand_over(Worker& worker, Range rows, Range blocks) {
    Index n = 0;
    for (Index b = rows.begin; b < rows.end; ++b)
      if (worker.pending[b] >= 0)
        worker.later[n] = da_.at(worker.pending[b], numbers_.first_h * padded_), worker.entry[n++] = worker.pending[b];
    const gemm::Terms<T> later{worker.later.data(), numbers_.first_gates() * padded_, kLine<T>, da_.stride};
    gemm::for_each_tile(
        output_layout(), U_.data(), blocks, later, n,
        [&](Index block, Index width, Index row, Index height, const T* sums) {
          for (Index r = 0; r < height; ++r)
            for (Index i = 0; i < width; ++i) {
              const Entry<T>& entry = entries_[worker.entry[row + r]];
              const Index at = (block + i) * kLanes;
              const V sum = V::load(sums + (r * width + i) * kLanes);
              (through_mask(entry, at, weights_.H - at, sum) + V::load(entry.carry + at)).store(entry.carry + at);
            }
        });
  }

  // The weights' gradients and dx over `rows` entries.
  void gradients(Index rows) {
    const Index of_row = (weights_.I + weights_.H) * numbers_.gates * weights_.H;
    const auto work = parallel::Work::multiply_adds(rows * of_row);
    parallel::run(parallel::threads_for(work, args_.threads), [&](int thread, int team) {
      gradients_.add(entries(), rows, targets_, thread, team);
      if (args_.dx) input_gradients(share_of(rows, thread, team));
    });
  }

  // dx = da W^T for a share of the segment's rows.
  void input_gradients(Range share) {
    const gemm::Terms<T> terms{da_rows_.data() + share.begin, numbers_.gates * padded_, kLine<T>, da_.stride};
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

  void clear_unreal(Range steps) {
    for (Index t = steps.begin; t < steps.end; ++t)
      for (Index b = 0; b < seq_.B; ++b)
        if (!seq_.real[t * seq_.B + b]) std::fill_n(args_.dx.at(t, b), weights_.I, T(0));
  }

  void meet(int team) {
    if (!split_.by_rows) barrier_.wait(team);
  }

  const CellKernels<T>& cell_;
  const CellNumbers& numbers_;
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
  Buffer<const T*> da_rows_;  // of each entry, the gradients that join x
  Buffer<Index> previous_;
  std::vector<Worker> workers_;
  parallel::Barrier barrier_;
};

template <class T>
bool recurrent_backward(const CellKernels<T>& cell, const Weights<T>& weights, const BackwardArgs<T>& args) {
  return BackwardDriver<T>(cell, weights, args).run();
}

}  // namespace seqfuse
