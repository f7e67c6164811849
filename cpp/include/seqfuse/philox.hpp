// Philox4x32-10: random words that are a function of a counter and a key, so that any thread makes any
// of them in any order and backward makes forward's again.
//
// Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", https://doi.org/10.1145/2063384.2063405.
#pragma once

#include <cstdint>

namespace seqfuse {

// Turns N counters (4 words, N) into their random words, in place. The inner loop becomes packets where it is left
// a loop: unrolled, it stays scalar and takes five times as long (GCC 12).
template <int N>
[[gnu::always_inline]] inline void philox4x32(std::uint32_t (&c)[4][N], std::uint32_t key_0, std::uint32_t key_1) {
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 1
    for (int i = 0; i < N; ++i) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0][i];
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * c[2][i];
      c[0][i] = static_cast<std::uint32_t>(p1 >> 32) ^ c[1][i] ^ key_0;
      c[1][i] = static_cast<std::uint32_t>(p1);
      c[2][i] = static_cast<std::uint32_t>(p0 >> 32) ^ c[3][i] ^ key_1;
      c[3][i] = static_cast<std::uint32_t>(p0);
    }
    key_0 += 0x9E3779B9;
    key_1 += 0xBB67AE85;
  }
}

}  // namespace seqfuse
