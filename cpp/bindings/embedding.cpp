// Python bindings of the embedding, which looks up rows of a table, and its gradient.
#include "cancellation.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

void embedding_forward(const Kernels& self, const Array& ids, const Array& E, const Array& y, int threads) {
  for_type_of(E, [&](auto zero) {
    using T = decltype(zero);
    const EmbeddingForwardArgs<T> args{.N = y.shape(0),
                                       .V = E.shape(0),
                                       .D = y.shape(1),
                                       .ids = pointer<const std::int64_t>(ids),
                                       .E = rows<const T>(E),
                                       .y = rows<T>(y),
                                       .threads = threads};
    run_released(self.of<T>().embedding_forward, args);
  });
}

void embedding_backward(const Kernels& self, const Array& ids, const Array& dy, const Array& dE, int threads) {
  for_type_of(dE, [&](auto zero) {
    using T = decltype(zero);
    const EmbeddingBackwardArgs<T> args{.N = dy.shape(0),
                                        .V = dE.shape(0),
                                        .D = dy.shape(1),
                                        .ids = pointer<const std::int64_t>(ids),
                                        .dy = rows<const T>(dy),
                                        .dE = rows<T>(dE),
                                        .threads = threads};
    run_released(self.of<T>().embedding_backward, args);
  });
}

}  // namespace

void bind_embedding(KernelsClass& kernels) {
  using py::arg;
  kernels
      .def("embedding_forward", &embedding_forward, arg("ids"), arg("E"), arg("y"), arg("threads"),
           "Write y (N, D), the rows ids (N,), int64, of E (V, D).")
      .def("embedding_backward", &embedding_backward, arg("ids"), arg("dy"), arg("dE"), arg("threads"),
           "Add dy (N, D) to the rows ids (N,) of dE (V, D).");
}

}  // namespace seqfuse::bindings
