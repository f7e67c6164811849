// Measures the machine with the packets that the kernels are made of.
#include "seqfuse/peak.hpp"

#include <algorithm>
#include <chrono>

#include "seqfuse/memory.hpp"
#include "seqfuse/parallel.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// The shortest time that f takes, of as many rounds as fit into `seconds` and of three at least.
template <class F>
double best_time(double seconds, F&& f) {
  double best = std::numeric_limits<double>::infinity();
  const auto start = Clock::now();
  for (int round = 0; round < 3 || Seconds(Clock::now() - start).count() < seconds; ++round) {
    const auto begin = Clock::now();
    f();
    best = std::min(best, Seconds(Clock::now() - begin).count());
  }
  return best;
}

// Twelve chains hide a latency of up to six cycles at two multiply-adds a cycle, and fit into 16
// registers with their two operands.
constexpr int kChains = 12;
constexpr Index kSteps = 20'000;  // about 30 us: a clock costs nothing beside it

template <class T>
[[gnu::noinline]] void multiply_add(T factor, T term, T* inout) {
  using V = Vec<T>;
  const V a = V::all(factor), b = V::all(term);
  V x[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) x[i] = V::load(inout + i * V::kSize);
  for (Index step = 0; step < kSteps; ++step)
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) x[i] = madd(x[i], a, b);
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) x[i].store(inout + i * V::kSize);
}

// One stream of eight packets: two, four and eight streams, and more packets, are no faster from any cache or from memory.
constexpr Index kBlock = 8 * Vec<float>::kSize;
constexpr Index kRound = Index(8) << 20;  // bytes of a round: 30 us at 300 GB/s, in which a team has started

// Adds the blocks to those of `inout`, so that no pass over them is like the one before and none is left out.
[[gnu::noinline]] void read(const float* data, Index blocks, float* inout) {
  using V = Vec<float>;
  V sum[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) sum[i] = V::load(inout + i * V::kSize);
  for (const float* end = data + blocks * kBlock; data != end; data += kBlock)
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) sum[i] = sum[i] + V::load(data + i * V::kSize);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) sum[i].store(inout + i * V::kSize);
}

}  // namespace

bool has_openmp() { return parallel::kOpenMP; }

template <class T>
double peak_flops(double seconds) {
  alignas(64) T x[kChains * Vec<T>::kSize] = {};
  const double best = best_time(seconds, [&] {
    multiply_add(T(0.5), T(0.5), x);  // tends to 1: no denormals, no infinities
  });
  return 2.0 * kChains * static_cast<double>(kSteps * Vec<T>::kSize) / best;
}

template double peak_flops<float>(double);
template double peak_flops<double>(double);

double read_bandwidth(Index bytes, int threads, double seconds) {
  const Index blocks = (bytes - 1) / (kBlock * static_cast<Index>(sizeof(float))) + 1;
  const Index size = checked_product({blocks, kBlock, static_cast<Index>(sizeof(float))});
  Buffer<float> buffer(blocks * kBlock);
  parallel::run(threads, [&](int thread, int team) {  // who reads it touches it first: its pages are near
    const Range share = share_of(blocks, thread, team);
    std::fill(buffer.data() + share.begin * kBlock, buffer.data() + share.end * kBlock, 0.0f);
  });
  const Index passes = divide_up(kRound, size);
  const double best = best_time(seconds, [&] {
    parallel::run(threads, [&](int thread, int team) {
      const Range share = share_of(blocks, thread, team);
      alignas(64) float sum[kBlock] = {};
      for (Index pass = 0; pass < passes; ++pass) read(buffer.data() + share.begin * kBlock, share.size(), sum);
      [[maybe_unused]] volatile float wanted = sum[0];  // or a compiler might leave the passes out
    });
  });
  return static_cast<double>(size * passes) / best;
}

}  // namespace seqfuse
