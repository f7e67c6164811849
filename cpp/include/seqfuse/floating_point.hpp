// The floating-point environment in which the kernels compute. This file does not depend on OpenMP or on compiler
// flags.
#pragma once

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace seqfuse::parallel {

// Sets the floating-point environment of the kernels for this thread, until it is destroyed:
//
// - rounding to nearest
// - no exception traps
// - denormal inputs and results are flushed to zero
//
// Each denormal number would cost about a hundred cycles, and saturated gates produce many of them.
//
// The destructor restores the caller's environment, including the exception flags that fetestexcept reads.
class FlushDenormals {
 public:
#if defined(__SSE2__)
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(kMaskAll | kFlush); }
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  static constexpr unsigned kMaskAll = 0x1f80, kFlush = 0x8040;  // flush: results 0x8000, inputs 0x0040
  unsigned saved_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(control_));
    asm volatile("mrs %0, fpsr" : "=r"(status_));
    asm volatile("msr fpcr, %0" ::"r"(kFlush));
  }
  ~FlushDenormals() {
    asm volatile("msr fpcr, %0" ::"r"(control_));
    asm volatile("msr fpsr, %0" ::"r"(status_));
  }

 private:
  static constexpr unsigned long kFlush =
      1ul << 24;  // flushes inputs and results; the other bits are 0: round to nearest, no traps
  unsigned long control_ = 0, status_ = 0;
#else
  FlushDenormals() = default;
#endif
 public:
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
};

}  // namespace seqfuse::parallel
