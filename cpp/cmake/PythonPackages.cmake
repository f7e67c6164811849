# Finds pybind11 and Eigen with the Python that runs the build.
#
# CMake's own search is not enough. In an isolated build, CMAKE_PREFIX_PATH begins with the site-packages of the outer
# environment, and cmeel-eigen installs Eigen in a folder that CMake does not search.

# Sets `out` to `path` inside the installed distribution `name`, or to an empty string if it is not installed.
function(seqfuse_locate_package out name path)
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c
            "import importlib.metadata as m; print(m.distribution('${name}').locate_file('${path}').resolve().as_posix())"
    OUTPUT_VARIABLE found
    OUTPUT_STRIP_TRAILING_WHITESPACE
    ERROR_QUIET)
  if(EXISTS "${found}")
    set(${out} "${found}" PARENT_SCOPE)
  else()
    set(${out} "" PARENT_SCOPE)
  endif()
endfunction()

if(SEQFUSE_BUILD_PYTHON)
  seqfuse_locate_package(_pybind11 pybind11 pybind11/share/cmake/pybind11)
  if(_pybind11)  # forced, because the build folder of an editable build outlives its isolated environment
    set(pybind11_DIR "${_pybind11}" CACHE PATH "Folder of pybind11Config.cmake" FORCE)
  endif()
  find_package(pybind11 3.0.1 CONFIG REQUIRED)
endif()

seqfuse_locate_package(_eigen cmeel-eigen cmeel.prefix)
find_package(Eigen3 3.4 CONFIG REQUIRED HINTS ${_eigen})
