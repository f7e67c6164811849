// Tests that the measurements of the machine return positive, finite numbers for any number of threads.
#include "seqfuse/peak.hpp"

#include <cmath>
#include <new>

#include "require.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse::tests {

namespace {

TEST_CASE("peak_flops returns a finite positive number") {
  for (const double flops : {peak_flops<float>(0), peak_flops<double>(0)}) {
    REQUIRE(std::isfinite(flops));
    REQUIRE(flops > 1e6);
  }
}

TEST_CASE("read_bandwidth works for any number of threads and any size of the buffer") {
  for (const int threads : {1, 2, 3})
    for (const Index bytes : {1, 1000, 1 << 20}) {
      const double speed = read_bandwidth(bytes, threads, 0);
      REQUIRE(std::isfinite(speed));
      REQUIRE(speed > 1e5);
    }
}

TEST_CASE("has_openmp agrees with the headers") { REQUIRE(has_openmp() == parallel::kOpenMP); }

}  // namespace

}  // namespace seqfuse::tests
