// Measurements of the machine: positive, finite, and done by as many threads as are asked for.
#include "seqfuse/peak.hpp"

#include <cmath>
#include <new>

#include "require.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse::tests {

namespace {

TEST_CASE("the multiply-add peak is a speed") {
  for (const double flops : {peak_flops<float>(0), peak_flops<double>(0)}) {
    REQUIRE(std::isfinite(flops));
    REQUIRE(flops > 1e6);
  }
}

TEST_CASE("bytes are read by any number of threads from buffers of any size") {
  for (const int threads : {1, 2, 3})
    for (const Index bytes : {1, 1000, 1 << 20}) {
      const double speed = read_bandwidth(bytes, threads, 0);
      REQUIRE(std::isfinite(speed));
      REQUIRE(speed > 1e5);
    }
}

TEST_CASE("the kernels know whether they have OpenMP") { REQUIRE(has_openmp() == parallel::kOpenMP); }

}  // namespace

}  // namespace seqfuse::tests
