// Adam: one update of a run of parameters, in place.
#include "seqfuse/adam.hpp"

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {

void bind_adam(py::module_& module) {
  module.def("adam_update", [](const py::array& params, const py::array& grads, const py::array& m, const py::array& v,
                               std::int64_t step, double learning_rate, double beta_1, double beta_2, double epsilon,
                               double grad_scale, int threads) {
    for_type_of(params, [&](auto zero) {
      using T = decltype(zero);
      AdamArgs<T> args;
      args.n = params.size();
      args.params = pointer<T>(params);
      args.grads = pointer<const T>(grads);
      args.m = pointer<T>(m);
      args.v = pointer<T>(v);
      args.step = step;
      args.learning_rate = learning_rate;
      args.beta_1 = beta_1;
      args.beta_2 = beta_2;
      args.epsilon = epsilon;
      args.grad_scale = grad_scale;
      args.threads = threads;
      py::gil_scoped_release release;
      adam_update(args);
    });
  });
}

}  // namespace seqfuse::bindings
