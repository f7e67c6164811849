// Scaled dot-product attention.
#include "seqfuse/attention.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "arrays.hpp"
#include "bindings.hpp"
#include "seqfuse/floating_point.hpp"

namespace seqfuse::bindings {
namespace {

// scale (none: 1 / sqrt(D)), softcap (0: none), left, right (-1: unbounded), bottom_right, lengths, mask, dropout, seed
using Options =
    std::tuple<std::optional<double>, double, Index, Index, bool, py::object, py::object, double, std::uint64_t>;

AttentionShape shape_of(const py::array& q, const py::array& k, const py::array& v) {
  return {q.shape(0), q.shape(1), k.shape(1), q.shape(2), k.shape(2), q.shape(3), v.shape(3)};
}

// The mask is broadcast to four axes; one byte an element: bool, else numbers of type T.
template <class T>
AttentionMask<T> mask_of(const py::object& object) {
  if (object.is_none()) return {};
  const auto array = py::reinterpret_borrow<py::array>(object);
  const bool keep = array.itemsize() == 1;
  const Index size = array.itemsize();
  return {keep ? pointer<const std::uint8_t>(array) : nullptr,
          keep ? nullptr : pointer<const T>(array),
          array.strides(0) / size,
          array.strides(1) / size,
          array.strides(2) / size,
          array.strides(3) / size};
}

template <class T>
AttentionOptions<T> options_of(const Options& given, const AttentionShape& shape) {
  const auto& [scale, softcap, left, right, bottom_right, lengths, mask, dropout, seed] = given;
  const auto bound = [](Index n) { return n < 0 ? KeyInterval::kUnbounded : n; };
  const parallel::FlushDenormals flush;
  return {static_cast<T>(scale ? *scale : 1 / std::sqrt(static_cast<double>(std::max<Index>(shape.D, 1)))),
          static_cast<T>(softcap),
          {shape.Tq, shape.Tk, bound(left), bound(right), bottom_right, pointer<const std::int64_t>(lengths)},
          mask_of<T>(mask),
          dropout,
          seed};
}

void forward(const py::array& q, const py::array& k, const py::array& v, const Options& options, const py::array& y,
             const py::object& high, const py::object& reciprocal, const py::object& lse, int threads) {
  for_type_of(q, [&](auto zero) {
    using T = decltype(zero);
    const AttentionShape shape = shape_of(q, k, v);
    AttentionForwardArgs<T> args{
        shape,       heads<const T>(q), heads<const T>(k),      heads<const T>(v), options_of<T>(options, shape),
        heads<T>(y), pointer<T>(high),  pointer<T>(reciprocal), pointer<T>(lse), threads,           {}};
    interruptible(args.stop, [&] { return attention_forward(args); });
  });
}

void backward(const py::array& q, const py::array& k, const py::array& v, const Options& options, const py::array& y,
              const py::array& high, const py::array& reciprocal, const py::array& dy, const py::object& dlse,
              const py::array& dq, const py::array& dk, const py::array& dv, const py::object& dmask, int threads) {
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
