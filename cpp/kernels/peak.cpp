// Measures the peak performance of this machine with the packets that the kernels use.
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

// Returns the shortest time of f in seconds. Repeats f for `seconds` seconds, but at least three times.
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

// Number of independent chains of multiply-adds. Twelve chains hide a latency of up to six cycles at two multiply-adds
// per cycle. With their two operands they fit into 16 registers.
constexpr int kChains = 12;
constexpr Index kSteps = 20'000;  // about 30 us, so that reading the clock is negligible

// Performs kSteps multiply-adds x = x * factor + term on each of the numbers inout (kChains, kSize).
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

// Numbers per block: eight packets of one stream. Two, four and eight streams and longer blocks were not faster,
// neither from a cache nor from memory.
constexpr Index kBlock = 8 * Vec<float>::kSize;
constexpr Index kRound =
    Index(8) << 20;  // bytes per round: 30 us at 300 GB/s, which is long compared with the start of a team

// Adds `blocks` blocks of data to inout (kBlock,). The dependency on the previous pass prevents the compiler from
// removing passes.
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
  parallel::run(threads,
                [&](int thread, int team) {  // the reader touches its share first, so that the pages are local to it
                  const Range share = share_of(blocks, thread, team);
                  std::fill(buffer.data() + share.begin * kBlock, buffer.data() + share.end * kBlock, 0.0f);
                });
  const Index passes = divide_up(kRound, size);
  const double best = best_time(seconds, [&] {
    parallel::run(threads, [&](int thread, int team) {
      const Range share = share_of(blocks, thread, team);
      alignas(64) float sum[kBlock] = {};
      for (Index pass = 0; pass < passes; ++pass) read(buffer.data() + share.begin * kBlock, share.size(), sum);
      [[maybe_unused]] volatile float result = sum[0];  // prevents the compiler from removing the passes
    });
  });
  return static_cast<double>(size * passes) / best;
}

}  // namespace seqfuse
