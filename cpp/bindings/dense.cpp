// The dense layer.
#include "seqfuse/dense.hpp"

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {
namespace {

void forward(const py::array& x, const py::array& W, const py::object& b, const py::object& y, int threads) {
  for_type_of(W, [&](auto zero) {
    using T = decltype(zero);
    const DenseForwardArgs<T> args{x.shape(0),       x.shape(1),          W.shape(1), rows<const T>(x),
                                   rows<const T>(W), pointer<const T>(b), rows<T>(y), threads};
    py::gil_scoped_release release;
    dense_forward(args);
  });
}

void backward(const py::array& x, const py::array& W, const py::array& dy, const py::object& dx, const py::object& dW,
              const py::object& db, int threads) {
  for_type_of(W, [&](auto zero) {
    using T = decltype(zero);
    const DenseBackwardArgs<T> args{x.shape(0),        x.shape(1),  W.shape(1),  rows<const T>(x), rows<const T>(W),
                                    rows<const T>(dy), rows<T>(dx), rows<T>(dW), pointer<T>(db),   threads};
    py::gil_scoped_release release;
    dense_backward(args);
  });
}

}  // namespace

void bind_dense(py::module_& module) {
  module.def("dense_forward", &forward);
  module.def("dense_backward", &backward);
}

}  // namespace seqfuse::bindings
