// Python bindings of layer and RMS normalization and their gradients.
#include "cancellation.hpp"
#include "kernels.hpp"
#include "structures.hpp"

namespace seqfuse::bindings {
namespace {

void normalize_forward(const Kernels& self, const Array& x, const OptionalArray& gamma, const OptionalArray& beta,
                       double epsilon, const Array& y, const OptionalArray& mean, const Array& rstd, int threads) {
  for_type_of(x, [&](auto zero) {
    using T = decltype(zero);
    const NormalizeForwardArgs<T> args{.N = x.shape(0),
                                       .D = x.shape(1),
                                       .x = rows<const T>(x),
                                       .gamma = pointer<const T>(gamma),
                                       .beta = pointer<const T>(beta),
                                       .epsilon = epsilon,
                                       .y = rows<T>(y),
                                       .mean = pointer<T>(mean),
                                       .rstd = pointer<T>(rstd),
                                       .threads = threads};
    run_released(self.of<T>().normalize_forward, args);
  });
}

void normalize_backward(const Kernels& self, const PyNormalizeTape& tape, const Array& x, const Array& dy,
                        const Array& dx, const OptionalArray& dgamma, const OptionalArray& dbeta, int threads) {
  for_type_of(x, [&](auto zero) {
    using T = decltype(zero);
    const NormalizeBackwardArgs<T> args{.N = x.shape(0),
                                        .D = x.shape(1),
                                        .x = rows<const T>(x),
                                        .dy = rows<const T>(dy),
                                        .gamma = pointer<const T>(field<"_gamma">(tape)),
                                        .mean = pointer<const T>(field<"_mean">(tape)),
                                        .rstd = pointer<const T>(field<"_rstd">(tape)),
                                        .dx = rows<T>(dx),
                                        .dgamma = pointer<T>(dgamma),
                                        .dbeta = pointer<T>(dbeta),
                                        .threads = threads};
    run_released(self.of<T>().normalize_backward, args);
  });
}

}  // namespace

void bind_normalize(KernelsClass& kernels) {
  using py::arg;
  kernels
      .def("normalize_forward", &normalize_forward, arg("x"), arg("gamma"), arg("beta"), arg("epsilon"), arg("y"),
           arg("mean"), arg("rstd"), arg("threads"),
           "Write y (N, D), mean (N,) and rstd (N,), the reciprocal of the standard deviation.\n\n"
           "y may be x. mean is None for RMS normalization. gamma and beta: (D,) or None.")
      .def("normalize_backward", &normalize_backward, arg("tape"), arg("x"), arg("dy"), arg("dx"), arg("dgamma"),
           arg("dbeta"), arg("threads"),
           "Write dx (N, D) and add to dgamma and dbeta (D,), unless they are None.\n\n"
           "dx may be dy. x (N, D) is the input of the forward.");
}

}  // namespace seqfuse::bindings
