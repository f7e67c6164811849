// Threads: the one file with an OpenMP pragma, the one that knows of fork and of denormal numbers.
#pragma once

#include <atomic>
#include <exception>
#include <thread>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__unix__)
#include <pthread.h>
#endif
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "seqfuse/types.hpp"

namespace seqfuse::parallel {

// While it lives, this thread's denormal inputs and results are zeros: they cost a hundred cycles
// each, and gates that saturate make many. The caller's setting comes back afterwards.
class FlushDenormals {
 public:
#if defined(__SSE2__)
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(saved_ | (1ul << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }

 private:
  unsigned long saved_ = 0;
#else
  FlushDenormals() = default;
#endif
 public:
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
};

#if defined(_OPENMP)
inline constexpr bool kOpenMP = true;
#else
inline constexpr bool kOpenMP = false;
#endif

// True in a child made by fork: the parent's OpenMP threads do not exist there, and a region would
// wait for them for ever.
inline bool& in_forked_child() {
  static bool forked = [] {
#if defined(__unix__)
    pthread_atfork(nullptr, nullptr, [] { in_forked_child() = true; });
#endif
    return false;
  }();
  return forked;
}

// Registered when the program starts or the module is loaded: the first region may already be a child's.
inline const bool kForksAreWatched = (in_forked_child(), true);

// How many threads a region asked for `threads` may have here: one in a forked child, and one
// inside somebody else's region.
inline int team_size(int threads) {
  if (threads <= 1 || in_forked_child()) return 1;
#if defined(_OPENMP)
  return omp_in_parallel() ? 1 : threads;
#else
  return 1;
#endif
}

// Calls f(thread, team) once on every thread of a team of at most `threads`, denormals flushed.
// What f throws on any thread is thrown here, once all have come back; an f with a Barrier in it
// must not throw before it, so drivers take all their memory outside.
template <class F>
void run(int threads, F&& f) {
  threads = team_size(threads);
  if (threads == 1) {
    FlushDenormals flush;
    f(0, 1);
    return;
  }
#if defined(_OPENMP)
  std::exception_ptr error;
#pragma omp parallel num_threads(threads) shared(error)
  {
    FlushDenormals flush;
    try {
      f(omp_get_thread_num(), omp_get_num_threads());
    } catch (...) {
#pragma omp critical(seqfuse_error)
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
#endif
}

// All threads of a team meet here. It spins, since a step lasts microseconds; it yields after a
// while, since a machine may have fewer cores than threads.
class Barrier {
 public:
  void wait(int team) {
    if (team == 1) return;
    const unsigned phase = phase_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == team - 1) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      return;
    }
    int spins = 0;
    while (phase_.load(std::memory_order_acquire) == phase) {
      if (spins < kSpins) {
        ++spins;
        pause();
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  static constexpr int kSpins = 2000;  // about 20 us
  static void pause() {
#if defined(__SSE2__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> phase_{0};  // wraps around: a call may have more steps than an int counts
};

}  // namespace seqfuse::parallel
