// Binds the recurrent kernels, with weights that are packed for one call or once (PackedCell).
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "cancellation.hpp"
#include "packed_cell.hpp"
#include "recurrent_arguments.hpp"

namespace seqfuse::bindings {
namespace {

using ResultTuple = py::typing::Tuple<AnyObject, Array, AnyObject, AnyObject>;  // y, h, c, saved
using GradientTuple = py::typing::Tuple<AnyObject, Array, AnyObject>;           // dx, dh0, dc0

// Returns a new array (steps, batch, units), or (batch, steps, units) with batch_first, and the kernels' view of it.
template <class T>
std::pair<py::object, Steps<T>> new_steps(Index steps, Index batch, Index units, bool batch_first) {
  const Array array = batch_first ? new_array<T, 3>({batch, steps, units}) : new_array<T, 3>({steps, batch, units});
  const Index outer = (batch_first ? steps : batch) * units;
  return {array, batch_first ? Steps<T>{pointer<T>(array), units, outer} : Steps<T>{pointer<T>(array), outer, units}};
}

// Copies a state, or writes zeros if `from` is empty. Without steps the final state equals the initial one, and so do
// their gradients.
template <class T>
void copy_state(Rows<const T> from, Rows<T> to, Index batch, Index units) {
  for (Index b = 0; b < batch; ++b) {
    if (from)
      std::copy_n(from.row(b), units, to.row(b));
    else
      std::fill_n(to.row(b), units, T(0));
  }
}

// Runs the forward and returns (y, h, c, saved). packed(T, B) returns the packed weights; it runs without the GIL.
template <class T, class Packed>
ResultTuple run_forward(const RecurrentKernels<T>& kernels, const PySequence& sequence, Index units, bool has_c,
                        bool need_y, std::optional<Index> checkpoint, int threads, Packed&& packed) {
  ForwardArgs<T> args;
  args.sequence = read_sequence<T>(sequence);
  const Index T_ = args.sequence.T_, B = args.sequence.B;
  const bool batch_first = field<"batch_first">(sequence).ptr() == Py_True;
  py::object y = py::none();
  if (need_y) std::tie(y, args.y) = new_steps<T>(T_, B, units, batch_first);
  const py::object h = new_array<T, 2>({B, units});
  const py::object c = has_c ? py::object(new_array<T, 2>({B, units})) : py::none();
  args.h = rows<T>(h);
  args.c = rows<T>(c);
  args.checkpoint = checkpoint.value_or(0);
  args.threads = threads;
  if (T_ == 0 || B == 0) {
    copy_state<T>(args.sequence.h0, args.h, B, units);
    if (has_c) copy_state<T>(args.sequence.c0, args.c, B, units);
    return py::make_tuple(y, h, c, py::none());
  }
  Buffer<T> saved;
  run_interruptible(args, [&] {
    const PackedWeights<T>& weights = packed(T_, B);
    if (checkpoint) saved = Buffer<T>(kernels.tape_size(weights.options, T_, B, units, *checkpoint));
    args.saved = saved.data();
    return kernels.forward(weights, args);
  });
  return py::make_tuple(y, h, c, checkpoint ? py::object(to_array(std::move(saved))) : py::none());
}

ResultTuple recurrent_forward(const Kernels& self, const PyCell& cell, const PyWeights& weights,
                              const PySequence& sequence, bool need_y, std::optional<Index> checkpoint, int threads) {
  const auto W = field<"W">(weights);
  return for_type_of(py::reinterpret_borrow<py::array>(W), [&](auto zero) {
    using T = decltype(zero);
    const auto& kernels = find_cell<T>(self, cell);
    const auto given = read_weights<T>(kernels, cell, weights);
    const bool has_c = field<"has_c">(cell).ptr() == Py_True;
    PackedWeights<T> packed;
    return run_forward<T>(kernels, sequence, given.H, has_c, need_y, checkpoint, threads,
                          [&](Index T_, Index B) -> const PackedWeights<T>& {
                            packed = kernels.prepare(given, T_, B, threads);
                            return packed;
                          });
  });
}

GradientTuple recurrent_backward(const Kernels& self, const PyTape& tape, const OptionalArray& dy,
                                 const OptionalArray& dh, const OptionalArray& dc, const PyGradients& gradients,
                                 bool need_dx, bool accumulate, int threads) {
  const auto W = field<"W">(field<"_weights">(tape));
  return for_type_of(py::reinterpret_borrow<py::array>(W), [&](auto zero) {
    using T = decltype(zero);
    const auto cell = py::reinterpret_borrow<PyCell>(field<"_cell">(tape));
    const auto& kernels = find_cell<T>(self, cell);
    const auto weights = read_weights<T>(kernels, cell, field<"_weights">(tape));
    BackwardArgs<T> args;
    args.tape = read_tape<T>(tape);
    args.dy = steps<const T>(dy);
    args.dh = rows<const T>(dh);
    args.dc = rows<const T>(dc);
    read_gradients<T>(gradients, args);
    const Index T_ = args.tape.sequence.T_, B = args.tape.sequence.B;
    const bool batch_first = field<"batch_first">(field<"_sequence">(tape)).ptr() == Py_True;
    py::object dx = py::none();
    if (need_dx) std::tie(dx, args.dx) = new_steps<T>(T_, B, weights.I, batch_first);
    const py::object dh0 = new_array<T, 2>({B, weights.H});
    const bool has_c = field<"has_c">(cell).ptr() == Py_True;
    const py::object dc0 = has_c ? py::object(new_array<T, 2>({B, weights.H})) : py::none();
    args.dh0 = rows<T>(dh0);
    args.dc0 = rows<T>(dc0);
    args.accumulate = accumulate;
    args.threads = threads;
    if (T_ == 0 || B == 0) {
      copy_state<T>(args.dh, args.dh0, B, weights.H);
      if (has_c) copy_state<T>(args.dc, args.dc0, B, weights.H);
    } else {
      run_interruptible(args, [&] { return kernels.backward(weights, args); });
    }
    return py::make_tuple(dx, dh0, dc0);
  });
}

void recurrent_inspect(const Kernels& self, const PyTape& tape, const py::typing::List<Array>& states,
                       const py::typing::List<Array>& gates, int threads) {
  const auto W = field<"W">(field<"_weights">(tape));
  for_type_of(py::reinterpret_borrow<py::array>(W), [&](auto zero) {
    using T = decltype(zero);
    const auto cell = py::reinterpret_borrow<PyCell>(field<"_cell">(tape));
    const auto& kernels = find_cell<T>(self, cell);
    const auto weights = read_weights<T>(kernels, cell, field<"_weights">(tape));
    InspectArgs<T> args;
    args.tape = read_tape<T>(tape);
    for (std::size_t i = 0; i < states.size(); ++i) args.states[i] = steps<T>(states[i]);
    for (std::size_t i = 0; i < gates.size(); ++i) args.gates[i] = steps<T>(gates[i]);
    args.threads = threads;
    run_interruptible(args, [&] { return kernels.inspect(weights, args); });
  });
}

PackedCell pack(const Kernels& self, const PyCell& cell, const PyWeights& weights, int threads) {
  const auto W = field<"W">(weights);
  return for_type_of(py::reinterpret_borrow<py::array>(W), [&](auto zero) {
    using T = decltype(zero);
    const auto& kernels = find_cell<T>(self, cell);
    const auto given = read_weights<T>(kernels, cell, weights);
    const GilRelease release;
    return PackedCell(kernels.pack(given, threads));
  });
}

ResultTuple packed_forward(const PackedCell& self, const PySequence& sequence, bool has_c, bool need_y, int threads) {
  return self.visit([&](const auto& packed) {
    return run_forward(*packed->kernels, sequence, packed->H, has_c, need_y, std::nullopt, threads,
                       [&](Index, Index) -> const auto& { return *packed; });
  });
}

}  // namespace

void bind_recurrent(py::module_& module, KernelsClass& kernels) {
  using py::arg;
  py::class_<PackedCell>(module, "PackedCell", py::module_local(), "Weights of a cell, packed once. Immutable.")
      .def("forward", &packed_forward, arg("sequence"), arg("has_c"), arg("need_y"), arg("threads"),
           "Run the forward as Kernels.recurrent_forward does, without a tape.")
      .def("stream", &make_stream, arg("batch"), "Return a StreamFloat or StreamDouble with a zero state.");
  kernels
      .def("recurrent_forward", &recurrent_forward, arg("cell"), arg("weights"), arg("sequence"), arg("need_y"),
           arg("checkpoint"), arg("threads"),
           "Return (y, h, c, saved).\n\n"
           "y is (B, T, H) if the sequence is batch_first, and None without need_y. c is None for cells without a\n"
           "cell state. saved is the array that the backward reads. With checkpoint 0 it contains all steps, which\n"
           "requires y. With checkpoint k it contains the states before every k-th step. With checkpoint None it\n"
           "is None.")
      .def("recurrent_backward", &recurrent_backward, arg("tape"), arg("dy"), arg("dh"), arg("dc"), arg("gradients"),
           arg("need_dx"), arg("accumulate"), arg("threads"),
           "Return (dx, dh0, dc0) and add to dW, dU, db and dpeephole of `gradients`.\n\n"
           "With accumulate, these contain earlier gradients and keep them if Ctrl-C cancels the call.")
      .def("recurrent_inspect", &recurrent_inspect, arg("tape"), arg("states"), arg("gates"), arg("threads"),
           "Write the states after every step, and the gates. Both are lists of arrays (T, B, H) and may be empty.")
      .def("pack", &pack, arg("cell"), arg("weights"), arg("threads"),
           "Pack the weights of a cell and return a PackedCell.");
}

}  // namespace seqfuse::bindings
