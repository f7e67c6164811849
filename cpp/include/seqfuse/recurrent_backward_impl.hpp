// The backward driver: forward's mirror. Segments of time, last read first; in each, the steps one
// after the other, then the weights' gradients over all of its rows at once.
//
// A step takes the later step's gradients of pre-activations times U^T (the tile of forward over
// panels of U^T), adds dy, and the cell turns that and its saved values into this step's gradients
// of pre-activations while the sums are in the first-level cache. Cost: twice forward's
// multiply-adds; bound by them where forward is.
//
// Sums: dh_prev is its own sum from zero, plus what the cell carries, then plus dy. Weights'
// gradients are one sum a segment (cut at gemm::kSumBlock rows) added to what was there. Segments
// begin at multiples of their length in t, so that steps added behind a sequence change nothing.
#pragma once

#include <vector>

#include "seqfuse/outer_product_impl.hpp"
#include "seqfuse/recurrent_schedule_impl.hpp"
#include "seqfuse/recurrent_step_impl.hpp"

namespace seqfuse {

template <class Cell, class T>
class BackwardDriver {
 public:
  BackwardDriver(const Weights<T>& weights, const BackwardArgs<T>& args)
      : weights_(weights),
        args_(args),
        seq_(args.sequence),
        layout_{weights.H},
        padded_(layout_.padded()),
        steps_(std::clamp<Index>(kSegmentRows / std::max<Index>(seq_.B, 1), 1, std::max<Index>(seq_.T_, 1))),
        schedule_(steps_, seq_.B) {
    const Index B = seq_.B, H = weights.H, I = weights.I, rows = steps_ * B;
    split_ = Split::choose(args.threads, seq_.T_, B, kFirst * H * H + H * H * (Cell::kTwoStage ? 1 : 0),
                           output_layout().panels());
    da_ = GateGradients<T>(Cell::kGrads * padded_, rows);
    carry_ = initial(args.dh), dstate_ = Cell::kStates ? initial(args.dc) : Buffer<T>();
    zeros_ = Buffer<T>(H);
    zeros_.fill_zero();
    // One line more than the rows take, so that rows of the turned arrays do not share cache sets.
    turned_stride_ = round_up(rows, kLine<T>) + kLine<T>;
    x_turned_ = Buffer<T>(checked_product({I + 1, turned_stride_}));
    h_turned_ = Buffer<T>(checked_product({H + 1, turned_stride_}));
    if (Cell::kTwoStage) {
      reset_h_ = Buffer<T>(checked_product({rows, H}));
      reset_turned_ = Buffer<T>(checked_product({H + 1, turned_stride_}));
    }
    entries_ = Buffer<Entry>(rows);
    da_rows_ = Buffer<const T*>(rows);
    for (Index e = 0; e < rows; ++e) da_rows_[e] = da_.at(e, Cell::kFirstX * padded_);
    for (int i = 0; i < split_.threads; ++i) workers_.emplace_back(B);
    if (seq_.real != nullptr) find_previous_steps();
    pack();
  }

  bool run() {
    const Index segments = divide_up(seq_.T_, steps_);
    for (Index i = 0; i < segments; ++i) {
      if (args_.stop()) return false;
      const Index first = (seq_.reverse ? i : segments - 1 - i) * steps_;
      segment({first, std::min(first + steps_, seq_.T_)});
    }
    for (Index b = 0; b < seq_.B; ++b) {
      std::copy_n(carry_.data() + b * padded_, weights_.H, args_.dh0.row(b));
      if (Cell::kStates) std::copy_n(dstate_.data() + b * padded_, weights_.H, args_.dc0.row(b));
    }
    return true;
  }

 private:
  using V = Vec<T>;
  static constexpr Index kLanes = V::kSize;
  static constexpr int kFirst = CellLayout<Cell, T>::kFirstGates;
  // Rows of a segment: their gate gradients are still in the second- or third-level cache when the
  // weights' product reads them, and that many rows make the adding to dW small beside the product.
  static constexpr Index kSegmentRows = 512;

