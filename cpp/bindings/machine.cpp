// What the kernels of this module can do at best here, for sf.info, the benchmark and the tests.
#include <string>

#include "arrays.hpp"
#include "bindings.hpp"
#include "seqfuse/elementwise.hpp"
#include "seqfuse/peak.hpp"

namespace seqfuse::bindings {

namespace {

// Calls f with a float or a double, as the name says.
template <class F>
auto for_type_named(const char* function, const std::string& name, F&& f) {
  if (name == "float64") return f(double{});
  if (name == "float32") return f(float{});
  throw py::value_error(std::string(function) + ": dtype_name must be float32 or float64; got " + name);
}

Elementary elementary(const std::string& name) {
  if (name == "exp") return Elementary::kExp;
  if (name == "tanh") return Elementary::kTanh;
  if (name == "sigmoid") return Elementary::kSigmoid;
  throw py::value_error("elementwise: name must be exp, tanh or sigmoid; got " + name);
}

}  // namespace

void bind_machine(py::module_& module) {
  module.attr("openmp") = has_openmp();
  module.def("max_threads", &max_threads);
  module.def("isa_lanes", [](const std::string& dtype_name) {
    return for_type_named("isa_lanes", dtype_name, [](auto zero) { return lanes<decltype(zero)>(); });
  });
  module.def("peak_flops", [](const std::string& dtype_name, double seconds) {
    return for_type_named("peak_flops", dtype_name, [&](auto zero) {
      py::gil_scoped_release release;
      return peak_flops<decltype(zero)>(seconds);
    });
  });
  module.def("elementwise", [](const std::string& name, const py::array& x, const py::array& out) {
    const Elementary f = elementary(name);
    for_type_of(x, [&](auto zero) {
      using T = decltype(zero);
      const T* from = pointer<const T>(x);
      T* to = pointer<T>(out);
      const Index n = x.size();
      py::gil_scoped_release release;
      elementwise(f, from, to, n);
    });
  });
}

}  // namespace seqfuse::bindings
