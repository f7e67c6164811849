// What a caller of the recurrent kernels sees: arguments as plain views, and a table of functions a cell.
//
// Everything here is plain data compiled with any flags; the definitions are in the *_impl.hpp files
// and are instantiated once per instruction set.
#pragma once

#include <memory>
#include <string_view>

#include "seqfuse/memory.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct RecurrentKernels;

// The weights as they lie in the caller's arrays.
template <class T>
struct Weights {
  Index I = 0, H = 0;
  Rows<const T> W;         // (I, G*H)
  Rows<const T> U;         // (H, G*H)
  const T* bx = nullptr;   // (G*H,), joins x W; none is zeros
  const T* bh = nullptr;   // (G*H,), joins h U; none is zeros
  bool candidate = false;  // GRU: which way the update gate points
};

// The weights as the kernels read them. One for all cells; what lies in it only the packer knows.
// For a short call they stay where they lie, and there are no panels.
template <class T>
struct PackedWeights {
  const RecurrentKernels<T>* kernels = nullptr;  // those that packed them
  Index I = 0, H = 0;
  bool candidate = false;
  Buffer<T> W, U, U_reset;  // panels; U_reset: the gate behind the reset, where there is a second pass
  Rows<const T> lying_W, lying_U;
  Buffer<T> bias, bias_apart;  // (blocks, G, lanes): bx + bh; (blocks, lanes): bh of the gate apart
};

// Asked between pieces of work whether to give up; then the call returns false and its outputs are undefined.
struct StopCheck {
  bool (*ask)(void*) = nullptr;
  void* context = nullptr;
  bool operator()() const { return ask != nullptr && ask(context); }
};

// What forward and backward have in common: the sequence and how it is read.
template <class T>
struct Sequence {
  Index T_ = 0, B = 0;
  Steps<const T> x;                     // (T, B, I)
  const unsigned char* real = nullptr;  // (T, B), 0 where a step is not real; none: all are
  bool reverse = false;                 // reads T-1 .. 0
  Rows<const T> h0, c0;                 // (B, H); none is zeros
};

template <class T>
struct ForwardArgs {
  Sequence<T> sequence;
  Steps<T> y;          // (T, B, H) out, zeros at unreal steps; may be none
  Rows<T> h, c;        // (B, H) out: the final state
  T* saved = nullptr;  // saved_size elements out, for backward; may be none. It needs y.
  int threads = 1;
  StopCheck stop;
};

template <class T>
struct BackwardArgs {
  Sequence<T> sequence;
  Steps<const T> y;          // as forward wrote it
  const T* saved = nullptr;  // as forward wrote it
  Steps<const T> dy;         // (T, B, H); none is zeros; not read at unreal steps
  Rows<const T> dh, dc;      // (B, H), of the final state; none is zeros
  Steps<T> dx;               // (T, B, I) overwritten, zeros at unreal steps; may be none
  Rows<T> dW, dU;            // (I, G*H), (H, G*H), added to
  T* db = nullptr;           // (G*H,), added to; may be none
  T* dbh = nullptr;          // (G*H,), added to; may be none
  Rows<T> dh0, dc0;          // (B, H) overwritten
  int threads = 1;
  StopCheck stop;
};

// One step at a time: h and c stay inside between the steps.
template <class T>
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void step(Rows<const T> x, Rows<T> h_out) = 0;  // (batch, I) -> (batch, H); they may overlap
  virtual Rows<T> h() = 0;                                // (batch, H), in place
  virtual Rows<T> c() = 0;                                // likewise; none where the cell has no c
  virtual std::unique_ptr<Stream> copy() const = 0;
};

// The functions for one cell, and how much a tape holds.
template <class T>
struct RecurrentKernels {
  PackedWeights<T> (*pack)(const Weights<T>&, int threads);
  PackedWeights<T> (*prepare)(const Weights<T>&, Index T_, Index B,
                              int threads);  // packs where T_ steps of B rows pay for it
  bool (*forward)(const PackedWeights<T>&, const ForwardArgs<T>&);
  bool (*backward)(const Weights<T>&, const BackwardArgs<T>&);
  std::unique_ptr<Stream<T>> (*stream)(std::shared_ptr<const PackedWeights<T>>, Index batch);
  Index (*saved_size)(Index T_, Index B, Index H);
};

// The kernels of the cell of that name (cells.hpp); none where there is no such cell.
template <class T>
const RecurrentKernels<T>* find_recurrent_kernels(std::string_view cell);

}  // namespace seqfuse
