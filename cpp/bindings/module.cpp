// The module seqfuse._kernels: compiled once, for the baseline, it loads the library of an instruction set.
#include "kernels.hpp"

PYBIND11_MODULE(_kernels, module, pybind11::mod_gil_not_used()) {
  using namespace seqfuse::bindings;
  module.doc() =
      "Kernels of seqfuse for arrays that were checked: one type of number, native byte order, aligned,\n"
      "contiguous last axis. Use `seqfuse.functional`, which checks and converts.\n\n"
      "Shapes are in the symbols of the recurrent functions' docstrings. `valid` is None or bool (T, B) in\n"
      "C order. Every function takes the number of threads last.";
  // Local types are looked up first, which every call of a method does.
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
