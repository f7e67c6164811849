// Prints the instruction sets that the building machine can run, for InstructionSets.cmake.
#include <cstdio>

#include "cpu_support.hpp"

int main() {
  for (const char* name : seqfuse::supported_isas()) std::puts(name);
}
