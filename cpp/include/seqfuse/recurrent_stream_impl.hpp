// Streams: a cell that computes one step per call and keeps its state. The constructor allocates all memory, so a step
// allocates none.
#pragma once

#include "seqfuse/recurrent_step_impl.hpp"

namespace seqfuse {

template <class T>
class RecurrentStream final : public Stream<T> {
 public:
  RecurrentStream(const CellKernels<T>& cell, std::shared_ptr<const PackedWeights<T>> packed, Index batch)
      : cell_(cell),
        packed_(std::move(packed)),
        layout_{cell.constants, packed_->H},
        batch_(batch),
        padded_(layout_.padded()),
        h_(checked_product({2, batch, padded_})),
        c_(constants().states > 0 ? batch * padded_ : 0),
        x_product_(checked_product({batch, layout_.blocks(), constants().gates, kLanes})),
        saved_(constants().two_pass ? x_product_.size() / constants().gates * saved_values() : 0),
        reset_h_(constants().two_pass ? batch * padded_ : 0),
        x_rows_(batch),
        h_prev_rows_(batch),
        h_rows_(batch),
        c_rows_(batch),
        saved_rows_(batch),
        reset_rows_(batch) {
    h_.fill_zero();
    c_.fill_zero();
    for (Index b = 0; b < batch; ++b) {
      if (constants().states > 0) c_rows_[b] = c_.data() + b * padded_;
      if (constants().two_pass) {
        saved_rows_[b] = saved_.data() + b * saved_values() * kLanes;
        reset_rows_[b] = reset_h_.data() + b * padded_;
      }
    }
  }

  void step(Rows<const T> x, Rows<T> h_out) override {
    parallel::FlushDenormals flush;
    T* h_next = h_.data() + (1 - current_) * batch_ * padded_;
    for (Index b = 0; b < batch_; ++b)
      x_rows_[b] = x.row(b), h_prev_rows_[b] = h().row(b), h_rows_[b] = h_next + b * padded_;
    const StepRows<T> rows{.n = batch_,
                           .h_prev = h_prev_rows_.data(),
                           .h_prev_masked = h_prev_rows_.data(),
                           .h = h_rows_.data(),
                           .state = c_rows_.data(),
                           .saved = constants().two_pass ? saved_rows_.data() : nullptr,
                           .saved_block = batch_ * saved_values() * kLanes,
                           .x_product = x_product_.data(),
                           .x_product_rows = batch_,
                           .reset_h = reset_rows_.data()};
    const Range all{0, layout_.blocks()};
    input_product(constants(), *packed_, x_rows_.data(), batch_, all, x_product_.data());
    seqfuse::step(cell_, *packed_, rows, all);
    if (constants().two_pass) second_step(cell_, *packed_, rows, all);
    current_ = 1 - current_;
    for (Index b = 0; b < batch_; ++b) std::copy_n(h_rows_[b], packed_->H, h_out.row(b));
  }

  Rows<T> h() override { return {h_.data() + current_ * batch_ * padded_, padded_}; }
  Rows<T> c() override { return {c_.size() > 0 ? c_.data() : nullptr, padded_}; }

  std::unique_ptr<Stream<T>> copy() const override {
    auto other = std::make_unique<RecurrentStream>(cell_, packed_, batch_);
    std::copy_n(h_.data(), h_.size(), other->h_.data());
    std::copy_n(c_.data(), c_.size(), other->c_.data());
    other->current_ = current_;
    return other;
  }

 private:
  static constexpr Index kLanes = Vec<T>::kSize;
  const CellConstants& constants() const { return cell_.constants; }
  Index saved_values() const { return layout_.saved(packed_->options); }

  const CellKernels<T>& cell_;
  std::shared_ptr<const PackedWeights<T>> packed_;
  CellLayout<T> layout_;
  Index batch_, padded_;
  int current_ = 0;  // index of the half of h_ that holds the state
  Buffer<T> h_, c_, x_product_, saved_, reset_h_;
  Buffer<const T*> x_rows_, h_prev_rows_;
  Buffer<T*> h_rows_, c_rows_, saved_rows_, reset_rows_;
};

}  // namespace seqfuse
