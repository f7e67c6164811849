// What the functions of attention take from Python alike.
#pragma once

#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "arrays.hpp"
#include "seqfuse/attention.hpp"
#include "seqfuse/floating_point.hpp"

namespace seqfuse::bindings {

// scale (none: 1 / sqrt(D)), softcap (0: none), left, right (-1: unbounded), bottom_right, lengths, mask, dropout, seed
using ScoreOptions =
    std::tuple<std::optional<double>, double, Index, Index, bool, py::object, py::object, double, std::uint64_t>;

inline AttentionShape shape_of(const py::array& q, const py::array& k, const py::array& v) {
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
AttentionOptions<T> options_of(const ScoreOptions& given, const AttentionShape& shape) {
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

}  // namespace seqfuse::bindings
