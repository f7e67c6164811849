// Python bindings of GELU and SiLU and their gradients.
#include <string_view>

#include "cancellation.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

Pointwise find_pointwise(std::string_view name) {
  if (name == "gelu") return Pointwise::gelu;
  if (name == "gelu_tanh") return Pointwise::gelu_tanh;
  if (name == "silu") return Pointwise::silu;
  throw py::value_error("pointwise: name must be \"gelu\", \"gelu_tanh\" or \"silu\"; got " + std::string(name));
}

void pointwise_forward(const Kernels& self, std::string_view name, const Array& x, const Array& y, int threads) {
  for_type_of(x, [&](auto zero) {
    using T = decltype(zero);
    const PointwiseArgs<T> args{.f = find_pointwise(name),
                                .n = x.size(),
                                .x = pointer<const T>(x),
                                .dy = nullptr,
                                .out = pointer<T>(y),
                                .threads = threads};
    run_released(self.of<T>().pointwise_forward, args);
  });
}

void pointwise_backward(const Kernels& self, std::string_view name, const Array& x, const Array& dy, const Array& dx,
                        int threads) {
  for_type_of(x, [&](auto zero) {
    using T = decltype(zero);
    const PointwiseArgs<T> args{.f = find_pointwise(name),
                                .n = x.size(),
                                .x = pointer<const T>(x),
                                .dy = pointer<const T>(dy),
                                .out = pointer<T>(dx),
                                .threads = threads};
    run_released(self.of<T>().pointwise_backward, args);
  });
}

}  // namespace

void bind_pointwise(KernelsClass& kernels) {
  using py::arg;
  kernels
      .def("pointwise_forward", &pointwise_forward, arg("name"), arg("x"), arg("y"), arg("threads"),
           "Write y, the function `name` of x: gelu, gelu_tanh or silu.\n\nAll arrays are flat. y may be x.")
      .def("pointwise_backward", &pointwise_backward, arg("name"), arg("x"), arg("dy"), arg("dx"), arg("threads"),
           "Write dx, which may be x or dy.\n\nAll arrays are flat.");
}

}  // namespace seqfuse::bindings
