// The whole of our test framework: a CHECK that holds in every build, and the list of tests.
#pragma once

#include <cstdio>
#include <cstdlib>

// CHECK(condition) or CHECK(condition, "x = %g", x): says where and what, and ends the program.
#define CHECK(condition, ...)                                                         \
  do {                                                                                \
    if (!(condition)) {                                                               \
      std::fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);    \
      __VA_OPT__(std::fprintf(stderr, "  " __VA_ARGS__); std::fprintf(stderr, "\n");) \
      std::exit(1);                                                                   \
    }                                                                                 \
  } while (false)

namespace seqfuse::tests {

void test_simd();
void test_elementary();
void test_lines();
void test_log_add();
void test_normal_distribution();
void test_philox();
void test_parallel();
void test_gemm();
void test_recurrent();
void test_attention();
void test_example();

}  // namespace seqfuse::tests