  // One real row of one step: what its step reads and writes, each pointer at its first unit or feature.
  struct Entry {
    const T *x, *h_prev, *saved, *dy;  // saved: of the first block of units; dy: null where it is zeros
    T *carry, *dstate, *dx;            // dstate, dx: null where there are none
  };

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
    if (seq_.reverse) return t + 1 < seq_.T_ ? t + 1 : -1;
    return t - 1;
  }

  Entry entry(Index t, Index b) {
    const Index before = previous(t, b);
    const T* start = seq_.h0 ? seq_.h0.row(b) : zeros_.data();
    return {seq_.x.at(t, b),
            before >= 0 ? args_.y.at(before, b) : start,
            args_.saved + (t * layout_.blocks() * seq_.B + b) * Cell::kSaved * kLanes,
            args_.dy ? args_.dy.at(t, b) : nullptr,
            carry_.data() + b * padded_,
            Cell::kStates ? dstate_.data() + b * padded_ : nullptr,
            args_.dx ? args_.dx.at(t, b) : nullptr};
  }

  void pack() {
    const Index H = weights_.H;
    Index of_x[Cell::kGates], of_h[Cell::kGates];
    for (int g = 0; g < Cell::kGates; ++g) of_x[g] = Cell::kGateOfX[g] * H, of_h[g] = Cell::kGateOfH[g] * H;
    const auto out = output_layout(), in = input_layout();
    U_ = Buffer<T>(out.size(kFirst * padded_));
    if (Cell::kTwoStage) U_reset_ = Buffer<T>(out.size(padded_));
    if (args_.dx) W_ = Buffer<T>(in.size(Cell::kGates * padded_));
    const bool large = (weights_.I + H) * Cell::kGates * H > 131072;
    parallel::run(large ? args_.threads : 1, [&](int thread, int team) {
      const Range units = share_of(out.panels(), thread, team);
      gemm::pack_rows(out, of_h, kFirst, H, padded_, weights_.U, units, U_.data());
      if (Cell::kTwoStage) gemm::pack_rows(out, of_h + kFirst, 1, H, padded_, weights_.U, units, U_reset_.data());
      if (args_.dx)
        gemm::pack_rows(in, of_x, Cell::kGates, H, padded_, weights_.W, share_of(in.panels(), thread, team), W_.data());
    });
  }

  void segment(Range steps) {
    const Index first = seq_.reverse ? steps.begin : steps.end - 1, by = seq_.reverse ? 1 : -1;
    schedule_.fill(seq_.real, seq_.B, {0, seq_.B}, first, by, steps.size());
    for (Index s = 0; s < steps.size(); ++s)
      for (Index e = schedule_.step(s).begin; e < schedule_.step(s).end; ++e) {
        entries_[e] = entry(first + s * by, schedule_.row(e));
      }
    parallel::run(split_.threads, [&](int thread, int team) {
      Worker& worker = workers_[static_cast<std::size_t>(thread)];
      const Range rows = split_.rows(seq_.B, thread, team);
      const Range blocks = split_.by_rows ? Range{0, layout_.blocks()} : layout_.share(thread, team);
      std::fill_n(worker.pending.data(), seq_.B, Index(-1));
      for (Index s = 0; s < steps.size(); ++s) one_step(worker, schedule_.step(s, rows), blocks, team);
      hand_over(worker, rows, blocks);
    });
    gradients(steps, schedule_.step(steps.size() - 1).end);
  }

  // What a block of units of entry e saved in forward.
  void load_saved(const Entry& entry, Index j, V* saved) const {
    const T* kept = entry.saved + j * seq_.B * Cell::kSaved * kLanes;
#pragma GCC unroll 8
    for (int s = 0; s < Cell::kSaved; ++s) saved[s] = V::load(kept + s * kLanes);
  }

