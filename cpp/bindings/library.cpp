// Binds the loader of kernel libraries and the list of instruction sets.
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>
#include <vector>

#include <dlfcn.h>

#include "instruction_sets.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

Kernels load(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw py::import_error(dlerror());
  const auto get_table = reinterpret_cast<decltype(&seqfuse_kernel_table)>(dlsym(library, "seqfuse_kernel_table"));
  const KernelTable* table = get_table == nullptr ? nullptr : get_table(kKernelTableVersion);
  if (table == nullptr)
    throw py::import_error("load: " + path + " must be a kernel library of version " +
                           std::to_string(kKernelTableVersion) + ". Reinstall seqfuse");
  return Kernels(*table);
}

}  // namespace

void bind_library(py::module_& module, KernelsClass& kernels) {
  py::class_<InstructionSet>(module, "InstructionSet", py::module_local(),
                             "One row of cpp/cmake/InstructionSets.cmake.")
      .def_property_readonly("name", [](const InstructionSet& set) { return std::string(set.name); })
      .def_property_readonly("flags", [](const InstructionSet& set) { return std::string(set.flags); })
      .def_readonly("has_fma", &InstructionSet::has_fma,
                    "Whether it has a fused multiply-add. All such sets return equal bits.")
      .def_readonly("supported", &InstructionSet::supported, "Whether this CPU and operating system can run it.");
  module.def("instruction_sets", &instruction_sets,
             "Return all instruction sets that seqfuse can be built for; the best is last.");
  module.def("load", &load, py::arg("path"), "Load the kernel library at `path`. Raise ImportError if it is not one.");
  kernels.def_property_readonly("instruction_set",
                                [](const Kernels& self) { return std::string(self.table().instruction_set); });
  kernels.def_property_readonly(
      "openmp", [](const Kernels& self) { return self.table().openmp; },
      "Whether the kernels were compiled with OpenMP.");
}

}  // namespace seqfuse::bindings
