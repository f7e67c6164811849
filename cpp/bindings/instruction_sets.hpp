// The table of instruction sets, and which of them this CPU and operating system support.
//
// This file is compiled for the baseline, because it runs before the choice of an instruction set.
#pragma once

#include <vector>

namespace seqfuse {

struct InstructionSet {
  const char* name;
  const char* flags;  // compiler flags of the kernels
  bool has_fma;       // has a fused multiply-add; all such sets return equal bits
  bool supported;     // this CPU and operating system can run it
};

// Returns all instruction sets in ascending order; the best is last. __builtin_cpu_supports also checks whether the
// operating system saves the registers (XGETBV). cpp/cmake/InstructionSets.cmake writes the rows.
inline std::vector<InstructionSet> instruction_sets() {
#if defined(__x86_64__) && defined(__GNUC__)  // Clang also defines both
  __builtin_cpu_init();
#endif
  return {
#define SEQFUSE_INSTRUCTION_SET(name, flags, has_fma, supported) {name, flags, has_fma, supported},
#include "instruction_sets.inc"
#undef SEQFUSE_INSTRUCTION_SET
  };
}

}  // namespace seqfuse
