// Prints the instruction sets that the building machine can run, for InstructionSets.cmake.
#include <cstdio>

#include "instruction_sets.hpp"

int main() {
  for (const auto& set : seqfuse::instruction_sets())
    if (set.supported) std::puts(set.name);
}
