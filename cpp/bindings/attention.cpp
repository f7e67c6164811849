// Scaled dot-product attention.
#include "seqfuse/attention.hpp"

#include "bindings.hpp"
#include "scores.hpp"

namespace seqfuse::bindings {
namespace {

void forward(const py::array& q, const py::array& k, const py::array& v, const ScoreOptions& options,
             const py::array& y, const py::object& high, const py::object& reciprocal, const py::object& lse,
             int threads) {
  for_type_of(q, [&](auto zero) {
    using T = decltype(zero);
    const AttentionShape shape = shape_of(q, k, v);
    AttentionForwardArgs<T> args{
        shape,       heads<const T>(q), heads<const T>(k),      heads<const T>(v), options_of<T>(options, shape),
        heads<T>(y), pointer<T>(high),  pointer<T>(reciprocal), pointer<T>(lse),   threads,
        {}};
    interruptible(args.stop, [&] { return attention_forward(args); });
  });
}

void backward(const py::array& q, const py::array& k, const py::array& v, const ScoreOptions& options,
              const py::array& y, const py::array& high, const py::array& reciprocal, const py::array& dy,
              const py::object& dlse, const py::array& dq, const py::array& dk, const py::array& dv,
              const py::object& dmask, int threads) {
  for_type_of(q, [&](auto zero) {
    using T = decltype(zero);
    const AttentionShape shape = shape_of(q, k, v);
    AttentionBackwardArgs<T> args{shape,
                                  heads<const T>(q),
                                  heads<const T>(k),
                                  heads<const T>(v),
                                  heads<const T>(y),
                                  heads<const T>(dy),
                                  options_of<T>(options, shape),
                                  pointer<const T>(high),
                                  pointer<const T>(reciprocal),
                                  pointer<const T>(dlse),
                                  heads<T>(dq),
                                  heads<T>(dk),
                                  heads<T>(dv),
                                  pointer<T>(dmask),
                                  threads,
                                  {}};
    interruptible(args.stop, [&] { return attention_backward(args); });
  });
}

}  // namespace

void bind_attention(py::module_& module) {
  module.def("attention_forward", &forward);
  module.def("attention_backward", &backward);
}

}  // namespace seqfuse::bindings
