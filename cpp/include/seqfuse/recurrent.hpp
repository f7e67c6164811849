// What a caller of the recurrent kernels sees: arguments as plain views, and a table of functions a cell.
//
// Everything here is plain data compiled with any flags; the definitions are in the *_impl.hpp files
// and are instantiated once per instruction set.
#pragma once

#include <memory>
#include <string_view>

#include "seqfuse/cancellation_token.hpp"
#include "seqfuse/cell_options.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse {

template <class T>
struct RecurrentKernels;

// The weights as they lie in the caller's arrays.
template <class T>
struct Weights {
  Index I = 0, H = 0;
  Rows<const T> W;           // (I, G*H)
  Rows<const T> U;           // (H, G*H); none where h enters without a product
  const T* bx = nullptr;     // (G*H,), joins x W; none is zeros
  const T* bh = nullptr;     // (G*H,), joins h U; none is zeros
  Rows<const T> parameters;  // (kParameters, H): peephole weights of an LSTM, u of an IndRNN; none is zeros
  CellOptions<T> options;
};

// The weights as the kernels read them. One for all cells; what lies in it only the packer knows.
// For a short call they stay where they lie, and there are no panels.
template <class T>
struct PackedWeights {
  const RecurrentKernels<T>* kernels = nullptr;  // those that packed them
  Index I = 0, H = 0;
  CellOptions<T> options;
  Buffer<T> W, U, U_reset;  // panels; U_reset: the gate behind the reset, where there is a second pass
  Rows<const T> unpacked_W, unpacked_U;
  Buffer<T> bias, bias_apart;  // (blocks, G, lanes): bx + bh; (blocks, lanes): bh of the gate apart
  Buffer<T> parameters;        // (blocks, kParameters, lanes)
};

// What forward and backward have in common: the sequence and how it is read.
template <class T>
struct Sequence {
  Index T_ = 0, B = 0;
  Steps<const T> x;                     // (T, B, I)
  const unsigned char* real = nullptr;  // (T, B), 0 where a step is not real; none: all are
  bool reverse = false;                 // reads T-1 .. 0
  Rows<const T> h0, c0;                 // (B, H); none is zeros
  Rows<const T> recurrent_mask;         // (B, H), multiplies h_prev where it enters U; none is ones
};

template <class T>
struct ForwardArgs {
  Sequence<T> sequence;
  Steps<T> y;            // (T, B, H) out, zeros at unreal steps; may be none
  Rows<T> h, c;          // (B, H) out: the final state
  T* saved = nullptr;    // out, for backward: tape_size elements; may be none
  Index checkpoint = 0;  // what is saved: 0, everything, which needs y; k >= 1, the states before every k-th step read
  int threads = 1;
  CancellationToken cancellation;
};

// What a forward left.
template <class T>
struct Tape {
  Sequence<T> sequence;
  Steps<const T> y;          // as forward wrote it; none where there are checkpoints
  const T* saved = nullptr;  // as forward wrote it
  Index checkpoint = 0;      // as forward had it
};

template <class T>
struct BackwardArgs {
  Tape<T> tape;
  Steps<const T> dy;     // (T, B, H); none is zeros; not read at unreal steps
  Rows<const T> dh, dc;  // (B, H), of the final state; none is zeros
  Steps<T> dx;           // (T, B, I) overwritten, zeros at unreal steps; may be none
  Rows<T> dW, dU;        // (I, G*H), (H, G*H), added to; dU none where there is no U
  T* db = nullptr;       // (G*H,), added to; may be none
  T* dbh = nullptr;      // (G*H,), added to; may be none
  Rows<T> dparameters;   // (kParameters, H), added to; may be none
  bool added = false;    // dW .. dparameters hold something, and stay as they are when the call is stopped
  Rows<T> dh0, dc0;      // (B, H) overwritten
  int threads = 1;
  CancellationToken cancellation;
};

// The state after every step, carried over at unreal ones, and the gates, zeros there.
template <class T>
struct InspectArgs {
  Tape<T> tape;
  Steps<T> states[2];  // h, c: (T, B, H) out; may be none
  Steps<T> gates[4];   // (T, B, H) out, in the order of the columns of W; may be none
  int threads = 1;
  CancellationToken cancellation;
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
  Index gates;
  PackedWeights<T> (*pack)(const Weights<T>&, int threads);
  // Packs where T_ steps of B rows pay for it.
  PackedWeights<T> (*prepare)(const Weights<T>&, Index T_, Index B, int threads);
  bool (*forward)(const PackedWeights<T>&, const ForwardArgs<T>&);
  bool (*backward)(const Weights<T>&, const BackwardArgs<T>&);
  bool (*inspect)(const Weights<T>&, const InspectArgs<T>&);
  std::unique_ptr<Stream<T>> (*stream)(std::shared_ptr<const PackedWeights<T>>, Index batch);
  Index (*tape_size)(const CellOptions<T>&, Index T_, Index B, Index H, Index checkpoint);
};

// The kernels of the cell of that name (cells.hpp); none where there is no such cell.
template <class T>
const RecurrentKernels<T>* find_recurrent_kernels(std::string_view cell);

}  // namespace seqfuse
