# The table of instruction sets. The kernels are compiled once for each set, into one library per set. The bindings, the
# tests and seqfuse.functional read the same table (cpp/bindings/instruction_sets.hpp includes instruction_sets.inc, which
# this file writes).
#
# To add a set, add one row here. Rows are in ascending order; the best set is last:
#   suffix of the library's name | flags of the kernels | whether it has a fused multiply-add | required CPU features
# The listed features are sufficient: a CPU that has them has all other features of its level.
set(SEQFUSE_KNOWN_ISAS "")
set(_rows "")
function(seqfuse_instruction_set name flags has_fma)
  set(probe "true")
  foreach(feature IN LISTS ARGN)
    string(APPEND probe " && __builtin_cpu_supports(\"${feature}\")")
  endforeach()
  list(JOIN flags " " text)
  set(SEQFUSE_KNOWN_ISAS ${SEQFUSE_KNOWN_ISAS} ${name} PARENT_SCOPE)
  set(SEQFUSE_FLAGS_${name} ${flags} PARENT_SCOPE)
  set(_rows "${_rows}SEQFUSE_INSTRUCTION_SET(\"${name}\", \"${text}\", ${has_fma}, ${probe})\n" PARENT_SCOPE)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  seqfuse_instruction_set(x86_64_v2 "-march=x86-64-v2" false ssse3 sse4.2 popcnt)
  seqfuse_instruction_set(x86_64_v3 "-march=x86-64-v3" true ssse3 sse4.2 popcnt avx2 fma bmi bmi2)
  # By default, compilers prefer 256-bit vectors for most of these CPUs. The kernels are written for 512 bits.
  seqfuse_instruction_set(x86_64_v4 "-march=x86-64-v4;-mprefer-vector-width=512" true ssse3 sse4.2 popcnt avx2 fma bmi bmi2
                          avx512f avx512bw avx512cd avx512dq avx512vl)
else()
  # The baseline of aarch64 includes NEON and its fused multiply-add.
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    seqfuse_instruction_set(baseline "" true)
  else()
    seqfuse_instruction_set(baseline "" false)
  endif()
endif()
set(SEQFUSE_GENERATED ${CMAKE_CURRENT_BINARY_DIR}/generated)
file(CONFIGURE OUTPUT ${SEQFUSE_GENERATED}/instruction_sets.inc CONTENT "${_rows}" @ONLY)

# Determines the sets that this machine can run, with the same code as the installed package. Once per build folder.
if(NOT DEFINED SEQFUSE_HOST_ISAS)
  try_run(
    _runs _compiles
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/host_isas.cpp
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${CMAKE_CURRENT_LIST_DIR}/../bindings;${SEQFUSE_GENERATED}"
    CXX_STANDARD 20
    RUN_OUTPUT_VARIABLE _names)
  if(_compiles AND _runs EQUAL 0)
    string(REGEX MATCHALL "[^\r\n]+" _names "${_names}")
  else()
    set(_names "")  # cross-compiling, or an old CPU
  endif()
  set(SEQFUSE_HOST_ISAS "${_names}" CACHE INTERNAL "Instruction sets that the building machine can run")
endif()

# The default suits an installation from source, which runs on the machine that built it. Wheels are built with `all`.
set(SEQFUSE_ISAS "local" CACHE STRING
  "Instruction sets to build: local (the best of this machine, and x86_64_v3), native (only the best), all, or a list")
set_property(CACHE SEQFUSE_ISAS PROPERTY STRINGS local native all)
if(SEQFUSE_ISAS STREQUAL "all")
  set(SEQFUSE_BUILT_ISAS ${SEQFUSE_KNOWN_ISAS})
elseif(SEQFUSE_ISAS MATCHES "^(local|native)$")
  if(NOT SEQFUSE_HOST_ISAS)
    message(FATAL_ERROR "SEQFUSE_ISAS=${SEQFUSE_ISAS}: this machine supports none of ${SEQFUSE_KNOWN_ISAS}. "
                        "Choose the sets to build, for example -DSEQFUSE_ISAS=all")
  endif()
  list(GET SEQFUSE_HOST_ISAS -1 SEQFUSE_BUILT_ISAS)
  # All sets with a fused multiply-add return equal bits. A second set lets the tests check that.
  if(SEQFUSE_ISAS STREQUAL "local" AND "x86_64_v3" IN_LIST SEQFUSE_HOST_ISAS)
    list(PREPEND SEQFUSE_BUILT_ISAS x86_64_v3)
    list(REMOVE_DUPLICATES SEQFUSE_BUILT_ISAS)
  endif()
else()
  set(SEQFUSE_BUILT_ISAS ${SEQFUSE_ISAS})
endif()
foreach(isa IN LISTS SEQFUSE_BUILT_ISAS)
  if(NOT isa IN_LIST SEQFUSE_KNOWN_ISAS)
    message(FATAL_ERROR "SEQFUSE_ISAS must be local, native, all or a list of ${SEQFUSE_KNOWN_ISAS}; got ${isa}")
  endif()
endforeach()
message(STATUS "Instruction sets: ${SEQFUSE_BUILT_ISAS}")
