# The table of instruction sets. The kernels are compiled once for each, into one library each; the bindings, the tests and
# seqfuse.functional read the same table (instruction_sets.inc, written below; cpp/bindings/instruction_sets.hpp).
#
# A new set is one row here, in ascending order, the best last:
#   name of the library's suffix | flags of the kernels | whether it has a fused multiply-add | what the CPU must support
# The probes name features that no CPU has without the rest of its level.
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
  # Compilers prefer 256 bits by themselves on most of these CPUs; the kernels are written for whole registers.
  seqfuse_instruction_set(x86_64_v4 "-march=x86-64-v4;-mprefer-vector-width=512" true ssse3 sse4.2 popcnt avx2 fma bmi bmi2
                          avx512f avx512bw avx512cd avx512dq avx512vl)
else()
  # NEON is in the baseline of aarch64, and so is its fused multiply-add.
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    seqfuse_instruction_set(baseline "" true)
  else()
    seqfuse_instruction_set(baseline "" false)
  endif()
endif()
set(SEQFUSE_GENERATED ${CMAKE_CURRENT_BINARY_DIR}/generated)
file(CONFIGURE OUTPUT ${SEQFUSE_GENERATED}/instruction_sets.inc CONTENT "${_rows}" @ONLY)

# What this machine can run: one name per line, asked as the installed package asks, once per build folder.
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

# The default fits a source install: it runs where it is built. Wheels are built with `all`.
set(SEQFUSE_ISAS "local" CACHE STRING
  "Instruction sets to build: local (the best of this machine, and x86_64_v3 beside it), native (the best alone), all, or a list")
set_property(CACHE SEQFUSE_ISAS PROPERTY STRINGS local native all)
if(SEQFUSE_ISAS STREQUAL "all")
  set(SEQFUSE_BUILT_ISAS ${SEQFUSE_KNOWN_ISAS})
elseif(SEQFUSE_ISAS MATCHES "^(local|native)$")
  if(NOT SEQFUSE_HOST_ISAS)
    message(FATAL_ERROR "SEQFUSE_ISAS=${SEQFUSE_ISAS}: this machine runs none of ${SEQFUSE_KNOWN_ISAS}. "
                        "Name those to build: -DSEQFUSE_ISAS=all")
  endif()
  list(GET SEQFUSE_HOST_ISAS -1 SEQFUSE_BUILT_ISAS)
  # Two sets with a fused multiply-add give equal bits, which the tests compare.
  if(SEQFUSE_ISAS STREQUAL "local" AND "x86_64_v3" IN_LIST SEQFUSE_HOST_ISAS)
    list(PREPEND SEQFUSE_BUILT_ISAS x86_64_v3)
    list(REMOVE_DUPLICATES SEQFUSE_BUILT_ISAS)
  endif()
else()
  set(SEQFUSE_BUILT_ISAS ${SEQFUSE_ISAS})
endif()
foreach(isa IN LISTS SEQFUSE_BUILT_ISAS)
  if(NOT isa IN_LIST SEQFUSE_KNOWN_ISAS)
    message(FATAL_ERROR "SEQFUSE_ISAS: there is no ${isa}; there are local, native, all, ${SEQFUSE_KNOWN_ISAS}")
  endif()
endforeach()
message(STATUS "Instruction sets: ${SEQFUSE_BUILT_ISAS}")
