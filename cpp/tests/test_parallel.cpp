// Threads: every one runs, what one throws arrives, barriers hold, the caller's floating-point environment stays.
#include <atomic>
#include <cfenv>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "check.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse::tests {

namespace {

// The least normal number halved: 0 where denormals are flushed.
bool flushes() {
  volatile float x = std::numeric_limits<float>::min();
  volatile float half = x * 0.5f;
  return half == 0.0f;
}

// Rounding, traps, denormals and the exceptions that happened.
unsigned long environment() {
#if defined(__SSE2__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  unsigned long control, status;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("mrs %0, fpsr" : "=r"(status));
  return control << 32 | status;
#else
  return 0;
#endif
}

void test_shares_cover_everything_once() {
  for (Index n : {0, 1, 2, 3, 7, 100})
    for (int parts : {1, 2, 3, 8}) {
      Index next = 0;
      for (int part = 0; part < parts; ++part) {
        const Range share = share_of(n, part, parts);
        CHECK(share.begin == next);
        CHECK(share.size() == n / parts || share.size() == n / parts + 1);
        next = share.end;
      }
      CHECK(next == n);
    }
}

void test_run_calls_every_thread_once(int threads) {
  std::vector<std::atomic<int>> calls(static_cast<std::size_t>(threads));
  std::atomic<int> size{0};
  parallel::run(threads, [&](int thread, int team) {
    size = team;
    ++calls[static_cast<std::size_t>(thread)];
  });
  CHECK(size >= 1 && size <= threads);
  CHECK(size == (parallel::kTeams ? threads : 1));
  for (int i = 0; i < threads; ++i) CHECK(calls[static_cast<std::size_t>(i)] == (i < size ? 1 : 0));
}

void test_run_flushes_denormals_and_restores_the_callers_setting(int threads) {
  CHECK(!flushes());
  const unsigned long before = environment();
  std::atomic<int> flushing{0}, size{0};
  parallel::run(threads, [&](int, int team) {
    size = team;
    if (flushes()) ++flushing;
  });
  CHECK(flushing == size);
  CHECK(environment() == before);
  CHECK(!flushes());
}

// Divides by zero, overflows and rounds: 1/3 as this thread rounds it.
float every_exception() {
  volatile float zero = 0, one = 1, three = 3, most = std::numeric_limits<float>::max();
  [[maybe_unused]] volatile float ignored = one / zero;
  ignored = zero / zero;
  ignored = most * three;
  return one / three;
}

// A caller who rounds upward, whose exceptions trap, or who has yet to ask which ones happened.
void test_run_computes_the_same_in_any_environment_and_leaves_it(int threads) {
  std::fenv_t old;
  std::fegetenv(&old);
  const auto check = [&](unsigned long before) {
    std::atomic<int> right{0}, size{0};
    parallel::run(threads, [&](int, int team) {
      size = team;
      if (every_exception() == 0x1.555556p-2f) ++right;  // to nearest
    });
    CHECK(environment() == before, "0x%lx, not 0x%lx", environment(), before);
    CHECK(right == size);
  };
  for (const int rounding : {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO})
    for (const int happened : {0, FE_INVALID, FE_ALL_EXCEPT}) {
      std::fesetround(rounding);
      std::feclearexcept(FE_ALL_EXCEPT);
      std::feraiseexcept(happened);
      check(environment());
      CHECK(std::fegetround() == rounding && std::fetestexcept(FE_ALL_EXCEPT) == happened);
    }
  std::fesetenv(&old);
#if defined(__GLIBC__) && defined(__SSE2__)
  std::feclearexcept(FE_ALL_EXCEPT);
  feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_INEXACT);
  check(environment());
  std::fesetenv(&old);
#endif
}

void test_run_throws_what_a_thread_threw(int threads) {
  const unsigned long before = environment();
  std::string caught;
  std::atomic<int> came_back{0}, size{0};
  try {
    parallel::run(threads, [&](int thread, int team) {
      size = team;
      ++came_back;
      if (thread == team - 1) throw std::runtime_error("from a thread");
    });
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  CHECK(caught == "from a thread");
  CHECK(came_back == size);
  CHECK(environment() == before);
  test_run_calls_every_thread_once(threads);  // and the next region works
}

void test_a_region_inside_a_region_has_one_thread() {
  parallel::run(2, [](int, int) { parallel::run(2, [](int thread, int team) { CHECK(thread == 0 && team == 1); }); });
}

// More threads than this machine has cores, too: a barrier that only spins would take seconds here.
void test_barrier_separates_steps(int threads) {
  constexpr int kSteps = 500;
  parallel::Barrier barrier;
  std::vector<int> at(static_cast<std::size_t>(threads), -1);  // no atomics: the barrier alone orders them
  std::atomic<int> early{0};
  parallel::run(threads, [&](int thread, int team) {
    for (int step = 0; step < kSteps; ++step) {
      at[static_cast<std::size_t>(thread)] = step;
      barrier.wait(team);
      for (int i = 0; i < team; ++i)
        if (at[static_cast<std::size_t>(i)] != step) ++early;
      barrier.wait(team);
    }
  });
  CHECK(early == 0);
}

// GNU's OpenMP waits for ever in a child whose parent has had a region.
void test_a_forked_child_has_one_thread() {
#if defined(__unix__)
  parallel::run(2, [](int, int) {});
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(20);
    int size = 0;
    parallel::run(4, [&](int, int team) { size = team; });
    _exit(size == 1 ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
#endif
}

}  // namespace

void test_parallel() {
  test_shares_cover_everything_once();
  for (int threads : {1, 2, 3, 5}) {
    test_run_calls_every_thread_once(threads);
    test_run_flushes_denormals_and_restores_the_callers_setting(threads);
    test_run_computes_the_same_in_any_environment_and_leaves_it(threads);
    test_run_throws_what_a_thread_threw(threads);
    test_barrier_separates_steps(threads);
  }
  test_a_region_inside_a_region_has_one_thread();
  test_a_forked_child_has_one_thread();
}

}  // namespace seqfuse::tests
