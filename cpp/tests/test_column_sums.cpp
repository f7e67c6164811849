// Tests that sums over rows contain every row once for any number of threads.
#include "require.hpp"
#include "seqfuse/column_sums_impl.hpp"

namespace seqfuse::tests {

namespace {

TEST_CASE_TEMPLATE("sum_over_rows adds every row once for any number of threads", T, float, double) {
  constexpr Index kWidth = 3 * kLine<T>;
  for (const Index N : {0, 1, 31, 32, 33, 1024, 1025, 2100})
    for (const int threads : {1, 2, 5}) {
      Buffer<T> sums(kWidth);
      std::fill_n(sums.data(), kWidth, T(1));
      sum_over_rows(N, kWidth, sums.data(), threads, [](Index n, T* to, int) {
        for (Index c = 0; c < kWidth; ++c) to[c] += static_cast<T>(n % 5 + c);
      });
      Index row_sum = 0;
      for (Index n = 0; n < N; ++n) row_sum += n % 5;
      for (Index c = 0; c < kWidth; ++c) REQUIRE_EACH(sums[c] == static_cast<T>(1 + row_sum + N * c), "N %td", N);
    }
}

}  // namespace

}  // namespace seqfuse::tests
