// Softmax cross-entropy: the mean loss of rows of logits, and its gradient.
#include "seqfuse/cross_entropy.hpp"

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {

void bind_cross_entropy(py::module_& module) {
  module.def("softmax_cross_entropy_forward", [](const py::array& logits, const py::array& labels,
                                                 const py::array& high, const py::array& scale, int threads) {
    return for_type_of(logits, [&](auto zero) {
      using T = decltype(zero);
      const CrossEntropyForwardArgs<T> args{logits.shape(0),
                                            logits.shape(1),
                                            rows<const T>(logits),
                                            pointer<const std::int64_t>(labels),
                                            pointer<T>(high),
                                            pointer<T>(scale),
                                            threads};
      py::gil_scoped_release release;
      return softmax_cross_entropy_forward(args);
    });
  });
  module.def("softmax_cross_entropy_backward",
             [](const py::array& logits, const py::array& labels, const py::array& high, const py::array& scale,
                double factor, const py::array& dlogits, int threads) {
               for_type_of(logits, [&](auto zero) {
                 using T = decltype(zero);
                 const CrossEntropyBackwardArgs<T> args{logits.shape(0),
                                                        logits.shape(1),
                                                        rows<const T>(logits),
                                                        pointer<const std::int64_t>(labels),
                                                        pointer<const T>(high),
                                                        pointer<const T>(scale),
                                                        factor,
                                                        rows<T>(dlogits),
                                                        threads};
                 py::gil_scoped_release release;
                 softmax_cross_entropy_backward(args);
               });
             });
}

}  // namespace seqfuse::bindings
