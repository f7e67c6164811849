# The table of instruction sets: the kernels are compiled once for each, into one Python module each.
#
# A new one is a line here and a line in cpp/bindings/cpu_support.hpp, in the same order: ascending, the best last.
#   name of the module's suffix | flags of the kernels
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  set(SEQFUSE_KNOWN_ISAS x86_64_v2 x86_64_v3 x86_64_v4)
  set(SEQFUSE_FLAGS_x86_64_v2 -march=x86-64-v2)
  set(SEQFUSE_FLAGS_x86_64_v3 -march=x86-64-v3)
  # Compilers prefer 256 bits by themselves on most of these CPUs; the kernels are written for whole registers.
  set(SEQFUSE_FLAGS_x86_64_v4 -march=x86-64-v4 -mprefer-vector-width=512)
else()
  set(SEQFUSE_KNOWN_ISAS baseline)  # aarch64 has NEON in its baseline
  set(SEQFUSE_FLAGS_baseline "")
endif()

# What this machine can run: one name a line, asked as the installed package asks (cpu_support.hpp), once a build folder.
if(NOT DEFINED SEQFUSE_HOST_ISAS)
  try_run(
    _runs _compiles
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/host_isas.cpp
    CMAKE_FLAGS -DINCLUDE_DIRECTORIES=${CMAKE_CURRENT_LIST_DIR}/../bindings
    CXX_STANDARD 20
    RUN_OUTPUT_VARIABLE _names)
  if(_compiles AND _runs EQUAL 0)
    string(REGEX MATCHALL "[^\r\n]+" _names "${_names}")
  else()
    set(_names "")  # cross-compiling, or an old CPU
  endif()
  set(SEQFUSE_HOST_ISAS "${_names}" CACHE INTERNAL "Instruction sets that the building machine can run")
endif()

set(SEQFUSE_ISAS "all" CACHE STRING "Instruction sets to build: all, native (the best that this machine runs), or a list")
if(SEQFUSE_ISAS STREQUAL "all")
  set(SEQFUSE_BUILT_ISAS ${SEQFUSE_KNOWN_ISAS})
elseif(SEQFUSE_ISAS STREQUAL "native")
  if(NOT SEQFUSE_HOST_ISAS)
    message(FATAL_ERROR "SEQFUSE_ISAS=native: this machine runs none of ${SEQFUSE_KNOWN_ISAS}")
  endif()
  list(GET SEQFUSE_HOST_ISAS -1 SEQFUSE_BUILT_ISAS)
else()
  set(SEQFUSE_BUILT_ISAS ${SEQFUSE_ISAS})
endif()
foreach(isa IN LISTS SEQFUSE_BUILT_ISAS)
  if(NOT isa IN_LIST SEQFUSE_KNOWN_ISAS)
    message(FATAL_ERROR "SEQFUSE_ISAS: there is no ${isa}; there are all, native, ${SEQFUSE_KNOWN_ISAS}")
  endif()
endforeach()
