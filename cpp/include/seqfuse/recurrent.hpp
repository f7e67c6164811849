// The interface of the recurrent kernels: structs of plain views for the arguments, and one table of functions per
// cell.
//
// This header contains only plain data, so it may be compiled with any flags. The definitions are in the *_impl.hpp
// files, which are instantiated once per instruction set.
//
// Symbols: T steps (written T_ here, since T is the number type), B rows of the batch, I input features, H units,
// G gates per unit. Strides are counted in elements. A view or pointer that may be null says so. Outputs must not
// overlap each other or any input, unless a comment allows it.
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

// The weights of a cell, as views of the caller's arrays. A null pointer or view stands for zeros.
template <class T>
struct Weights {
  Index I = 0, H = 0;
  Matrix<const T> W;         // (I, G*H)
  Matrix<const T> U;         // (H, G*H); null for cells without a recurrent matrix
  const T* bx = nullptr;     // (G*H,), added to x W
  const T* bh = nullptr;     // (G*H,), added to h U
  Rows<const T> parameters;  // (kParameters, H): peephole weights of an LSTM, u of an IndRNN
  CellOptions<T> options;
};

// The weights in the storage order that the kernels read (recurrent_pack_impl.hpp). One type serves all cells.
// For a short call the matrices are not packed: the panels are empty, and unpacked_W and unpacked_U refer to the
// caller's arrays.
template <class T>
struct PackedWeights {
  const RecurrentKernels<T>* kernels = nullptr;  // the table of the cell that these weights belong to
  Index I = 0, H = 0;
  CellOptions<T> options;
  Buffer<T> W, U, U_reset;  // panels; U_reset: columns of the last gate, for cells with two passes
  Matrix<const T> unpacked_W, unpacked_U;
  Buffer<T> bias;           // (blocks, G, lanes): bx + bh
  Buffer<T> separate_bias;  // (blocks, lanes): bh of the last gate, for cells with a separate product (cells.hpp)
  Buffer<T> parameters;     // (blocks, kParameters, lanes)
};

// The input sequence. Forward and backward use the same one.
template <class T>
struct Sequence {
  Index T_ = 0, B = 0;
  Steps<const T> x;                      // (T, B, I)
  const unsigned char* valid = nullptr;  // (T, B), 0 for padding; null if all steps are valid
  bool reverse = false;                  // process the steps in the order T-1 .. 0
  Rows<const T> h0, c0;                  // (B, H), the initial state; null for zeros
  Rows<const T> recurrent_mask;          // (B, H), multiplies h_prev before the product with U; null for ones
};

template <class T>
struct ForwardArgs {
  Sequence<T> sequence;
  Steps<T> y;            // (T, B, H), written: h at every valid step, zeros at padding; may be null
  Rows<T> h, c;          // (B, H), written: the final state; c only for cells that have one
  T* saved = nullptr;    // (tape_size,), written: the tape for backward; may be null
  Index checkpoint = 0;  // 0: the tape keeps all steps, which requires y; k >= 1: the states before every k-th step
  int threads = 1;       // maximum number of threads
  CancellationToken cancellation;
};

// The results of forward that backward and inspect read.
template <class T>
struct Tape {
  Sequence<T> sequence;
  Steps<const T> y;          // (T, B, H), as written by forward; not read if checkpoint > 0
  const T* saved = nullptr;  // as written by forward
  Index checkpoint = 0;      // the value that was passed to forward
};

template <class T>
struct BackwardArgs {
  Tape<T> tape;
  Steps<const T> dy;        // (T, B, H), not read at padding; null for zeros
  Rows<const T> dh, dc;     // (B, H), gradients of the final state; null for zeros
  Steps<T> dx;              // (T, B, I), written, zeros at padding; may be null
  Rows<T> dW, dU;           // (I, G*H), (H, G*H), accumulated into; dU is null for cells without U
  T* db = nullptr;          // (G*H,), gradient of bx, accumulated into; may be null
  T* dbh = nullptr;         // (G*H,), gradient of bh, accumulated into; may be null
  Rows<T> dparameters;      // (kParameters, H), accumulated into; may be null
  bool accumulate = false;  // dW .. dparameters hold values already, which must be intact if the call is cancelled
  Rows<T> dh0, dc0;         // (B, H), written; dc0 only for cells with c
  int threads = 1;
  CancellationToken cancellation;
};

// Arrays to fill with the intermediate values of a forward call.
template <class T>
struct InspectArgs {
  Tape<T> tape;
  Steps<T> states[2];  // h and c after every step, (T, B, H), written; padding repeats the last state; may be null
  Steps<T> gates[4];   // (T, B, H), written, in the column order of W; zeros at padding; may be null
  int threads = 1;
  CancellationToken cancellation;
};

// Runs a cell one step at a time and keeps h and c between the calls.
template <class T>
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void step(Rows<const T> x, Rows<T> h_out) = 0;  // x (batch, I), h_out (batch, H); they may overlap
  virtual Rows<T> h() = 0;                                // (batch, H), writable view of the state
  virtual Rows<T> c() = 0;                                // (batch, H), writable view; null for cells without c
  virtual std::unique_ptr<Stream> copy() const = 0;
};

// The functions of one cell. Those that return bool return false if the call was cancelled.
template <class T>
struct RecurrentKernels {
  Index gates;  // G
  // Packs the weights.
  PackedWeights<T> (*pack)(const Weights<T>&, int threads);
  // Packs the weights only if T_ steps of B rows are enough work to make up for it.
  PackedWeights<T> (*prepare)(const Weights<T>&, Index T_, Index B, int threads);
  bool (*forward)(const PackedWeights<T>&, const ForwardArgs<T>&);
  bool (*backward)(const Weights<T>&, const BackwardArgs<T>&);
  bool (*inspect)(const Weights<T>&, const InspectArgs<T>&);
  std::unique_ptr<Stream<T>> (*stream)(std::shared_ptr<const PackedWeights<T>>, Index batch);
  // Returns the number of elements of ForwardArgs::saved.
  Index (*tape_size)(const CellOptions<T>&, Index T_, Index B, Index H, Index checkpoint);
};

// Returns the functions of a cell by its name (kName in cells.hpp), or null if there is no such cell.
template <class T>
const RecurrentKernels<T>* find_recurrent_kernels(std::string_view cell);

}  // namespace seqfuse
