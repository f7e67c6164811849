// The module seqfuse._cpu: asked before any kernel module is loaded, so it is compiled for the baseline and depends on nothing.
#include <pybind11/pybind11.h>

#include "cpu_support.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_cpu, m, py::mod_gil_not_used()) {
  m.doc() = "What this CPU and this operating system can run.";
  m.def(
      "supported",
      [] {
        py::list names;
        for (const char* name : seqfuse::supported_isas()) names.append(name);
        return names;
      },
      "Names of the instruction sets that can run here, the best last.");
}
