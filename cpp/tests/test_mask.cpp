// Tests the keys that a query may attend to: intervals of positions, and masks broadcast along any axis.
#include "seqfuse/mask.hpp"

#include "require.hpp"

namespace seqfuse::tests {

namespace {

// Returns true if the query may attend to key j, by the definition for a single key.
bool allowed(const KeyInterval& keys, Index b, Index i, Index j) {
  const Index limit = keys.lengths == nullptr ? keys.Tk : keys.lengths[b];
  const Index p = keys.bottom_right ? i + limit - keys.Tq : i;
  return j >= 0 && j < limit && j >= p - keys.left && j <= p + keys.right;
}

TEST_CASE("an interval contains the keys that lengths, causality and windows allow") {
  constexpr Index kFree = KeyInterval::kUnbounded;
  const std::int64_t lengths[] = {0, 1, 5, 9};
  for (const Index Tq : {1, 5, 12})
    for (const Index left : {Index{0}, Index{3}, kFree})
      for (const Index right : {Index{0}, Index{2}, kFree})
        for (const bool bottom_right : {false, true})
          for (const auto* given_lengths : {static_cast<const std::int64_t*>(nullptr), lengths})
            for (Index b = 0; b < 4; ++b)
              for (Index i = 0; i < Tq; ++i) {
                const KeyInterval keys{Tq, 9, left, right, bottom_right, given_lengths};
                REQUIRE_EACH(keys.depends_on_query() == (left < kFree || right < kFree));
                const Range range = keys.keys(b, i);
                for (Index j = -3; j < 12; ++j)
                  REQUIRE_EACH((j >= range.begin && j < range.end) == allowed(keys, b, i, j),
                               "query %td of %td, key %td", i, Tq, j);
              }
}

TEST_CASE_TEMPLATE("a mask row is broadcast along axes of stride zero", T, float, double) {
  constexpr T kInf = std::numeric_limits<T>::infinity();
  constexpr Index kTk = 5;
  const T add[] = {T(1), -kInf, T(3), T(4), -kInf, T(6), T(7), T(8), -kInf, T(10)};
  const std::uint8_t keep[] = {1, 0, 2, 255, 0, 1, 1, 0, 1, 0};
  for (const bool by_row : {false, true})
    for (const bool by_key : {false, true})
      for (const bool adds : {false, true}) {
        AttentionMask<T> mask;
        if (adds)
          mask.add = add;
        else
          mask.keep = keep;
        mask.stride_i = by_row ? (by_key ? kTk : 1) : 0;
        mask.stride_j = by_key ? 1 : 0;
        for (Index i = 0; i < 2; ++i) {
          T row[kTk + 1] = {T(-7), T(-7), T(-7), T(-7), T(-7), T(-7)};
          mask.row(1, 2, i, {1, 4}, row);
          for (Index j = 1; j < 4; ++j) {
            const Index at = i * mask.stride_i + j * mask.stride_j;
            const T expected = adds ? add[at] : keep[at] != 0 ? T(0) : -kInf;
            REQUIRE_EACH(row[j - 1] == expected, "query %td, key %td", i, j);
            REQUIRE_EACH(mask.excludes(1, 2, i, j) == (expected == -kInf), "query %td, key %td", i, j);
          }
          REQUIRE_EACH(row[3] == T(-7) && static_cast<bool>(mask));
        }
      }
  REQUIRE_FALSE(static_cast<bool>(AttentionMask<T>{}));
  REQUIRE_FALSE(AttentionMask<T>{}.excludes(0, 0, 0, 0));
}

}  // namespace

}  // namespace seqfuse::tests
