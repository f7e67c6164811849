// Embedding: rows of a table by their numbers.
#include "seqfuse/embedding.hpp"

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {

void bind_embedding(py::module_& module) {
  module.def("embedding_forward", [](const py::array& ids, const py::array& E, const py::array& y, int threads) {
    for_type_of(E, [&](auto zero) {
      using T = decltype(zero);
      const EmbeddingForwardArgs<T> args{y.shape(0),       y.shape(1), pointer<const std::int64_t>(ids),
                                         rows<const T>(E), rows<T>(y), threads};
      py::gil_scoped_release release;
      embedding_forward(args);
    });
  });
  module.def("embedding_backward", [](const py::array& ids, const py::array& dy, const py::array& dE, int threads) {
    for_type_of(dE, [&](auto zero) {
      using T = decltype(zero);
      const EmbeddingBackwardArgs<T> args{dy.shape(0),       dy.shape(1), pointer<const std::int64_t>(ids),
                                          rows<const T>(dy), rows<T>(dE), threads};
      py::gil_scoped_release release;
      embedding_backward(args);
    });
  });
}

}  // namespace seqfuse::bindings
