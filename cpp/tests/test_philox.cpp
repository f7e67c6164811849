// Compares Philox with the known answers of Random123, in every lane.
#include <cstdint>
#include <initializer_list>

#include "require.hpp"
#include "seqfuse/philox.hpp"

namespace seqfuse::tests {

namespace {

struct KnownAnswer {
  std::uint32_t counter[4], key[2], words[4];
};

// kat_vectors of Random123 1.14, philox4x32 with 10 rounds.
constexpr KnownAnswer kKnown[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

template <int N>
void check_in_lane(const KnownAnswer& known, int lane) {
  std::uint32_t c[4][N];
  for (int i = 0; i < N; ++i)
    for (int w = 0; w < 4; ++w) c[w][i] = i == lane ? known.counter[w] : 0x1234567u * static_cast<std::uint32_t>(i + w);
  philox4x32(c, known.key[0], known.key[1]);
  for (int w = 0; w < 4; ++w) REQUIRE_EACH(c[w][lane] == known.words[w], "word %d is %08x", w, c[w][lane]);
}

TEST_CASE("philox returns the known answers in every lane") {
  for (const auto& known : kKnown) {
    check_in_lane<1>(known, 0);
    for (int lane = 0; lane < 16; ++lane) check_in_lane<16>(known, lane);
  }
}

}  // namespace

}  // namespace seqfuse::tests
