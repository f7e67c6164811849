// Tests of Buffer: alignment, moves, release, and sizes that overflow.
#include "seqfuse/memory.hpp"

#include "require.hpp"

namespace seqfuse::tests {

namespace {

TEST_CASE("a buffer is aligned to a cache line and contains all its elements") {
  for (const Index n : {1, 3, 15, 16, 17, 1000}) {
    Buffer<double> buffer(n);
    REQUIRE(reinterpret_cast<std::uintptr_t>(buffer.data()) % static_cast<std::uintptr_t>(kAlignment) == 0);
    REQUIRE(buffer.size() == n);
    buffer.fill_zero();
    for (Index i = 0; i < n; ++i) REQUIRE_EACH(buffer[i] == 0);
  }
  REQUIRE(Buffer<float>(0).data() == nullptr);
  REQUIRE(Buffer<float>().size() == 0);
}

TEST_CASE("a huge buffer is aligned to a huge page") {
  Buffer<char> buffer(kHugeFrom);
  REQUIRE(reinterpret_cast<std::uintptr_t>(buffer.data()) % static_cast<std::uintptr_t>(kHugePage) == 0);
}

TEST_CASE("moving a buffer transfers its memory") {
  Buffer<int> first(3);
  first[2] = 7;
  const int* memory = first.data();
  Buffer<int> second(std::move(first));
  REQUIRE(second.data() == memory);
  Buffer<int> third;
  third = std::move(second);
  REQUIRE(third.size() == 3);
  REQUIRE(third[2] == 7);
  int* released = third.release();
  REQUIRE(released == memory);
  REQUIRE(third.data() == nullptr);
  std::free(released);
}

TEST_CASE("sizes that overflow throw bad_alloc") {
  constexpr Index kMax = std::numeric_limits<Index>::max();
  for (const Index n : {Index{-1}, kMax, kMax / 8}) REQUIRE_THROWS_AS(Buffer<double>{n}, std::bad_alloc);
  REQUIRE(checked_product({}) == 1);
  REQUIRE(checked_product({3, 0, 5}) == 0);
  REQUIRE(checked_product({3, 4, 5}) == 60);
  REQUIRE_THROWS_AS(checked_product({kMax / 2, 3}), std::bad_alloc);
}

}  // namespace

}  // namespace seqfuse::tests
