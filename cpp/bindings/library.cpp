// Loads libraries of kernels, and says which ones this CPU can run.
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
    throw py::import_error(path + " does not hold version " + std::to_string(kKernelTableVersion) +
                           " of the kernels. Install seqfuse again");
  return Kernels(*table);
}

}  // namespace

void bind_library(py::module_& module, KernelsClass& kernels) {
  py::class_<InstructionSet>(module, "InstructionSet", py::module_local(),
                             "One row of cpp/cmake/InstructionSets.cmake.")
      .def_property_readonly("name", [](const InstructionSet& set) { return std::string(set.name); })
      .def_property_readonly("flags", [](const InstructionSet& set) { return std::string(set.flags); })
      .def_readonly("has_fma", &InstructionSet::has_fma, "Sets with a fused multiply-add give equal bits.")
      .def_readonly("supported", &InstructionSet::supported, "This CPU and operating system can run it.");
  module.def("instruction_sets", &instruction_sets,
             "All instruction sets that seqfuse can be built for, the best last.");
  module.def("load", &load, py::arg("path"), "Load the library of kernels at `path`; ImportError if it is not one.");
  kernels.def_property_readonly("instruction_set",
                                [](const Kernels& self) { return std::string(self.table().instruction_set); });
  kernels.def_property_readonly(
      "openmp", [](const Kernels& self) { return self.table().openmp; }, "Compiled with several threads.");
}

}  // namespace seqfuse::bindings
