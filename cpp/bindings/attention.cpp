// Python bindings of scaled dot-product attention and its gradient.
#include <utility>

#include "cancellation.hpp"
#include "score_options.hpp"

namespace seqfuse::bindings {
namespace {

// Returns pointers to row_max and inv_sum, the two halves of the array `statistics`; null pointers for None.
template <class T>
std::pair<T*, T*> halves(const py::object& statistics) {
  if (statistics.is_none()) return {};
  const auto array = py::reinterpret_borrow<py::array>(statistics);
  T* first = pointer<T>(array);
  return {first, first + array.size() / 2};
}

void attention_forward(const Kernels& self, const Array& q, const Array& k, const Array& v,
                       const PyScoreOptions& options, const Array& y, const OptionalArray& statistics,
                       const OptionalArray& lse, int threads) {
  for_type_of(q, [&](auto zero) {
    using T = decltype(zero);
    const AttentionShape shape = read_shape(q, k, v);
    const auto [row_max, inv_sum] = halves<T>(statistics);
    AttentionForwardArgs<T> args{.shape = shape,
                                 .q = heads<const T>(q),
                                 .k = heads<const T>(k),
                                 .v = heads<const T>(v),
                                 .options = read_score_options<T>(options, shape),
                                 .y = heads<T>(y),
                                 .row_max_out = row_max,
                                 .inv_sum_out = inv_sum,
                                 .lse_out = pointer<T>(lse),
                                 .threads = threads,
                                 .cancellation = {}};
    run_interruptible(args, [&] { return self.of<T>().attention_forward(args); });
  });
}

void attention_backward(const Kernels& self, const PyAttentionTape& tape, const Array& dy, const OptionalArray& dlse,
                        const Array& dq, const Array& dk, const Array& dv, const OptionalArray& dmask, int threads) {
  const auto q = py::reinterpret_borrow<Array>(field<"_q">(tape)), k = py::reinterpret_borrow<Array>(field<"_k">(tape)),
             v = py::reinterpret_borrow<Array>(field<"_v">(tape));
  for_type_of(q, [&](auto zero) {
    using T = decltype(zero);
    const AttentionShape shape = read_shape(q, k, v);
    const auto [row_max, inv_sum] = halves<const T>(field<"_statistics">(tape));
    AttentionBackwardArgs<T> args{.shape = shape,
                                  .q = heads<const T>(q),
                                  .k = heads<const T>(k),
                                  .v = heads<const T>(v),
                                  .y = heads<const T>(field<"_y">(tape)),
                                  .dy = heads<const T>(dy),
                                  .options = read_score_options<T>(field<"_options">(tape), shape),
                                  .row_max = row_max,
                                  .inv_sum = inv_sum,
                                  .dlse = pointer<const T>(dlse),
                                  .dq_out = heads<T>(dq),
                                  .dk_out = heads<T>(dk),
                                  .dv_out = heads<T>(dv),
                                  .dmask_inout = pointer<T>(dmask),
                                  .threads = threads,
                                  .cancellation = {}};
    run_interruptible(args, [&] { return self.of<T>().attention_backward(args); });
  });
}

}  // namespace

void bind_attention(KernelsClass& kernels) {
  using py::arg;
  kernels
      .def("attention_forward", &attention_forward, arg("q"), arg("k"), arg("v"), arg("options"), arg("y"),
           arg("statistics"), arg("lse"), arg("threads"),
           "Write y, the attention of q to k and v.\n\n"
           "Also write, unless they are None, statistics (2, B, Hq, Tq), contiguous, and lse (B, Hq, Tq).\n"
           "statistics[0] is row_max, the largest score of each query. statistics[1] is inv_sum, the reciprocal\n"
           "of the sum of exp(score - row_max). lse is the logarithm of the sum of exp(score).")
      .def("attention_backward", &attention_backward, arg("tape"), arg("dy"), arg("dlse"), arg("dq"), arg("dk"),
           arg("dv"), arg("dmask"), arg("threads"),
           "Write dq, dk, dv and, unless it is None, dmask (B, Hq, Tq, Tk).\n\n"
           "dk, dv and dmask must contain zeros. Entries of keys that no query may attend to are not written.");
}

}  // namespace seqfuse::bindings
