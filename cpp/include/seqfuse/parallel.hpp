// Threads: the one file with an OpenMP pragma, the one that knows of fork.
#pragma once

#include <atomic>
#include <exception>
#include <thread>

#if defined(SEQFUSE_STD_THREADS)
#include <vector>
#elif defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__unix__)
#include <pthread.h>
#endif
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "seqfuse/floating_point.hpp"
#include "seqfuse/parallel_cost.hpp"
#include "seqfuse/types.hpp"

namespace seqfuse::parallel {

// SEQFUSE_STD_THREADS: a team of new threads for each region. Slow; ThreadSanitizer sees into it, and not into OpenMP.
#if defined(_OPENMP) && !defined(SEQFUSE_STD_THREADS)
inline constexpr bool kOpenMP = true;
#else
inline constexpr bool kOpenMP = false;
#endif
#if defined(SEQFUSE_STD_THREADS)
inline constexpr bool kTeams = true;
inline thread_local bool this_thread_is_in_a_team = false;
#else
inline constexpr bool kTeams = kOpenMP;
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
#if defined(SEQFUSE_STD_THREADS)
  return this_thread_is_in_a_team ? 1 : threads;
#elif defined(_OPENMP)
  return omp_in_parallel() ? 1 : threads;
#else
  return 1;
#endif
}

// f(thread, team) in our floating-point environment. Not inlined: a compiler, which knows of no
// environment, may move arithmetic across a change of it, but not across a call.
template <class F>
[[gnu::noinline]] void call(F& f, int thread, int team) {
  f(thread, team);
}

// Calls f(thread, team) once on every thread of a team of at most `threads`, as FlushDenormals says.
// What f throws on any thread is thrown here, once all have come back; an f with a Barrier in it
// must not throw before it, so drivers take all their memory outside.
template <class F>
void run(int threads, F&& f) {
  threads = team_size(threads);
  if (threads == 1) {
    FlushDenormals flush;
    call(f, 0, 1);
    return;
  }
  std::exception_ptr error;
  std::atomic_flag thrown;
  [[maybe_unused]] const auto member = [&](int thread, int team) {
    FlushDenormals flush;
    try {
      call(f, thread, team);
    } catch (...) {
      if (!thrown.test_and_set()) error = std::current_exception();
    }
  };
#if defined(SEQFUSE_STD_THREADS)
  const auto marked = [&](int thread) {
    this_thread_is_in_a_team = true;
    member(thread, threads);
    this_thread_is_in_a_team = false;
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(marked, i);
  marked(0);
  for (auto& other : others) other.join();
#elif defined(_OPENMP)
#pragma omp parallel num_threads(threads)
  member(omp_get_thread_num(), omp_get_num_threads());
#endif
  if (error) std::rethrow_exception(error);
}

// How a thread waits for another one of its team: it spins, since a step lasts microseconds; it yields after a
// while, since a machine may have fewer cores than threads. It does not sleep (atomic::wait): on two
// cores that are free or have four threads that is no faster, and beside one busy process the steps of
// an LSTM of 512 units took 37 ms instead of 6.5: who sleeps is woken on the core of who wakes.
class Spin {
 public:
  void once() {
    if (spins_ < kSpins) {
      ++spins_;
      pause();
    } else {
      std::this_thread::yield();
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
  int spins_ = 0;
};

// All threads of a team meet here.
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
    Spin spin;
    while (phase_.load(std::memory_order_acquire) == phase) spin.once();
  }

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> phase_{0};  // wraps around: a call may have more steps than an int counts
};

}  // namespace seqfuse::parallel
