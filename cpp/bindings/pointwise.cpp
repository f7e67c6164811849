// GELU and SiLU over a run of numbers.
#include "seqfuse/pointwise.hpp"

#include <string>

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {
namespace {

Pointwise find_pointwise(const std::string& name) {
  if (name == "gelu") return Pointwise::gelu;
  if (name == "gelu_tanh") return Pointwise::gelu_tanh;
  if (name == "silu") return Pointwise::silu;
  throw py::value_error("no such function: " + name);
}

}  // namespace

void bind_pointwise(py::module_& module) {
  module.def("pointwise_forward", [](const std::string& name, const py::array& x, const py::array& y, int threads) {
    for_type_of(x, [&](auto zero) {
      using T = decltype(zero);
      const PointwiseArgs<T> args{find_pointwise(name), x.size(), pointer<const T>(x), nullptr, pointer<T>(y), threads};
      py::gil_scoped_release release;
      pointwise_forward(args);
    });
  });
  module.def("pointwise_backward",
             [](const std::string& name, const py::array& x, const py::array& dy, const py::array& dx, int threads) {
               for_type_of(x, [&](auto zero) {
                 using T = decltype(zero);
                 const PointwiseArgs<T> args{find_pointwise(name), x.size(),       pointer<const T>(x),
                                             pointer<const T>(dy), pointer<T>(dx), threads};
                 py::gil_scoped_release release;
                 pointwise_backward(args);
               });
             });
}

}  // namespace seqfuse::bindings
