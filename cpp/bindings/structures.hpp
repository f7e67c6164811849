// Argument types for dataclasses and named tuples of Python. Their fields are read by name.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>

namespace seqfuse::bindings {

// A string as a template argument.
template <std::size_t N>
struct FieldName {
  char text[N];
  constexpr FieldName(const char (&name)[N]) {  // NOLINT: field<"x"> needs the conversion
    for (std::size_t i = 0; i < N; ++i) text[i] = name[i];
  }
};

// Returns the attribute `name` of the object. The name is interned once, so reading a slot is as fast as indexing a
// tuple.
template <FieldName name>
pybind11::object field(pybind11::handle object) {
  static PyObject* const interned = PyUnicode_InternFromString(name.text);
  PyObject* value = PyObject_GetAttr(object.ptr(), interned);
  if (value == nullptr) throw pybind11::error_already_set();
  return pybind11::reinterpret_steal<pybind11::object>(value);
}

inline bool is_structure(PyObject*) { return true; }

}  // namespace seqfuse::bindings

// Defines an argument type `Name` for instances of a Python class. Signatures and stubs show the name of the class.
#define SEQFUSE_STRUCTURE(Name, python_class)                          \
  namespace seqfuse::bindings {                                        \
  class Name : public pybind11::object {                               \
   public:                                                             \
    PYBIND11_OBJECT(Name, pybind11::object, is_structure)              \
  };                                                                   \
  }                                                                    \
  template <>                                                          \
  struct pybind11::detail::handle_type_name<seqfuse::bindings::Name> { \
    static constexpr auto name = const_name(python_class);             \
  }

SEQFUSE_STRUCTURE(AnyObject, "typing.Any");
SEQFUSE_STRUCTURE(PyCell, "seqfuse.functional._cell.Cell");
SEQFUSE_STRUCTURE(PyWeights, "seqfuse.functional._weights.Weights");
SEQFUSE_STRUCTURE(PySequence, "seqfuse.functional._sequence.Sequence");
SEQFUSE_STRUCTURE(PyTape, "seqfuse.functional._tape.Tape");
SEQFUSE_STRUCTURE(PyGradients, "seqfuse.functional._gradients.Gradients");
SEQFUSE_STRUCTURE(PyScoreOptions, "seqfuse.functional._scores.ScoreOptions");
SEQFUSE_STRUCTURE(PyAttentionTape, "seqfuse.functional._attention_tape.AttentionTape");
SEQFUSE_STRUCTURE(PyCtcTape, "seqfuse.functional.ctc.CTCLossTape");
SEQFUSE_STRUCTURE(PyNormalizeTape, "seqfuse.functional._normalize.NormalizeTape");
SEQFUSE_STRUCTURE(PyUpdate, "seqfuse._update.Update");

#undef SEQFUSE_STRUCTURE
