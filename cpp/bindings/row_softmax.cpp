// Python bindings of the softmax of rows and its gradient.
#include "cancellation.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

void softmax_forward(const Kernels& self, const Array& x, const Array& y, int threads) {
  for_type_of(x, [&](auto zero) {
    using T = decltype(zero);
    const SoftmaxForwardArgs<T> args{
        .N = x.shape(0), .D = x.shape(1), .x = rows<const T>(x), .y = rows<T>(y), .threads = threads};
    run_released(self.of<T>().softmax_forward, args);
  });
}

void softmax_backward(const Kernels& self, const Array& y, const Array& dy, const Array& dx, int threads) {
  for_type_of(y, [&](auto zero) {
    using T = decltype(zero);
    const SoftmaxBackwardArgs<T> args{.N = y.shape(0),
                                      .D = y.shape(1),
                                      .y = rows<const T>(y),
                                      .dy = rows<const T>(dy),
                                      .dx = rows<T>(dx),
                                      .threads = threads};
    run_released(self.of<T>().softmax_backward, args);
  });
}

}  // namespace

void bind_row_softmax(KernelsClass& kernels) {
  using py::arg;
  kernels
      .def("softmax_forward", &softmax_forward, arg("x"), arg("y"), arg("threads"),
           "Write y (N, D), the softmax of each row of x. y may be x.")
      .def("softmax_backward", &softmax_backward, arg("y"), arg("dy"), arg("dx"), arg("threads"),
           "Write dx (N, D), which may be dy.\n\ny is the output of the forward.");
}

}  // namespace seqfuse::bindings
