// The table of functions of each cell, and the search for a cell by its name.
#pragma once

#include "seqfuse/recurrent_backward_impl.hpp"
#include "seqfuse/recurrent_cell_forward_impl.hpp"
#include "seqfuse/recurrent_inspect_impl.hpp"
#include "seqfuse/recurrent_stream_impl.hpp"

namespace seqfuse {

// Packing the weights of an LSTM with I = H = 256 takes 120 us. A step of one row takes 10 us less with packed weights.
inline constexpr Index kMinRowsToPack = 8;

template <class Cell, class Act, class T>
constexpr CellFunctions<T> cell_functions() {
  CellFunctions<T> functions{&cell_step<Cell, Act, T>, nullptr, &cell_backward<Cell, Act, T>, nullptr};
  if constexpr (Cell::kTwoPass) {
    functions.second_step = &cell_second_step<Cell, Act, T>;
    functions.second_backward = &cell_second_backward<Cell, Act, T>;
  }
  return functions;
}

template <class Cell, class T>
constexpr CellKernels<T> cell_kernels() {
  CellKernels<T> kernels{kConstantsOf<Cell>, cell_functions<Cell, DefaultActivations<T>, T>(),
                         cell_functions<Cell, RuntimeActivations<T>, T>(), nullptr, nullptr};
  if constexpr (Cell::kParameters > 0) kernels.parameter_sums = &cell_parameter_sums<Cell, T>;
  if constexpr (Cell::kStates > 0) kernels.state_after = &cell_state_after<Cell, T>;
  return kernels;
}

// The functions of one cell: the drivers with its constants and equations.
template <class Cell, class T>
struct CellTable {
  static constexpr CellKernels<T> kCell = cell_kernels<Cell, T>();

  static PackedWeights<T> prepare_with_table(const Weights<T>& weights, bool unpacked, int threads) {
    auto packed = prepare_weights(kCell.constants, weights, unpacked, threads);
    packed.kernels = &kTable;
    return packed;
  }
  static PackedWeights<T> pack(const Weights<T>& weights, int threads) {
    return prepare_with_table(weights, false, threads);
  }
  static PackedWeights<T> prepare(const Weights<T>& weights, Index T_, Index B, int threads) {
    return prepare_with_table(weights, T_ * B < kMinRowsToPack, threads);
  }
  static bool forward(const PackedWeights<T>& packed, const ForwardArgs<T>& args) {
    return recurrent_forward(kCell, packed, args);
  }
  static bool backward(const Weights<T>& weights, const BackwardArgs<T>& args) {
    return recurrent_backward(kCell, weights, args);
  }
  static bool inspect(const Weights<T>& weights, const InspectArgs<T>& args) {
    return recurrent_inspect(kCell, weights, args);
  }
  static std::unique_ptr<Stream<T>> stream(std::shared_ptr<const PackedWeights<T>> packed, Index batch) {
    return std::make_unique<RecurrentStream<T>>(kCell, std::move(packed), batch);
  }
  static Index size_of_tape(const CellOptions<T>& options, Index T_, Index B, Index H, Index checkpoint) {
    return tape_size(kCell.constants, options, T_, B, H, checkpoint);
  }

  static constexpr RecurrentKernels<T> kTable{Cell::kGates, &pack,    &prepare, &forward,
                                              &backward,    &inspect, &stream,  &size_of_tape};
};

template <class T, class... Cell>
const RecurrentKernels<T>* find_in(CellList<Cell...>, std::string_view name) {
  const RecurrentKernels<T>* found = nullptr;
  ((name == Cell::kName ? void(found = &CellTable<Cell, T>::kTable) : void()), ...);
  return found;
}

template <class T>
const RecurrentKernels<T>* find_recurrent_kernels(std::string_view cell) {
  return find_in<T>(Cells{}, cell);
}

}  // namespace seqfuse
