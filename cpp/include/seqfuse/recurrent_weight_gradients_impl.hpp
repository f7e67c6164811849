// The gradients of the weights over the rows of a segment of time, once its gate gradients are known.
#pragma once

#include "seqfuse/outer_product_impl.hpp"
#include "seqfuse/recurrent_step_impl.hpp"

namespace seqfuse {

// One real row of one step: what backward reads and writes of it, each pointer at its first unit or feature.
template <class T>
struct Entry {
  const T *x, *h_prev, *mask;  // mask: null where it is ones
  const T *saved, *dy;         // saved: of the first block of units; dy: null where it is zeros
  T *carry, *dstate, *dx;      // dstate, dx: null where there are none
};

// What is added to: the caller's arrays, or where they must not change before all is known, arrays of our own.
template <class T>
struct GradientTargets {
  GradientTargets(const BackwardArgs<T>& args, Index I, Index H, Index columns, Index parameters, bool apart)
      : dW(args.dW), dU(args.dU), dparameters(args.dparameters), db{args.db, 0}, dbh{args.dbh, 0} {
    if (!apart) return;
    sums.take(dW, I, columns), sums.take(dU, H, columns), sums.take(dparameters, parameters, H);
    sums.take(db, 1, columns), sums.take(dbh, 1, columns);
  }

  Rows<T> dW, dU, dparameters, db, dbh;
  SumsApart<T> sums;
};

template <class Cell, class T>
class WeightGradients {
 public:
  WeightGradients(Index I, Index H, Index rows, bool masked)
      : I_(I),
        H_(H),
        // One line more than the rows take, so that rows of the turned arrays do not share cache sets.
        stride_(round_up(rows, kLine<T>) + kLine<T>),
        x_turned_(checked_product({I + 1, stride_})),
        h_turned_(Cell::kProduct ? checked_product({H + 1, stride_}) : 0),
        reset_turned_(Cell::kTwoStage ? checked_product({H + 1, stride_}) : 0),
        h_in_(Cell::kProduct && masked ? checked_product({rows, H}) : 0) {}

  // A thread's share of dW, dU, db, dbh and dparameters of `rows` entries; all of a team call it. reset_h: (rows, H).
  void add(const Entry<T>* entries, Index rows, const T* reset_h, Index saved_block, GateGradients<T>& da,
           const GradientTargets<T>& to, int thread, int team) {
    if (h_in_.size() > 0) {
      mask_rows(entries, share_of(rows, thread, team));
      barrier_.wait(team);
    }
    const auto turn = [&](auto&& row_of, Index features, Buffer<T>& turned) {
      const Rows<T> into{turned.data(), stride_};
      gemm::transpose_into<T>(row_of, rows, share_of(features, thread, team), into);
      if (thread == 0) std::fill_n(into.row(features), rows, T(1));
    };
    turn([&](Index e) { return entries[e].x; }, I_, x_turned_);
    if (Cell::kProduct)
      turn([&](Index e) { return h_in_.size() > 0 ? h_in_.data() + e * H_ : entries[e].h_prev; }, H_, h_turned_);
    if (Cell::kTwoStage) turn([&](Index e) { return reset_h + e * H_; }, H_, reset_turned_);
    barrier_.wait(team);

    constexpr int kFirst = CellLayout<Cell, T>::kFirstGates;
    const auto product = [&](const T* left, Index K, int first, int gates, const Index* gate, Rows<T> out, T* bias) {
      const OuterProduct<T> outer{{left, stride_}, K, first, gates, gate, out, bias};
      if (outer.outputs() > 0) outer_product(outer, da, rows, H_, thread, team);
    };
    product(x_turned_.data(), I_, Cell::kFirstX, Cell::kGates, Cell::kGateOfX, to.dW, to.db.data);
    if constexpr (Cell::kProduct)
      product(h_turned_.data(), H_, Cell::kFirstH, kFirst, Cell::kGateOfH, to.dU, to.dbh.data);
    else  // the row of ones alone
      product(x_turned_.data() + I_ * stride_, 0, Cell::kFirstH, kFirst, Cell::kGateOfH, {}, to.dbh.data);
    if constexpr (Cell::kTwoStage)
      product(reset_turned_.data(), H_, kFirst, 1, Cell::kGateOfH + kFirst, to.dU, to.dbh.data);
    if constexpr (Cell::kParameters > 0)
      if (to.dparameters) parameters(entries, rows, saved_block, da, to, thread, team);
  }

 private:
  using V = Vec<T>;

  // h_prev as it entered U.
  void mask_rows(const Entry<T>* entries, Range share) {
    for (Index e = share.begin; e < share.end; ++e)
      for (Index u = 0; u < H_; ++u) h_in_[e * H_ + u] = entries[e].mask[u] * entries[e].h_prev[u];
  }

  // dparameters[k] += sum over rows of da of its gate times its factor, cut at kSumBlock rows as every sum is.
  void parameters(const Entry<T>* entries, Index rows, Index saved_block, GateGradients<T>& da,
                  const GradientTargets<T>& to, int thread, int team) {
    constexpr Index kLanes = V::kSize;
    const CellLayout<Cell, T> layout{H_};
    const Range blocks = share_of(layout.blocks(), thread, team);
    for (Index j = blocks.begin; j < blocks.end; ++j) {
      V sums[Cell::kParameters];
      for (V& sum : sums) sum = V::zero();
      for (Index first = 0; first < rows; first += gemm::kSumBlock) {
        V chain[Cell::kParameters];
        for (V& sum : chain) sum = V::zero();
        for (Index e = first; e < std::min(first + gemm::kSumBlock, rows); ++e) {
          V saved[Cell::kSaved], factor[Cell::kParameters];
          for (int s = 0; s < Cell::kSaved; ++s) saved[s] = V::load(entries[e].saved + j * saved_block + s * kLanes);
          Cell::parameter_factors(saved, factor);
          for (int k = 0; k < Cell::kParameters; ++k)
            chain[k] =
                madd(V::load(da.at(e, Cell::kGateOfParameter[k] * layout.padded() + j * kLanes)), factor[k], chain[k]);
        }
        for (int k = 0; k < Cell::kParameters; ++k) sums[k] = sums[k] + chain[k];
      }
      const Index left = H_ - j * kLanes;
      for (int k = 0; k < Cell::kParameters; ++k) {
        T* out = to.dparameters.row(k) + j * kLanes;
        (V::load_first(out, left) + sums[k]).store_first(out, left);
      }
    }
  }

  Index I_, H_, stride_;
  Buffer<T> x_turned_, h_turned_, reset_turned_, h_in_;
  parallel::Barrier barrier_;
};

}  // namespace seqfuse
