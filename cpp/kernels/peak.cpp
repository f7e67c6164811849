// Measures the machine with the packets that the kernels are made of.
#include "seqfuse/peak.hpp"

#include <algorithm>
#include <chrono>

#include "seqfuse/parallel.hpp"
#include "seqfuse/simd.hpp"

namespace seqfuse {

namespace {

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

}  // namespace

bool has_openmp() { return parallel::kOpenMP; }

template <class T>
double peak_flops(double seconds) {
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;
  alignas(64) T x[kChains * Vec<T>::kSize] = {};
  double best = std::numeric_limits<double>::infinity();
  const auto start = Clock::now();
  for (int round = 0; round < 3 || Seconds(Clock::now() - start).count() < seconds; ++round) {
    const auto begin = Clock::now();
    multiply_add(T(0.5), T(0.5), x);  // tends to 1: no denormals, no infinities
    best = std::min(best, Seconds(Clock::now() - begin).count());
  }
  return 2.0 * kChains * static_cast<double>(kSteps * Vec<T>::kSize) / best;
}

template double peak_flops<float>(double);
template double peak_flops<double>(double);

}  // namespace seqfuse
