// Binds the elementwise activation functions.
#include <string>

#include "cancellation.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

void activation_forward(const Kernels& self, const Array& a, const Array& y, const OptionalArray& slope,
                        const std::string& name, double alpha, double beta, int threads) {
  for_type_of(a, [&](auto zero) {
    using T = decltype(zero);
    ActivationArgs<T> args;
    args.n = a.size();
    args.a = pointer<const T>(a);
    args.y = pointer<T>(y);
    args.slope = pointer<T>(slope);
    if (!find_activation(name, args.f.kind)) throw py::value_error("activation_forward: unknown activation " + name);
    args.f.alpha = static_cast<T>(alpha);
    args.f.beta = static_cast<T>(beta);
    args.threads = threads;
    run_released(self.of<T>().activation_forward, args);
  });
}

}  // namespace

void bind_activation(KernelsClass& kernels) {
  using py::arg;
  kernels.def("activation_forward", &activation_forward, arg("a"), arg("y"), arg("slope"), arg("name"), arg("alpha"),
              arg("beta"), arg("threads"),
              "Write y = f(a) and slope = f'(a), flat arrays. y may be the array a; slope may be None.");
}

}  // namespace seqfuse::bindings
