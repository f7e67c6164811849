// Views of arrays (a pointer and strides), ranges of indices, and the division of work among threads.
#pragma once

#include <cstddef>

namespace seqfuse {

using Index = std::ptrdiff_t;

// A view of an array (rows, columns) whose rows are contiguous. `stride` is any number of elements between rows.
template <class T>
struct Rows {
  T* data = nullptr;
  Index stride = 0;

  T* row(Index i) const { return data + i * stride; }
  explicit operator bool() const { return data != nullptr; }
};

// A view of a matrix (rows, columns) whose rows, or if `transposed` whose columns, are contiguous.
template <class T>
struct Matrix {
  T* data = nullptr;
  Index stride = 0;  // elements between rows, or if `transposed` between columns
  bool transposed = false;

  Matrix() = default;
  Matrix(Rows<T> rows) : data(rows.data), stride(rows.stride) {}  // NOLINT: a matrix of contiguous rows
  Matrix(T* first, Index stride_, bool transposed_ = false) : data(first), stride(stride_), transposed(transposed_) {}

  explicit operator bool() const { return data != nullptr; }
  // Returns the matrix from row or column i on.
  Matrix from_row(Index i) const { return {data + (transposed ? i : i * stride), stride, transposed}; }
  Matrix from_column(Index i) const { return {data + (transposed ? i * stride : i), stride, transposed}; }
  // Returns the rows of a matrix that is not transposed, and the columns of one that is.
  Rows<T> rows() const { return {data, stride}; }
};

// A view of an array (T, B, columns) whose last axis is contiguous. The strides are any numbers of elements.
template <class T>
struct Steps {
  T* data = nullptr;
  Index stride_t = 0;
  Index stride_b = 0;

  T* at(Index t, Index b) const { return data + t * stride_t + b * stride_b; }
  explicit operator bool() const { return data != nullptr; }
};

// A view of an array (B, H, N, columns) whose last axis is contiguous. The strides are any numbers of elements.
template <class T>
struct Heads {
  T* data = nullptr;
  Index stride_b = 0, stride_h = 0, stride_n = 0;

  T* at(Index b, Index h, Index n) const { return data + b * stride_b + h * stride_h + n * stride_n; }
  explicit operator bool() const { return data != nullptr; }
};

// A half-open range of indices [begin, end).
struct Range {
  Index begin = 0;
  Index end = 0;

  Index size() const { return end - begin; }
  bool empty() const { return end <= begin; }
};

constexpr Index divide_up(Index n, Index by) { return (n + by - 1) / by; }
constexpr Index round_up(Index n, Index to) { return divide_up(n, to) * to; }

// Divides n items into `parts` ranges and returns number `part`. If `parts` does not divide n, the first ranges have
// one item more.
constexpr Range share_of(Index n, int part, int parts) {
  const Index each = n / parts, more = n % parts;
  const Index begin = part * each + (part < more ? part : more);
  return {begin, begin + each + (part < more ? 1 : 0)};
}

}  // namespace seqfuse
