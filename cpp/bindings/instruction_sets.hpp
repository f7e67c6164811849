// The table of instruction sets, and which of them this CPU and operating system can run.
//
// Compiled for the baseline: it runs before any code that needs more.
#pragma once

#include <vector>

namespace seqfuse {

struct InstructionSet {
  const char* name;
  const char* flags;  // the compiler's, for the kernels
  bool has_fma;       // a fused multiply-add: sets that have one give equal bits
  bool supported;     // can run here
};

// In ascending order, the best last. __builtin_cpu_supports also asks whether the operating system saves the registers
// (XGETBV). The rows are written by cpp/cmake/InstructionSets.cmake.
inline std::vector<InstructionSet> instruction_sets() {
#if defined(__x86_64__) && defined(__GNUC__)  // Clang defines both, too
  __builtin_cpu_init();
#endif
  return {
#define SEQFUSE_INSTRUCTION_SET(name, flags, has_fma, supported) {name, flags, has_fma, supported},
#include "instruction_sets.inc"
#undef SEQFUSE_INSTRUCTION_SET
  };
}

}  // namespace seqfuse