  // One block of units of entry e: dh = sum (+ carried) + dy, then the cell.
  void unit(Index e, Index j, V sum) {
    const Entry& entry = entries_[e];
    const Index at = j * kLanes, left = weights_.H - at;
    V dh = sum + V::load(entry.carry + at);
    if (entry.dy != nullptr) dh = dh + V::load_first(entry.dy + at, left);
    V saved[Cell::kSaved], dstate[1], da[Cell::kGrads], dh_prev = V::zero();
    load_saved(entry, j, saved);
    if constexpr (Cell::kStates) dstate[0] = V::load(entry.dstate + at);
    Cell::backward(CellOptions{weights_.candidate}, saved, dh, dstate, da, dh_prev);
    if constexpr (Cell::kStates) dstate[0].store(entry.dstate + at);
    dh_prev.store(entry.carry + at);
#pragma GCC unroll 8
    for (int g = 0; g < Cell::kGrads; ++g)
      if (!Cell::kTwoStage || g != 1) da[g].first(left).store(da_.at(e, g * padded_ + at));
  }

  void one_step(Worker& worker, Range entries, Range blocks, int team) {
    Index n = 0, fresh = 0;
    for (Index e = entries.begin; e < entries.end; ++e) {
      Index& pending = worker.pending[schedule_.row(e)];
      if (pending >= 0)
        worker.later[n] = da_.at(pending, Cell::kFirstH * padded_), worker.entry[n++] = e;
      else
        worker.fresh[fresh++] = e;
      pending = e;
    }
    const gemm::Terms<T> later{worker.later.data(), kFirst * padded_, kLine<T>, da_.stride};
    gemm::for_each_tile(output_layout(), U_.data(), blocks, later, n,
                        [&](Index block, Index width, Index row, Index rows, const T* sums) {
                          for (Index r = 0; r < rows; ++r)
                            for (Index i = 0; i < width; ++i)
                              unit(worker.entry[row + r], block + i, V::load(sums + (r * width + i) * kLanes));
                        });
    for (Index i = 0; i < fresh; ++i)
      for (Index j = blocks.begin; j < blocks.end; ++j) unit(worker.fresh[i], j, V::zero());
    meet(team);
    if constexpr (Cell::kTwoStage) {
      reset_step(worker, entries, blocks);
      meet(team);
    }
  }

  // The second pass of a cell with two: r and what goes through r * h_prev need dn of all units.
  void reset_step(Worker& worker, Range entries, Range blocks) {
    for (Index e = entries.begin; e < entries.end; ++e) worker.later[e - entries.begin] = da_.at(e, kFirst * padded_);
    const gemm::Terms<T> terms{worker.later.data(), padded_, kLine<T>, da_.stride};
    gemm::for_each_tile(output_layout(), U_reset_.data(), blocks, terms, entries.size(),
                        [&](Index block, Index width, Index row, Index rows, const T* sums) {
                          for (Index r = 0; r < rows; ++r)
                            for (Index i = 0; i < width; ++i) {
                              const Index e = entries.begin + row + r, at = (block + i) * kLanes;
                              T* carry = entries_[e].carry + at;
                              V saved[Cell::kSaved], da[Cell::kGrads], dh_prev = V::load(carry), reset_h;
                              load_saved(entries_[e], block + i, saved);
                              Cell::backward_reset(saved, V::load(sums + (r * width + i) * kLanes), da, dh_prev,
                                                   reset_h);
                              dh_prev.store(carry);
                              reset_h.store_first(reset_h_.data() + e * weights_.H + at, weights_.H - at);
                              da[1].first(weights_.H - at).store(da_.at(e, padded_ + at));
                            }
                        });
  }

