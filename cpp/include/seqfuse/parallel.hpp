// Teams of threads, barriers, and safety after fork. All other kernels start their threads through run().
//
// This is the only file with an OpenMP pragma.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <thread>
#include <vector>

#if defined(_OPENMP) && !defined(SEQFUSE_STD_THREADS)
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

// With SEQFUSE_STD_THREADS, each parallel region starts new std::threads. This is slow, but ThreadSanitizer understands
// it. ThreadSanitizer does not understand OpenMP.
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

// Returns a flag that is true in a forked child process. The parent's OpenMP threads do not exist in the child, so a
// parallel region would wait for them forever.
inline bool& in_forked_child() {
  static bool forked = [] {
#if defined(__unix__)
    pthread_atfork(nullptr, nullptr, [] { in_forked_child() = true; });
#endif
    return false;
  }();
  return forked;
}

// Registers the fork handler when the program starts or the module is loaded. Later may be too late: the first parallel
// region may run in a child.
inline const bool kForkHandlerRegistered = [] {
  in_forked_child();
  return true;
}();

// Returns how many threads, of the requested ones, this thread can have in a team.
//
// OpenMP ends the process if the system refuses a thread (a limit of processes or of memory). Therefore the first region
// of every size starts as many threads for a moment itself, and a failure reduces the size. Each thread of the program
// has its own team, so each one tries. A std::thread would allocate memory, which keeps address space in use.
inline int startable_threads(int threads) {
#if defined(__unix__)
  thread_local int tried = 1, limit = std::numeric_limits<int>::max();
  threads = std::min(threads, limit);
  if (threads <= tried) return threads;
  std::vector<pthread_t> started(static_cast<std::size_t>(threads - 1));
  std::atomic<bool> finished{false};
  const auto wait = [](void* flag) -> void* {
    static_cast<std::atomic<bool>*>(flag)->wait(false);
    return nullptr;
  };
  std::size_t n = 0;
  while (n < started.size() && pthread_create(&started[n], nullptr, wait, &finished) == 0) ++n;
  if (n < started.size()) limit = static_cast<int>(n) + 1;
  finished = true;
  finished.notify_all();
  for (std::size_t i = 0; i < n; ++i) pthread_join(started[i], nullptr);
  tried = static_cast<int>(n) + 1;
  return tried;
#else
  return threads;
#endif
}

// Returns how many threads a region may use if the caller requests `threads`. Returns 1 in a forked child and inside
// another parallel region.
inline int team_size(int threads) {
  if (threads <= 1 || in_forked_child()) return 1;
#if defined(SEQFUSE_STD_THREADS)
  return this_thread_is_in_a_team ? 1 : threads;
#elif defined(_OPENMP)
  return omp_in_parallel() ? 1 : startable_threads(threads);
#else
  return 1;
#endif
}

// Calls f(thread, team). It is not inlined, because a compiler may move arithmetic across a change of the
// floating-point environment, but not across a call.
template <class F>
[[gnu::noinline]] void call(F& f, int thread, int team) {
  f(thread, team);
}

// Calls f(thread, team) once on every thread of a team of at most `threads` threads, in the floating-point environment
// of FlushDenormals. If f throws on a thread, run() rethrows one of the exceptions after all threads have finished.
//
// A function that waits at a Barrier must not throw before it, because the other threads would wait forever. Kernels
// therefore allocate all memory before they call run().
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
  const auto run_as_member = [&](int thread) {
    this_thread_is_in_a_team = true;
    member(thread, threads);
    this_thread_is_in_a_team = false;
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(run_as_member, i);
  run_as_member(0);
  for (auto& other : others) other.join();
#elif defined(_OPENMP)
#pragma omp parallel num_threads(threads)
  member(omp_get_thread_num(), omp_get_num_threads());
#endif
  if (error) std::rethrow_exception(error);
}

// Busy wait for another thread of the team. It spins first, because a step takes only microseconds. After kSpins
// rounds it yields, because there may be more threads than cores.
//
// It does not sleep (atomic::wait). Measured on two cores: sleeping is not faster with idle cores or with four threads.
// With one other busy process, the steps of an LSTM with 512 units took 37 ms with sleeping and 6.5 ms without, because
// a wake-up may schedule the sleeper on the waker's core.
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

// Barrier for the threads of one team: wait() returns when all of them have called it.
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
  alignas(64) std::atomic<unsigned> phase_{0};  // unsigned, because it may wrap around in a call with many steps
};

}  // namespace seqfuse::parallel
