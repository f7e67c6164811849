// Conversion between NumPy arrays and the views of the kernels. seqfuse.functional has checked shapes and types before.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "seqfuse/memory.hpp"
#include "seqfuse/types.hpp"

namespace py = pybind11;

namespace seqfuse::bindings {

inline bool is_array(PyObject* object) { return py::detail::npy_api::get().PyArray_Check_(object); }
inline bool is_array_or_none(PyObject* object) { return object == Py_None || is_array(object); }

// Argument types for arrays and for optional arrays. Signatures and stubs show them as NumPy types.
class Array : public py::array {
 public:
  PYBIND11_OBJECT(Array, py::array, is_array)
};
class OptionalArray : public py::object {
 public:
  PYBIND11_OBJECT(OptionalArray, py::object, is_array_or_none)
};

// Calls f(float{}) or f(double{}), according to the element type of the array.
template <class F>
auto for_type_of(const py::array& array, F&& f) {
  return array.itemsize() == sizeof(double) ? f(double{}) : f(float{});
}

// Returns a pointer to the first element, or null for None. A pointer to non-const T requires a writeable array; Python
// has checked that flag.
template <class T>
T* pointer(const py::array& array) {
  return static_cast<T*>(const_cast<void*>(array.data()));
}
template <class T>
T* pointer(const py::object& object) {
  return object.is_none() ? nullptr : pointer<T>(py::reinterpret_borrow<py::array>(object));
}

// The following functions return views of two-, three- and four-dimensional arrays. None becomes an empty view.
template <class T>
Rows<T> rows(const py::object& object) {
  if (object.is_none()) return {};
  const auto array = py::reinterpret_borrow<py::array>(object);
  return {pointer<T>(array), array.strides(0) / static_cast<Index>(sizeof(T))};
}

// Returns a view of a matrix whose rows or columns are contiguous.
template <class T>
Matrix<T> matrix(const py::object& object) {
  if (object.is_none()) return {};
  const auto array = py::reinterpret_borrow<py::array>(object);
  constexpr auto kSize = static_cast<Index>(sizeof(T));
  const bool transposed = array.shape(1) > 1 && array.strides(1) != kSize;
  return {pointer<T>(array), array.strides(transposed ? 1 : 0) / kSize, transposed};
}

template <class T>
Steps<T> steps(const py::object& object) {
  if (object.is_none()) return {};
  const auto array = py::reinterpret_borrow<py::array>(object);
  constexpr auto kSize = static_cast<Index>(sizeof(T));
  return {pointer<T>(array), array.strides(0) / kSize, array.strides(1) / kSize};
}

template <class T>
Heads<T> heads(const py::object& object) {
  const auto array = py::reinterpret_borrow<py::array>(object);
  constexpr auto kSize = static_cast<Index>(sizeof(T));
  return {pointer<T>(array), array.strides(0) / kSize, array.strides(1) / kSize, array.strides(2) / kSize};
}

// Returns a new uninitialized array in C order. It is faster than numpy.empty and than the constructor of py::array_t.
template <class T, std::size_t N>
Array new_array(const std::array<Index, N>& shape) {
  auto& api = py::detail::npy_api::get();
  static PyObject* const descr = py::dtype::of<T>().release().ptr();
  Py_intptr_t dims[N];
  std::copy_n(shape.begin(), N, dims);
  Py_INCREF(descr);  // the call steals this reference
  PyObject* array =
      api.PyArray_NewFromDescr_(api.PyArray_Type_, descr, static_cast<int>(N), dims, nullptr, nullptr, 0, nullptr);
  if (array == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<Array>(array);
}

// Returns a one-dimensional array that takes ownership of the buffer's memory.
template <class T>
Array to_array(Buffer<T> buffer) {
  const Index size = buffer.size();
  T* data = buffer.release();
  return py::array_t<T>(size, data, py::capsule(data, [](void* p) { std::free(p); }));
}

}  // namespace seqfuse::bindings

namespace pybind11::detail {

template <>
struct handle_type_name<seqfuse::bindings::Array> {
  static constexpr auto name = const_name("numpy.typing.NDArray[typing.Any]");
};
template <>
struct handle_type_name<seqfuse::bindings::OptionalArray> {
  static constexpr auto name = const_name("typing.Optional[numpy.typing.NDArray[typing.Any]]");
};

}  // namespace pybind11::detail
