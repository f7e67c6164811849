// Which instruction sets of cpp/cmake/InstructionSets.cmake this CPU and this operating system can run.
//
// Compiled for the baseline and included by nothing that is compiled for more: it has to run before such code is loaded.
#pragma once

#include <vector>

namespace seqfuse {

// Names in the order of the table, the best last. __builtin_cpu_supports also asks whether the operating system saves the
// registers (XGETBV). It takes a literal only, and a name the compiler does not know is an error: hence the branches.
inline std::vector<const char*> supported_isas() {
#if defined(__x86_64__) && defined(__GNUC__)  // Clang defines both, too
  __builtin_cpu_init();
#if (defined(__clang__) && __clang_major__ >= 18) || (!defined(__clang__) && __GNUC__ >= 12)
  const bool v2 = __builtin_cpu_supports("x86-64-v2");
  const bool v3 = __builtin_cpu_supports("x86-64-v3");
  const bool v4 = __builtin_cpu_supports("x86-64-v4");
#else  // the levels by what older compilers can name of them; no CPU has these without the rest
  const bool v2 =
      __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
  const bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
#endif
  std::vector<const char*> names;
  if (v2) names.push_back("x86_64_v2");
  if (v3) names.push_back("x86_64_v3");
  if (v4) names.push_back("x86_64_v4");
  return names;
#else
  return {"baseline"};
#endif
}

}  // namespace seqfuse
