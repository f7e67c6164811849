// Computes the gradients of the weights from the gate gradients of a segment.
//
//     forward: a = x W + (mask * h_prev) U + bx + bh   =>
//     dW += x^T da,  dU += (mask * h_prev)^T da,  dbx += sum of da,  dbh += sum of da
//
// x and h_prev are transposed into arrays with one more row of ones, so that the same product also computes the sums
// for the biases. Cost: rows * (I + H) * G * H multiply-adds, which limit the speed.
#pragma once

#include "seqfuse/outer_product_impl.hpp"
#include "seqfuse/recurrent_step_impl.hpp"

namespace seqfuse {

// The arrays that gradients are added to: those of the caller, or staged copies if a cancelled call must not change
// the caller's.
template <class T>
struct GradientTargets {
  GradientTargets(const BackwardArgs<T>& args, Index I, Index H, Index columns, Index parameters, bool staged)
      : dW(args.dW), dU(args.dU), dparameters(args.dparameters), db{args.db, 0}, dbh{args.dbh, 0} {
    if (!staged) return;
    sums.stage(dW, I, columns), sums.stage(dU, H, columns), sums.stage(dparameters, parameters, H);
    sums.stage(db, 1, columns), sums.stage(dbh, 1, columns);
  }

  Rows<T> dW, dU, dparameters, db, dbh;
  StagedSums<T> sums;
};

template <class T>
class WeightGradients {
 public:
  WeightGradients(const CellKernels<T>& cell, Index I, Index H, Index rows, bool masked)
      : cell_(cell),
        constants_(cell.constants),
        I_(I),
        H_(H),
        // One cache line more than the rows need, so that the transposed rows do not fall into the same cache sets.
        stride_(round_up(rows, kLine<T>) + kLine<T>),
        x_transposed_(checked_product({I + 1, stride_})),
        h_transposed_(constants_.has_U ? checked_product({H + 1, stride_}) : 0),
        reset_h_transposed_(constants_.two_pass ? checked_product({H + 1, stride_}) : 0),
        h_masked_(constants_.has_U && masked ? checked_product({rows, H}) : 0) {}

  // Adds the gradients of `rows` entries. All threads of the team call it, each for its share of the outputs.
  void add(const SegmentEntries<T>& segment, Index rows, const GradientTargets<T>& to, int thread, int team) {
    const Entry<T>* entries = segment.entries;
    if (h_masked_.size() > 0) {
      mask_rows(entries, share_of(rows, thread, team));
      barrier_.wait(team);
    }
    const auto transpose = [&](auto&& row_of, Index features, Buffer<T>& transposed) {
      const Rows<T> into{transposed.data(), stride_};
      gemm::transpose_into<T>(row_of, rows, share_of(features, thread, team), into);
      if (thread == 0) std::fill_n(into.row(features), rows, T(1));
    };
    transpose([&](Index e) { return entries[e].x; }, I_, x_transposed_);
    if (constants_.has_U)
      transpose([&](Index e) { return h_masked_.size() > 0 ? h_masked_.data() + e * H_ : entries[e].h_prev; }, H_,
                h_transposed_);
    if (constants_.two_pass) transpose([&](Index e) { return segment.reset_h + e * H_; }, H_, reset_h_transposed_);
    barrier_.wait(team);

    const int first_gates = constants_.first_gates();
    const auto product = [&](const T* left, Index K, int first, int gates, const Index* gate, Rows<T> out, T* bias) {
      const OuterProduct<T> outer{{left, stride_}, K, first, gates, gate, out, bias};
      if (outer.outputs() > 0) outer_product(outer, segment.da, rows, H_, thread, team);
    };
    product(x_transposed_.data(), I_, constants_.first_x, constants_.gates, constants_.gate_of_x, to.dW, to.db.data);
    if (constants_.has_U)
      product(h_transposed_.data(), H_, constants_.first_h, first_gates, constants_.gate_of_h, to.dU, to.dbh.data);
    else  // without U, dbh needs only the row of ones
      product(x_transposed_.data() + I_ * stride_, 0, constants_.first_h, first_gates, constants_.gate_of_h, {},
              to.dbh.data);
    if (constants_.two_pass)
      product(reset_h_transposed_.data(), H_, first_gates, 1, constants_.gate_of_h + first_gates, to.dU, to.dbh.data);
    if (constants_.parameters > 0 && to.dparameters) parameters(segment, rows, to, thread, team);
  }

 private:
  using V = Vec<T>;

  // Computes mask * h_prev for the entries in `share`.
  void mask_rows(const Entry<T>* entries, Range share) {
    for (Index e = share.begin; e < share.end; ++e)
      for (Index u = 0; u < H_; ++u) h_masked_[e * H_ + u] = entries[e].mask[u] * entries[e].h_prev[u];
  }

  // Adds to dparameters: the sum over rows of da of the parameter's gate times its factor (cells.hpp).
  void parameters(const SegmentEntries<T>& segment, Index rows, const GradientTargets<T>& to, int thread, int team) {
    const Range blocks = share_of(divide_up(H_, V::kSize), thread, team);
    for (Index j = blocks.begin; j < blocks.end; ++j) {
      V sums[kMaxParameters];
      cell_.parameter_sums(segment, rows, j, sums);
      const Index left = H_ - j * V::kSize;
      for (int k = 0; k < constants_.parameters; ++k) {
        T* out = to.dparameters.row(k) + j * V::kSize;
        (V::load_first(out, left) + sums[k]).store_first(out, left);
      }
    }
  }

  const CellKernels<T>& cell_;
  const CellConstants& constants_;
  Index I_, H_, stride_;
  Buffer<T> x_transposed_, h_transposed_, reset_h_transposed_, h_masked_;
  parallel::Barrier barrier_;
};

}  // namespace seqfuse
