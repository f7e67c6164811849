// Dropout: forward and backward are one function of the index and the seed.
#include "seqfuse/dropout.hpp"

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {

void bind_dropout(py::module_& module) {
  module.def("dropout", [](const py::array& x, const py::array& y, double rate, std::uint64_t seed, int threads) {
    for_type_of(x, [&](auto zero) {
      using T = decltype(zero);
      const DropoutArgs<T> args{x.size(), pointer<const T>(x), pointer<T>(y), rate, seed, threads};
      py::gil_scoped_release release;
      dropout(args);
    });
  });
}

}  // namespace seqfuse::bindings
