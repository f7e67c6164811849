// Copies the states after every step and the gates from a tape into arrays that users can read.
#pragma once

#include "seqfuse/recurrent_replay_impl.hpp"

namespace seqfuse {

template <class T>
class Inspector {
 public:
  Inspector(const CellKernels<T>& cell, const Weights<T>& weights, const InspectArgs<T>& args)
      : cell_(cell),
        args_(args),
        seq_(args.tape.sequence),
        H_(weights.H),
        replay_(cell, weights, args.tape, 1, args.threads, args.cancellation),
        state_{Buffer<T>(H_ * seq_.B), Buffer<T>(H_ * seq_.B)} {}

  bool run() {
    for (Index s = 0; s < seq_.T_; ++s) {
      const Index t = seq_.reverse ? seq_.T_ - 1 - s : s;
      if (args_.cancellation() || !replay_.require({t, t + 1})) return false;
      const auto chunk = replay_.chunk(t);
      if (s == 0) set_initial(chunk.h0, 0), set_initial(chunk.c0, 1);
      parallel::FlushDenormals flush;
      for (Index b = 0; b < seq_.B; ++b) copy_row(chunk, t, b);
    }
    return true;
  }

 private:
  using V = Vec<T>;
  static constexpr Index kLanes = V::kSize;

  T* state_of(Index state, Index b) { return state_[state].data() + b * H_; }

  void set_initial(Rows<const T> from, Index state) {
    for (Index b = 0; b < seq_.B; ++b) std::copy_n(from.row(b), H_, state_of(state, b));
  }

  void copy_row(const typename Replay<T>::Chunk& chunk, Index t, Index b) {
    const CellConstants& constants = cell_.constants;
    const bool valid = seq_.valid == nullptr || seq_.valid[t * seq_.B + b];
    const T* saved = chunk.saved + (t - chunk.steps.begin) * replay_.step_size() + b * replay_.values() * kLanes;
    if (valid) std::copy_n(chunk.y.at(t - chunk.steps.begin, b), H_, state_of(0, b));
    for (Index unit = 0; unit < H_; unit += kLanes, saved += seq_.B * replay_.values() * kLanes) {
      const Index remaining = H_ - unit;
      for (int g = 0; g < constants.gates; ++g)
        if (args_.gates[g]) {
          const V gate = valid ? V::load(saved + constants.saved_gates[g] * kLanes) : V::zero();
          gate.store_first(args_.gates[g].at(t, b) + unit, remaining);
        }
      if (constants.states > 0 && valid) cell_.state_after(saved).store_first(state_of(1, b) + unit, remaining);
    }
    for (Index state = 0; state <= constants.states; ++state)
      if (args_.states[state]) std::copy_n(state_of(state, b), H_, args_.states[state].at(t, b));
  }

  const CellKernels<T>& cell_;
  const InspectArgs<T>& args_;
  const Sequence<T>& seq_;
  Index H_;
  Replay<T> replay_;
  Buffer<T> state_[2];  // (B, H) each: h and c after the last valid step of each row
};

template <class T>
bool recurrent_inspect(const CellKernels<T>& cell, const Weights<T>& weights, const InspectArgs<T>& args) {
  return Inspector<T>(cell, weights, args).run();
}

}  // namespace seqfuse
