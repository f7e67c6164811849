// Layer and RMS normalisation: the latter has no mean.
#include "seqfuse/normalize.hpp"

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {

void bind_normalize(py::module_& module) {
  module.def("normalize_forward",
             [](const py::array& x, const py::object& gamma, const py::object& beta, double epsilon, const py::array& y,
                const py::object& mean, const py::array& scale, int threads) {
               for_type_of(x, [&](auto zero) {
                 using T = decltype(zero);
                 const NormalizeForwardArgs<T> args{
                     x.shape(0), x.shape(1), rows<const T>(x), pointer<const T>(gamma), pointer<const T>(beta),
                     epsilon,    rows<T>(y), pointer<T>(mean), pointer<T>(scale),       threads};
                 py::gil_scoped_release release;
                 normalize_forward(args);
               });
             });
  module.def("normalize_backward", [](const py::array& x, const py::array& dy, const py::object& gamma,
                                      const py::object& mean, const py::array& scale, const py::array& dx,
                                      const py::object& dgamma, const py::object& dbeta, int threads) {
    for_type_of(x, [&](auto zero) {
      using T = decltype(zero);
      const NormalizeBackwardArgs<T> args{x.shape(0),
                                          x.shape(1),
                                          rows<const T>(x),
                                          rows<const T>(dy),
                                          pointer<const T>(gamma),
                                          pointer<const T>(mean),
                                          pointer<const T>(scale),
                                          rows<T>(dx),
                                          pointer<T>(dgamma),
                                          pointer<T>(dbeta),
                                          threads};
      py::gil_scoped_release release;
      normalize_backward(args);
    });
  });
}

}  // namespace seqfuse::bindings
