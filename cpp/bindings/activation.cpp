// Activations over a run of numbers.
#include <string>

#include "arrays.hpp"
#include "bindings.hpp"
#include "seqfuse/activation_forward.hpp"

namespace seqfuse::bindings {

void bind_activation(py::module_& module) {
  module.def("activation_forward", [](const py::array& a, const py::array& y, const py::object& slope,
                                      const std::string& name, double alpha, double beta, int threads) {
    for_type_of(a, [&](auto zero) {
      using T = decltype(zero);
      ActivationArgs<T> args;
      args.n = a.size();
      args.a = pointer<const T>(a);
      args.y = pointer<T>(y);
      args.slope = pointer<T>(slope);
      if (!find_activation(name, args.f.kind)) throw py::value_error("no such activation: " + name);
      args.f.alpha = static_cast<T>(alpha), args.f.beta = static_cast<T>(beta);
      args.threads = threads;
      py::gil_scoped_release release;
      activation_forward(args);
    });
  });
}

}  // namespace seqfuse::bindings
