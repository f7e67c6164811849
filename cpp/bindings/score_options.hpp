// Converts the sizes and score options of attention and of the key cache from Python.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels.hpp"
#include "seqfuse/floating_point.hpp"
#include "structures.hpp"

namespace seqfuse::bindings {

inline AttentionShape read_shape(const py::array& q, const py::array& k, const py::array& v) {
  return {q.shape(0), q.shape(1), k.shape(1), q.shape(2), k.shape(2), q.shape(3), v.shape(3)};
}

// Converts a mask with four axes, broadcast by strides of 0. If an element has one byte, the mask is bool; otherwise it
// contains numbers of type T, which are added to the scores.
template <class T>
AttentionMask<T> read_mask(const py::object& mask) {
  if (mask.is_none()) return {};
  const auto array = py::reinterpret_borrow<py::array>(mask);
  const Index size = array.itemsize();
  return {size == 1 ? pointer<const std::uint8_t>(array) : nullptr,
          size == 1 ? nullptr : pointer<const T>(array),
          array.strides(0) / size,
          array.strides(1) / size,
          array.strides(2) / size,
          array.strides(3) / size};
}

template <class T>
AttentionOptions<T> read_score_options(const PyScoreOptions& from, const AttentionShape& shape) {
  const auto scale = field<"scale">(from);
  const auto bound = [](py::handle side) {
    const auto n = side.cast<Index>();
    return n < 0 ? KeyInterval::kUnbounded : n;
  };
  const parallel::FlushDenormals flush;
  return {
      .score_scale = static_cast<T>(scale.is_none() ? 1 / std::sqrt(static_cast<double>(std::max<Index>(shape.D, 1)))
                                                    : scale.template cast<double>()),
      .softcap = static_cast<T>(field<"softcap">(from).template cast<double>()),
      .interval = {shape.Tq, shape.Tk, bound(field<"left">(from)), bound(field<"right">(from)),
                   field<"bottom_right">(from).ptr() == Py_True, pointer<const std::int64_t>(field<"lengths">(from))},
      .mask = read_mask<T>(field<"mask">(from)),
      .dropout = field<"dropout">(from).template cast<double>(),
      .seed = field<"seed">(from).template cast<std::uint64_t>()};
}

}  // namespace seqfuse::bindings
