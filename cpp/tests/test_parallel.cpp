// Tests of teams of threads, exceptions, barriers, fork and the floating-point environment.
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

#include "require.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse::tests {

namespace {

// Returns true if denormals are flushed: half the smallest normal number is then 0.
bool flushes() {
  volatile float x = std::numeric_limits<float>::min();
  volatile float half = x * 0.5f;
  return half == 0.0f;
}

// Returns the control and status bits: rounding, traps, denormals and exception flags.
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

TEST_CASE("share_of covers every item once") {
  for (Index n : {0, 1, 2, 3, 7, 100})
    for (int parts : {1, 2, 3, 8}) {
      Index next = 0;
      for (int part = 0; part < parts; ++part) {
        const Range share = share_of(n, part, parts);
        REQUIRE_EACH(share.begin == next);
        REQUIRE_EACH(share.size() == n / parts || share.size() == n / parts + 1);
        next = share.end;
      }
      REQUIRE_EACH(next == n);
    }
}

void check_run_calls_every_thread_once(int threads) {
  std::vector<std::atomic<int>> calls(static_cast<std::size_t>(threads));
  std::atomic<int> size{0};
  parallel::run(threads, [&](int thread, int team) {
    size = team;
    ++calls[static_cast<std::size_t>(thread)];
  });
  REQUIRE_EACH(size >= 1 && size <= threads);
  REQUIRE_EACH(size == (parallel::kTeams ? threads : 1));
  for (int i = 0; i < threads; ++i) REQUIRE_EACH(calls[static_cast<std::size_t>(i)] == (i < size ? 1 : 0));
}

void check_run_flushes_denormals_and_restores_the_callers_setting(int threads) {
  REQUIRE_EACH(!flushes());
  const unsigned long before = environment();
  std::atomic<int> flushing{0}, size{0};
  parallel::run(threads, [&](int, int team) {
    size = team;
    if (flushes()) ++flushing;
  });
  REQUIRE_EACH(flushing == size);
  REQUIRE_EACH(environment() == before);
  REQUIRE_EACH(!flushes());
}

// Divides by zero, overflows and rounds. Returns 1/3 in the rounding mode of this thread.
float every_exception() {
  volatile float zero = 0, one = 1, three = 3, max = std::numeric_limits<float>::max();
  [[maybe_unused]] volatile float ignored = one / zero;
  ignored = zero / zero;
  ignored = max * three;
  return one / three;
}

// The caller may use another rounding mode, enable traps or have exception flags set.
void check_run_computes_the_same_in_any_environment_and_leaves_it(int threads) {
  std::fenv_t old;
  std::fegetenv(&old);
  const auto check = [&](unsigned long before) {
    std::atomic<int> right{0}, size{0};
    parallel::run(threads, [&](int, int team) {
      size = team;
      if (every_exception() == 0x1.555556p-2f) ++right;  // to nearest
    });
    REQUIRE_EACH(environment() == before, "0x%lx, not 0x%lx", environment(), before);
    REQUIRE_EACH(right == size);
  };
  for (const int rounding : {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO})
    for (const int happened : {0, FE_INVALID, FE_ALL_EXCEPT}) {
      std::fesetround(rounding);
      std::feclearexcept(FE_ALL_EXCEPT);
      std::feraiseexcept(happened);
      check(environment());
      REQUIRE_EACH(std::fegetround() == rounding && std::fetestexcept(FE_ALL_EXCEPT) == happened);
    }
  std::fesetenv(&old);
#if defined(__GLIBC__) && defined(__SSE2__)
  std::feclearexcept(FE_ALL_EXCEPT);
  feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_INEXACT);
  check(environment());
  std::fesetenv(&old);
#endif
}

void check_run_throws_what_a_thread_threw(int threads) {
  const unsigned long before = environment();
  std::string caught;
  std::atomic<int> finished{0}, size{0};
  try {
    parallel::run(threads, [&](int thread, int team) {
      size = team;
      ++finished;
      if (thread == team - 1) throw std::runtime_error("from a thread");
    });
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  REQUIRE_EACH(caught == "from a thread");
  REQUIRE_EACH(finished == size);
  REQUIRE_EACH(environment() == before);
  check_run_calls_every_thread_once(threads);  // the next region works again
}

TEST_CASE("a region inside a region has one thread") {
  parallel::run(
      2, [](int, int) { parallel::run(2, [](int thread, int team) { REQUIRE_EACH(thread == 0 && team == 1); }); });
}

// Includes more threads than cores, with which a barrier that only spins would take seconds.
void check_barrier_separates_steps(int threads) {
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
  REQUIRE_EACH(early == 0);
}

// GNU OpenMP waits forever in a child whose parent has run a parallel region.
TEST_CASE("a forked child has one thread") {
#if defined(__unix__)
  parallel::run(2, [](int, int) {});
  const pid_t child = fork();
  REQUIRE_EACH(child >= 0);
  if (child == 0) {
    alarm(20);
    int size = 0;
    parallel::run(4, [&](int, int team) { size = team; });
    _exit(size == 1 ? 0 : 1);
  }
  int status = -1;
  REQUIRE_EACH(waitpid(child, &status, 0) == child);
  REQUIRE_EACH(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
#endif
}

TEST_CASE("run calls every thread once") {
  for (const int threads : {1, 2, 3, 5}) check_run_calls_every_thread_once(threads);
}

TEST_CASE("run flushes denormals and restores the setting of the caller") {
  for (const int threads : {1, 2, 3, 5}) check_run_flushes_denormals_and_restores_the_callers_setting(threads);
}

TEST_CASE("run computes the same in any environment and leaves it") {
  for (const int threads : {1, 2, 3, 5}) check_run_computes_the_same_in_any_environment_and_leaves_it(threads);
}

TEST_CASE("run rethrows an exception of a thread") {
  for (const int threads : {1, 2, 3, 5}) check_run_throws_what_a_thread_threw(threads);
}

TEST_CASE("barrier separates steps") {
  for (const int threads : {1, 2, 3, 5}) check_barrier_separates_steps(threads);
}

}  // namespace

}  // namespace seqfuse::tests
