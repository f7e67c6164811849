// Philox4x32-10, a counter-based random number generator.
//
// Each random word is a function of a counter and a key. Any thread can therefore compute any word, in any order, and
// the backward can recompute the words of the forward.
//
// Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", https://doi.org/10.1145/2063384.2063405.
#pragma once

#include <cstdint>

namespace seqfuse {

// Replaces N counters c (4 words, N) by their random words, in place. The inner loop must not be unrolled: GCC 12
// vectorizes the loop, but not its unrolled form, which takes five times as long.
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
