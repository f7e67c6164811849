// Aligned memory that frees itself. A driver takes its memory before its first region of several threads.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "seqfuse/types.hpp"

namespace seqfuse {

// One cache line, and the widest packet. Padded axes are rounded up to this many bytes on every
// instruction set, so that the position of a term in a sum does not depend on the packet.
inline constexpr Index kAlignment = 64;

// From this size on the C library maps fresh pages at every allocation: huge ones are cleared faster (a
// tape of 39 MB: 4 % of the forward). Below, it hands out the same memory again, which nothing beats.
inline constexpr Index kHugePage = Index(1) << 21, kHugeFrom = Index(32) << 20;

template <class T>
inline constexpr Index kLine = kAlignment / static_cast<Index>(sizeof(T));

// n elements of `size` bytes on a cache line. A function of its own: drivers take dozens of buffers, and with this in each
// place their constructors were the longest functions of all.
[[gnu::noinline]] inline void* allocate(Index n, Index size) {
  if (n < 0 || n > std::numeric_limits<Index>::max() / size - kAlignment) throw std::bad_alloc();
  const Index alignment = n * size < kHugeFrom ? kAlignment : kHugePage;
  const auto bytes = static_cast<std::size_t>(round_up(n * size, kAlignment));
  void* memory = nullptr;
  if (posix_memalign(&memory, static_cast<std::size_t>(alignment), bytes) != 0) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
  if (alignment == kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

// n elements on a cache line; uninitialised unless `fill_zero` is called.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(Index n)
      : data_(n == 0 ? nullptr : static_cast<T*>(allocate(n, static_cast<Index>(sizeof(T))))), size_(n) {}
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  void fill_zero() {
    for (Index i = 0; i < size_; ++i) data_[i] = T{};
  }
  // Gives the memory to the caller, who frees it with std::free.
  T* release() {
    size_ = 0;
    return std::exchange(data_, nullptr);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  Index size() const { return size_; }
  T& operator[](Index i) { return data_[i]; }
  const T& operator[](Index i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  Index size_ = 0;
};

// n * m * ..., or bad_alloc where the product leaves the address space.
inline Index checked_product(std::initializer_list<Index> factors) {
  Index product = 1;
  for (const Index f : factors)
    if (__builtin_mul_overflow(product, f, &product)) throw std::bad_alloc();
  return product;
}

}  // namespace seqfuse
