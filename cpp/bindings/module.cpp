// The module seqfuse._kernels. It is compiled once for the baseline, and loads the kernel library of an instruction
// set.
#include "kernels.hpp"

PYBIND11_MODULE(_kernels, module, pybind11::mod_gil_not_used()) {
  using namespace seqfuse::bindings;
  module.doc() =
      "Kernels of seqfuse. Arguments are not checked. Use `seqfuse.functional`, which checks and converts them.\n\n"
      "All arrays of a call must have one element type, native byte order, alignment and a contiguous last\n"
      "axis. The symbols in shapes are those of the recurrent functions. `valid` is None or a bool array\n"
      "(T, B) in C order. The last argument of every function is the number of threads.";
  // Every call of a method looks up the type, and pybind11 looks up module-local types first.
  KernelsClass kernels(module, "Kernels", pybind11::module_local(),
                       "The functions of one library of kernels; `load` returns it.");
  bind_library(module, kernels);
  bind_stream(module);
  bind_recurrent(module, kernels);
  bind_key_cache(module, kernels);
  bind_activation(kernels);
  bind_attention(kernels);
  bind_cross_entropy(kernels);
  bind_ctc(kernels);
  bind_dense(kernels);
  bind_dropout(kernels);
  bind_embedding(kernels);
  bind_machine(kernels);
  bind_normalize(kernels);
  bind_optimizer(kernels);
  bind_pointwise(kernels);
  bind_rotary(kernels);
  bind_row_softmax(kernels);
}
