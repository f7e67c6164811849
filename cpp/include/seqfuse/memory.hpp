// Aligned memory that frees itself. Kernels allocate all memory before their first parallel region.
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

// Bytes of one cache line, and of the widest packet. Padded axes are rounded up to this size on every instruction set,
// so that the position of a term in a sum does not depend on the size of a packet.
inline constexpr Index kAlignment = 64;

// Buffers of kHugeFrom bytes or more use huge pages. From this size on, the C library maps new pages for every
// allocation, and the system clears huge pages faster. For a tape of 39 MB this saves 4 % of the forward. Smaller
// allocations reuse freed memory, which is faster still.
inline constexpr Index kHugePage = Index(1) << 21, kHugeFrom = Index(32) << 20;

// Numbers of type T per cache line.
template <class T>
inline constexpr Index kLine = kAlignment / static_cast<Index>(sizeof(T));

// Allocates n elements of `size` bytes, aligned to a cache line. Throws bad_alloc if the size overflows. The function
// is not inlined, because kernels allocate dozens of buffers and would contain its code once for each.
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

// An array of n elements, aligned to a cache line. The elements are uninitialized until fill_zero() is called.
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
  // Transfers the memory to the caller, who must free it with std::free.
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

// Returns the product of the factors. Throws bad_alloc if it overflows.
inline Index checked_product(std::initializer_list<Index> factors) {
  Index product = 1;
  for (const Index f : factors)
    if (__builtin_mul_overflow(product, f, &product)) throw std::bad_alloc();
  return product;
}

}  // namespace seqfuse
