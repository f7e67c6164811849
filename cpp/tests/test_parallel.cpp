// Threads: every one runs, what one throws arrives, barriers hold, the caller's floating-point setting stays.
#include <atomic>
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

unsigned control_word() {
#if defined(__SSE2__)
  return _mm_getcsr() & ~0x3fu;  // without the flags of what happened
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
  CHECK(!parallel::kOpenMP || size == threads);
  for (int i = 0; i < threads; ++i) CHECK(calls[static_cast<std::size_t>(i)] == (i < size ? 1 : 0));
}

void test_run_flushes_denormals_and_restores_the_callers_setting(int threads) {
  const unsigned before = control_word();
  CHECK(!flushes());
  std::atomic<int> flushing{0}, size{0};
  parallel::run(threads, [&](int, int team) {
    size = team;
    if (flushes()) ++flushing;
  });
  CHECK(flushing == size);
  CHECK(!flushes());
  CHECK(control_word() == before);
}

void test_run_throws_what_a_thread_threw(int threads) {
  const unsigned before = control_word();
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
  CHECK(control_word() == before);
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
    test_run_throws_what_a_thread_threw(threads);
    test_barrier_separates_steps(threads);
  }
  test_a_region_inside_a_region_has_one_thread();
  test_a_forked_child_has_one_thread();
}

}  // namespace seqfuse::tests