  // At a segment's end the rows' products with U^T that the next step would have made go into carry.
  void hand_over(Worker& worker, Range rows, Range blocks) {
    Index n = 0;
    for (Index b = rows.begin; b < rows.end; ++b)
      if (worker.pending[b] >= 0)
        worker.later[n] = da_.at(worker.pending[b], Cell::kFirstH * padded_), worker.entry[n++] = b;
    const gemm::Terms<T> later{worker.later.data(), kFirst * padded_, kLine<T>, da_.stride};
    gemm::for_each_tile(output_layout(), U_.data(), blocks, later, n,
                        [&](Index block, Index width, Index row, Index height, const T* sums) {
                          for (Index r = 0; r < height; ++r)
                            for (Index i = 0; i < width; ++i) {
                              T* carry = carry_.data() + worker.entry[row + r] * padded_ + (block + i) * kLanes;
                              (V::load(sums + (r * width + i) * kLanes) + V::load(carry)).store(carry);
                            }
                        });
  }

  // dW, dU, db and dx of a segment with `rows` entries.
  void gradients(Range steps, Index rows) {
    const Index I = weights_.I, H = weights_.H;
    if (args_.dx && seq_.real != nullptr)
      for (Index t = steps.begin; t < steps.end; ++t)
        for (Index b = 0; b < seq_.B; ++b)
          if (!seq_.real[t * seq_.B + b]) std::fill_n(args_.dx.at(t, b), I, T(0));
    if (rows == 0) return;
    const Rows<T> x{x_turned_.data(), turned_stride_}, h{h_turned_.data(), turned_stride_};
    const Rows<T> reset{reset_turned_.data(), turned_stride_};
    const auto fixed = [](Rows<T> turned) { return Rows<const T>{turned.data, turned.stride}; };
    const OuterProduct<T> of_x{fixed(x), I, Cell::kFirstX, Cell::kGates, Cell::kGateOfX, args_.dW, args_.db};
    const OuterProduct<T> of_h{fixed(h), H, Cell::kFirstH, kFirst, Cell::kGateOfH, args_.dU, args_.dbh};
    const OuterProduct<T> of_reset{fixed(reset), H, kFirst, 1, Cell::kGateOfH + kFirst, args_.dU, args_.dbh};

    const bool large = rows * (I + H) * Cell::kGates * H > 400'000;
    parallel::run(large ? args_.threads : 1, [&](int thread, int team) {
      const auto turn = [&](auto&& row_of, Index features, Rows<T> to) {
        gemm::transpose_into<T>(row_of, rows, share_of(features, thread, team), to);
        if (thread == 0) std::fill_n(to.row(features), rows, T(1));
      };
      turn([&](Index e) { return entries_[e].x; }, I, x);
      turn([&](Index e) { return entries_[e].h_prev; }, H, h);
      if (Cell::kTwoStage) turn([&](Index e) { return reset_h_.data() + e * H; }, H, reset);
      barrier_.wait(team);
      outer_product(of_x, da_, rows, H, thread, team);
      outer_product(of_h, da_, rows, H, thread, team);
      if (Cell::kTwoStage) outer_product(of_reset, da_, rows, H, thread, team);
      if (args_.dx) input_gradients(share_of(rows, thread, team));
    });
  }

  // dx = da W^T for a share of the segment's rows.
  void input_gradients(Range share) {
    const gemm::Terms<T> terms{da_rows_.data() + share.begin, Cell::kGates * padded_, kLine<T>, da_.stride};
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

  void meet(int team) {
    if (!split_.by_rows) barrier_.wait(team);
  }

  const Weights<T>& weights_;
  const BackwardArgs<T>& args_;
  const Sequence<T>& seq_;
  CellLayout<Cell, T> layout_;
  Index padded_, steps_, turned_stride_ = 0;
  Schedule schedule_;
  Split split_;
  GateGradients<T> da_;
  Buffer<T> U_, U_reset_, W_, carry_, dstate_, zeros_, x_turned_, h_turned_, reset_h_, reset_turned_;
  Buffer<Entry> entries_;
  Buffer<const T*> da_rows_;  // of each entry, the gradients that join x
  Buffer<Index> previous_;
  std::vector<Worker> workers_;
  parallel::Barrier barrier_;
};

template <class Cell, class T>
bool backward(const Weights<T>& weights, const BackwardArgs<T>& args) {
  return BackwardDriver<Cell, T>(weights, args).run();
}

}  // namespace seqfuse
