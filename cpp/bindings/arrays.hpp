// From numpy's arrays to the kernels' views, and back. Shapes and types were checked in Python.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cfenv>
#include <chrono>
#include <cstdlib>

#include "seqfuse/memory.hpp"
#include "seqfuse/recurrent.hpp"
#include "seqfuse/types.hpp"

namespace py = pybind11;

namespace seqfuse::bindings {

// Calls f with a float or a double, as the array's numbers are.
template <class F>
auto for_type_of(const py::array& array, F&& f) {
  return array.itemsize() == sizeof(double) ? f(double{}) : f(float{});
}

// Pointers to const read, pointers to T write; numpy's own flag is checked in Python. None is a null pointer.
template <class T>
T* pointer(const py::array& array) {
  return static_cast<T*>(const_cast<void*>(array.data()));
}
template <class T>
T* pointer(const py::object& object) {
  return object.is_none() ? nullptr : pointer<T>(py::reinterpret_borrow<py::array>(object));
}

template <class T>
Rows<T> rows(const py::object& object) {
  if (object.is_none()) return {};
  const auto array = py::reinterpret_borrow<py::array>(object);
  return {pointer<T>(array), array.strides(0) / static_cast<Index>(sizeof(T))};
}

template <class T>
Steps<T> steps(const py::object& object) {
  if (object.is_none()) return {};
  const auto array = py::reinterpret_borrow<py::array>(object);
  constexpr auto kSize = static_cast<Index>(sizeof(T));
  return {pointer<T>(array), array.strides(0) / kSize, array.strides(1) / kSize};
}

template <class T>
Heads<T> heads(const py::array& array) {
  constexpr auto kSize = static_cast<Index>(sizeof(T));
  return {pointer<T>(array), array.strides(0) / kSize, array.strides(1) / kSize, array.strides(2) / kSize};
}

// A one-dimensional array that owns the buffer's memory.
template <class T>
py::array to_array(Buffer<T> buffer) {
  const Index size = buffer.size();
  T* data = buffer.release();
  return py::array_t<T>(size, data, py::capsule(data, [](void* p) { std::free(p); }));
}

// Lets Ctrl-C through during a long call made without the GIL: asks Python at most every 50 ms. What handles the
// signal is the caller's code, and runs in the caller's floating-point environment.
class Interruptible {
 public:
  Interruptible() { std::fegetenv(&callers_); }
  StopCheck check() { return {&Interruptible::ask, this}; }

 private:
  using Clock = std::chrono::steady_clock;
  static bool ask(void* context) {
    auto& self = *static_cast<Interruptible*>(context);
    if (Clock::now() < self.next_) return false;
    self.next_ = Clock::now() + std::chrono::milliseconds(50);
    py::gil_scoped_acquire acquire;
    std::fenv_t ours;
    std::fegetenv(&ours);
    std::fesetenv(&self.callers_);
    const bool stop = PyErr_CheckSignals() != 0;
    std::fesetenv(&ours);
    return stop;
  }
  std::fenv_t callers_;
  Clock::time_point next_ = Clock::now() + std::chrono::milliseconds(50);
};

// Calls f without the GIL, `stop` set; where f was stopped, raises what the signal handler raised.
template <class F>
void interruptible(StopCheck& stop, F&& f) {
  Interruptible asking;
  stop = asking.check();
  bool completed;
  {
    py::gil_scoped_release release;
    completed = f();
  }
  if (!completed) throw py::error_already_set();
}

}  // namespace seqfuse::bindings
