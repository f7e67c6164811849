// The dense layer.
#include "seqfuse/dense.hpp"

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {
namespace {

template <class T>
void forward_as(const py::array& x, const py::array& W, const py::object& b, const py::object& y, bool add,
                int threads) {
  DenseForwardArgs<T> args{x.shape(0),          x.shape(1), W.shape(1), rows<const T>(x), rows<const T>(W),
                           pointer<const T>(b), rows<T>(y), add,        threads,          {}};
  interruptible(args.stop, [&] { return dense_forward(args); });
}

void forward(const py::array& x, const py::array& W, const py::object& b, const py::object& y, bool add, int threads) {
  for_type_of(W, [&](auto zero) { forward_as<decltype(zero)>(x, W, b, y, add, threads); });
}

void backward(const py::array& x, const py::array& W, const py::array& dy, const py::object& dx, const py::object& dW,
              const py::object& db, bool added, int threads) {
  for_type_of(W, [&](auto zero) {
    using T = decltype(zero);
    DenseBackwardArgs<T> args{x.shape(0),        x.shape(1),  W.shape(1),  rows<const T>(x), rows<const T>(W),
                              rows<const T>(dy), rows<T>(dx), rows<T>(dW), pointer<T>(db),   added,
                              threads,           {}};
    interruptible(args.stop, [&] { return dense_backward(args); });
  });
}

}  // namespace

void bind_dense(py::module_& module) {
  module.def("dense_forward", &forward);
  module.def("dense_backward", &backward);
}

}  // namespace seqfuse::bindings
