// The floating-point environment that the kernels compute in. Compiled with any flags: it knows nothing of OpenMP.
#pragma once

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace seqfuse::parallel {

// While it lives, this thread computes as the kernels expect, whatever the caller has set: rounding to
// nearest, no exception traps, and denormal inputs and results are zeros (they cost a hundred cycles
// each, and gates that saturate make many). Then the caller's environment is back whole, without the
// exceptions that happened meanwhile: the flags that fetestexcept reads are what they were before.
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
  static constexpr unsigned long kFlush = 1ul << 24;  // inputs and results; all other bits 0: to nearest, no traps
  unsigned long control_ = 0, status_ = 0;
#else
  FlushDenormals() = default;
#endif
 public:
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
};

}  // namespace seqfuse::parallel
