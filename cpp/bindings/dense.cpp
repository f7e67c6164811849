// Binds the dense layer.
#include "cancellation.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

void dense_forward(const Kernels& self, const Array& x, const Array& W, const OptionalArray& b, const Array& y,
                   bool add, int threads) {
  for_type_of(W, [&](auto zero) {
    using T = decltype(zero);
    DenseForwardArgs<T> args{.N = x.shape(0),
                             .I = x.shape(1),
                             .O = W.shape(1),
                             .x = rows<const T>(x),
                             .W = matrix<const T>(W),
                             .b = pointer<const T>(b),
                             .y = rows<T>(y),
                             .add = add,
                             .threads = threads,
                             .cancellation = {}};
    run_interruptible(args, [&] { return self.of<T>().dense_forward(args); });
  });
}

void dense_backward(const Kernels& self, const Array& x, const Array& W, const Array& dy, const OptionalArray& dx,
                    const Array& dW, const OptionalArray& db, bool accumulate, int threads) {
  for_type_of(W, [&](auto zero) {
    using T = decltype(zero);
    DenseBackwardArgs<T> args{.N = x.shape(0),
                              .I = x.shape(1),
                              .O = W.shape(1),
                              .x = rows<const T>(x),
                              .W = matrix<const T>(W),
                              .dy = rows<const T>(dy),
                              .dx = rows<T>(dx),
                              .dW = rows<T>(dW),
                              .db = pointer<T>(db),
                              .accumulate = accumulate,
                              .threads = threads,
                              .cancellation = {}};
    run_interruptible(args, [&] { return self.of<T>().dense_backward(args); });
  });
}

}  // namespace

void bind_dense(KernelsClass& kernels) {
  using py::arg;
  kernels
      .def("dense_forward", &dense_forward, arg("x"), arg("W"), arg("b"), arg("y"), arg("add"), arg("threads"),
           "Write y (N, O) = x (N, I) W (I, O) + b. With add, add x W to y; b must be None.")
      .def("dense_backward", &dense_backward, arg("x"), arg("W"), arg("dy"), arg("dx"), arg("dW"), arg("db"),
           arg("accumulate"), arg("threads"),
           "Write dx and add to dW and db; dx and db may be None. With accumulate, dW and db contain earlier gradients "
           "and keep them if Ctrl-C cancels the call.");
}

}  // namespace seqfuse::bindings
