// What the kernels of this module can do at best here, for sf.info and the benchmark.
#include <string>

#include "arrays.hpp"
#include "bindings.hpp"
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

}  // namespace

void bind_machine(py::module_& module) {
  module.attr("openmp") = has_openmp();
  module.def("peak_flops", [](const std::string& dtype_name, double seconds) {
    return for_type_named("peak_flops", dtype_name, [&](auto zero) {
      py::gil_scoped_release release;
      return peak_flops<decltype(zero)>(seconds);
    });
  });
  module.def("read_bandwidth", [](Index bytes, int threads, double seconds) {
    if (bytes < 1) throw py::value_error("read_bandwidth: bytes must be at least 1; got " + std::to_string(bytes));
    py::gil_scoped_release release;
    return read_bandwidth(bytes, threads, seconds);
  });
}

}  // namespace seqfuse::bindings
