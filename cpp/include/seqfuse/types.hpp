// The views that every layer passes down: a pointer, and how far its rows lie apart.
#pragma once

#include <cstddef>

namespace seqfuse {

using Index = std::ptrdiff_t;

// A (rows, ·) array whose rows are contiguous; `stride` counts elements and may be anything.
template <class T>
struct Rows {
  T* data = nullptr;
  Index stride = 0;

  T* row(Index i) const { return data + i * stride; }
  explicit operator bool() const { return data != nullptr; }
};

// A (T, B, ·) array whose last axis is contiguous; any strides, counted in elements.
template <class T>
struct Steps {
  T* data = nullptr;
  Index stride_t = 0;
  Index stride_b = 0;

  T* at(Index t, Index b) const { return data + t * stride_t + b * stride_b; }
  explicit operator bool() const { return data != nullptr; }
};

// A (B, H, N, ·) array whose last axis is contiguous; any strides, counted in elements.
template <class T>
struct Heads {
  T* data = nullptr;
  Index stride_b = 0, stride_h = 0, stride_n = 0;

  T* at(Index b, Index h, Index n) const { return data + b * stride_b + h * stride_h + n * stride_n; }
  explicit operator bool() const { return data != nullptr; }
};

// A half-open range of indices: the share of one thread.
struct Range {
  Index begin = 0;
  Index end = 0;

  Index size() const { return end - begin; }
  bool empty() const { return end <= begin; }
};

constexpr Index divide_up(Index n, Index by) { return (n + by - 1) / by; }
constexpr Index round_up(Index n, Index to) { return divide_up(n, to) * to; }

// Share `part` of `parts` of n items, the first ones one larger where n does not divide.
constexpr Range share_of(Index n, int part, int parts) {
  const Index each = n / parts, more = n % parts;
  const Index begin = part * each + (part < more ? part : more);
  return {begin, begin + each + (part < more ? 1 : 0)};
}

}  // namespace seqfuse
