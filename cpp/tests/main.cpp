// Runs every test of this folder; the first failure ends the program with 1.
#include "check.hpp"

int main() {
  using namespace seqfuse::tests;
  test_simd();
  test_elementary();
  test_lines();
  test_log_add();
  test_normal_distribution();
  test_philox();
  test_parallel();
  test_gemm();
  test_recurrent();
  test_attention();
  test_example();
  std::puts("all passed");
}
