// Softmax of rows, and its gradient.
#include "seqfuse/row_softmax.hpp"

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {

void bind_row_softmax(py::module_& module) {
  module.def("softmax_forward", [](const py::array& x, const py::array& y, int threads) {
    for_type_of(x, [&](auto zero) {
      using T = decltype(zero);
      const SoftmaxForwardArgs<T> args{x.shape(0), x.shape(1), rows<const T>(x), rows<T>(y), threads};
      py::gil_scoped_release release;
      softmax_forward(args);
    });
  });
  module.def("softmax_backward", [](const py::array& y, const py::array& dy, const py::array& dx, int threads) {
    for_type_of(y, [&](auto zero) {
      using T = decltype(zero);
      const SoftmaxBackwardArgs<T> args{y.shape(0),        y.shape(1),  rows<const T>(y),
                                        rows<const T>(dy), rows<T>(dx), threads};
      py::gil_scoped_release release;
      softmax_backward(args);
    });
  });
}

}  // namespace seqfuse::bindings
