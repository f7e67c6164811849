// Python bindings of softmax cross-entropy and its gradient.
#include "cancellation.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

double cross_entropy_forward(const Kernels& self, const Array& logits, const Array& labels, const Array& row_max,
                             const Array& inv_sum, int threads) {
  return for_type_of(logits, [&](auto zero) {
    using T = decltype(zero);
    const CrossEntropyForwardArgs<T> args{.N = logits.shape(0),
                                          .C = logits.shape(1),
                                          .logits = rows<const T>(logits),
                                          .labels = pointer<const std::int64_t>(labels),
                                          .row_max = pointer<T>(row_max),
                                          .inv_sum = pointer<T>(inv_sum),
                                          .threads = threads};
    return run_released(self.of<T>().cross_entropy_forward, args);
  });
}

void cross_entropy_backward(const Kernels& self, const Array& logits, const Array& labels, const Array& row_max,
                            const Array& inv_sum, double factor, const Array& dlogits, int threads) {
  for_type_of(logits, [&](auto zero) {
    using T = decltype(zero);
    const CrossEntropyBackwardArgs<T> args{.N = logits.shape(0),
                                           .C = logits.shape(1),
                                           .logits = rows<const T>(logits),
                                           .labels = pointer<const std::int64_t>(labels),
                                           .row_max = pointer<const T>(row_max),
                                           .inv_sum = pointer<const T>(inv_sum),
                                           .factor = factor,
                                           .dlogits = rows<T>(dlogits),
                                           .threads = threads};
    run_released(self.of<T>().cross_entropy_backward, args);
  });
}

}  // namespace

void bind_cross_entropy(KernelsClass& kernels) {
  using py::arg;
  kernels
      .def("cross_entropy_forward", &cross_entropy_forward, arg("logits"), arg("labels"), arg("row_max"),
           arg("inv_sum"), arg("threads"),
           "Return the mean loss of logits (N, C) and labels (N,), int64.\n\n"
           "Write row_max (N,), the maximum of each row of the logits, and inv_sum (N,), the reciprocal of the\n"
           "sum of exp(logits - row_max).")
      .def("cross_entropy_backward", &cross_entropy_backward, arg("logits"), arg("labels"), arg("row_max"),
           arg("inv_sum"), arg("factor"), arg("dlogits"), arg("threads"),
           "Write dlogits (N, C), which may be logits.\n\n"
           "factor is the gradient of the sum of the losses. row_max and inv_sum are from the forward.");
}

}  // namespace seqfuse::bindings
