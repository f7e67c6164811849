// Converts the dataclasses of seqfuse.functional that describe a recurrent call to the kernels' structures.
#pragma once

#include <string>

#include "kernels.hpp"
#include "structures.hpp"

namespace seqfuse::bindings {

template <class T>
Activation<T> read_activation(py::handle activation) {
  Activation<T> to{};
  const auto name = field<"name">(activation).cast<std::string>();
  if (!find_activation(name, to.kind)) throw py::value_error("recurrent: unknown activation " + name);
  to.alpha = static_cast<T>(field<"alpha">(activation).template cast<double>());
  to.beta = static_cast<T>(field<"beta">(activation).template cast<double>());
  return to;
}

template <class T>
const RecurrentKernels<T>& find_cell(const Kernels& kernels, const PyCell& cell) {
  const auto name = field<"kernel">(cell);
  const char* text = PyUnicode_AsUTF8(name.ptr());
  if (text == nullptr) throw py::error_already_set();
  const auto* found = kernels.of<T>().find_recurrent_kernels(text);
  if (found == nullptr) throw py::value_error(std::string("recurrent: unknown cell ") + text);
  return *found;
}

template <class T>
Weights<T> read_weights(const RecurrentKernels<T>& kernels, const PyCell& cell, const PyWeights& from) {
  Weights<T> to;
  const auto W = py::reinterpret_borrow<py::array>(field<"W">(from));
  to.I = W.shape(0);
  to.H = W.shape(1) / kernels.gates;
  to.W = matrix<const T>(W);
  const auto U = field<"U">(from);
  if (!U.is_none()) {
    if (py::reinterpret_borrow<py::array>(U).ndim() == 1)
      to.parameters = {pointer<const T>(U), 0};  // indrnn: one weight per unit
    else
      to.U = matrix<const T>(U);
  }
  const auto b = field<"b">(from);
  if (!b.is_none()) {
    to.bx = pointer<const T>(b);
    if (py::reinterpret_borrow<py::array>(b).ndim() == 2) to.bh = rows<const T>(b).row(1);
  }
  to.options.candidate = field<"candidate">(cell).ptr() == Py_True;
  const auto options = field<"options">(cell);
  if (options.is_none()) return to;  // default activations, no clip, no peepholes
  to.options.activation = read_activation<T>(field<"activation">(options));
  to.options.recurrent_activation = read_activation<T>(field<"recurrent_activation">(options));
  to.options.clip = static_cast<T>(field<"clip">(options).template cast<double>());
  const auto peephole = field<"peephole">(from);
  if (!peephole.is_none()) {
    to.options.peephole = true;
    to.parameters = rows<const T>(peephole);
  }
  return to;
}

template <class T>
Sequence<T> read_sequence(const PySequence& from) {
  Sequence<T> to;
  const auto x = py::reinterpret_borrow<py::array>(field<"x">(from));
  to.T_ = x.shape(0);
  to.B = x.shape(1);
  to.x = steps<const T>(x);
  to.valid = pointer<const unsigned char>(field<"valid">(from));
  to.reverse = field<"reverse">(from).ptr() == Py_True;
  to.h0 = rows<const T>(field<"h0">(from));
  to.c0 = rows<const T>(field<"c0">(from));
  to.recurrent_mask = rows<const T>(field<"recurrent_mask">(from));
  return to;
}

// Returns views of the arrays of Python's tape, which must outlive them.
template <class T>
Tape<T> read_tape(const PyTape& from) {
  return {read_sequence<T>(field<"_sequence">(from)), steps<const T>(field<"_y">(from)),
          pointer<const T>(field<"_saved">(from)), field<"_checkpoint">(from).cast<Index>()};
}

// Sets the arrays into which a backward accumulates.
template <class T>
void read_gradients(const PyGradients& from, BackwardArgs<T>& to) {
  to.dW = rows<T>(field<"dW">(from));
  const auto dU = field<"dU">(from);
  if (!dU.is_none()) {
    if (py::reinterpret_borrow<py::array>(dU).ndim() == 1)
      to.dparameters = {pointer<T>(dU), 0};
    else
      to.dU = rows<T>(dU);
  }
  const auto db = field<"db">(from);
  if (!db.is_none()) {
    to.db = pointer<T>(db);
    if (py::reinterpret_borrow<py::array>(db).ndim() == 2) to.dbh = rows<T>(db).row(1);
  }
  const auto dpeephole = field<"dpeephole">(from);
  if (!dpeephole.is_none()) to.dparameters = rows<T>(dpeephole);
}

}  // namespace seqfuse::bindings
