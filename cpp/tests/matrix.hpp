// Inputs and outputs of the kernel tests: non-periodic numbers, and arrays with guard values around every row.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "require.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse::tests {

template <class T>
using Numbers = std::vector<T>;

inline std::size_t size(Index n) { return static_cast<std::size_t>(n); }

template <class T>
constexpr double kEpsilon = static_cast<double>(std::numeric_limits<T>::epsilon());

// Returns n non-periodic numbers between -scale and scale.
template <class T>
Numbers<T> drawn(Index n, double scale, double seed) {
  Numbers<T> numbers(size(n));
  for (std::size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<T>(scale * std::sin(seed + 1.7 * static_cast<double>(i * i % 100'003)));
  return numbers;
}

// An array (rows, columns) with `gap` elements between the rows. The gaps, the guard values at both ends and unwritten
// elements are NaN. With AddressSanitizer there are no guard values at the ends, because it detects such accesses
// itself.
template <class T>
class Matrix {
 public:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr Index kEnd = 0;
#else
  static constexpr Index kEnd = 32;
#endif

  Matrix(Index rows, Index columns, Index gap = 0)
      : rows_(rows),
        columns_(columns),
        stride_(columns + gap),
        memory_(size(2 * kEnd + (rows == 0 ? 0 : (rows - 1) * stride_ + columns)), kGuard) {}
  Matrix(Index rows, Index columns, Index gap, double scale, double seed) : Matrix(rows, columns, gap) {
    fill(drawn<T>(rows * columns, scale, seed));
  }

  void fill(const Numbers<T>& numbers) {
    for (Index r = 0; r < rows_; ++r) std::copy_n(numbers.data() + r * columns_, columns_, data() + r * stride_);
  }
  void fill(T number) { fill(Numbers<T>(size(rows_ * columns_), number)); }

  T* data() { return memory_.data() + kEnd; }
  const T* data() const { return memory_.data() + kEnd; }
  Index stride() const { return stride_; }
  Rows<T> rows() { return {data(), stride_}; }
  Rows<const T> rows() const { return {data(), stride_}; }
  T operator()(Index r, Index c) const { return data()[r * stride_ + c]; }
  double at(Index r, Index c) const { return static_cast<double>((*this)(r, c)); }

  // Returns the elements in row order. Fails if a guard value between or around the rows was overwritten.
  Numbers<T> numbers() const {
    Numbers<T> all;
    std::vector<bool> inside(memory_.size());
    for (Index r = 0; r < rows_; ++r)
      for (Index c = 0; c < columns_; ++c) {
        all.push_back((*this)(r, c));
        inside[size(kEnd + r * stride_ + c)] = true;
      }
    for (std::size_t i = 0; i < memory_.size(); ++i)
      REQUIRE_EACH(inside[i] || std::memcmp(&memory_[i], &kGuard, sizeof(T)) == 0, "written at %td of (%td, %td)",
                   static_cast<Index>(i) - kEnd, rows_, columns_);
    return all;
  }

 private:
  static constexpr T kGuard = std::numeric_limits<T>::quiet_NaN();

  Index rows_, columns_, stride_;
  Numbers<T> memory_;
};

// An exact value and its magnitude, the sum of the absolute values of its terms. Rounding errors are proportional to
// it.
struct Sum {
  double value = 0, magnitude = 0;

  Sum() = default;
  explicit Sum(double exact) : value(exact), magnitude(std::abs(exact)) {}
  Sum(double exact, double of) : value(exact), magnitude(of) {}
  void add(double term) {
    value += term;
    magnitude += std::abs(term);
  }
};

// Requires that the error of each number is at most `roundings` * epsilon * magnitude.
template <class T>
void require_close(const Numbers<T>& got, const std::vector<Sum>& expected, double roundings, const char* name) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double allowed = roundings * kEpsilon<T> * expected[i].magnitude;
    const auto one = static_cast<double>(got[i]);
    REQUIRE_EACH(one == expected[i].value || std::abs(one - expected[i].value) <= allowed,
                 "%s[%zu], %zu bytes: %.17g, not %.17g within %g", name, i, sizeof(T), one, expected[i].value, allowed);
  }
}

template <class T>
void require_same_bits(const Numbers<T>& got, const Numbers<T>& expected, const char* name) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    REQUIRE_EACH(std::memcmp(&got[i], &expected[i], sizeof(T)) == 0, "%s[%zu], %zu bytes: %.17g, not %.17g", name, i,
                 sizeof(T), static_cast<double>(got[i]), static_cast<double>(expected[i]));
}

template <class T>
void append(Numbers<T>& all, const Numbers<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

// Requires that run(threads), which returns all results of a call, returns the same bits for 1, 2 and 3 threads. The
// call must be large enough for several threads.
template <class F>
void require_the_bits_of_one_thread(F&& run) {
  const auto expected = run(1);
  for (const int threads : {2, 3}) require_same_bits(run(threads), expected, threads == 2 ? "of two" : "of three");
}

// Sizes around the sizes of packets and cache lines.
inline constexpr Index kNastySizes[] = {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33};

}  // namespace seqfuse::tests
