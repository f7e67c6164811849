// The table of contents of a kernel module. One is built for each instruction set, from the same bindings.
#include "bindings.hpp"

PYBIND11_MODULE(SEQFUSE_MODULE_NAME, module, pybind11::mod_gil_not_used()) {
  using namespace seqfuse::bindings;
  module.doc() = "seqfuse's kernels for one instruction set; use seqfuse.functional instead.";
  bind_recurrent(module);
  bind_stream(module);
  bind_activation(module);
  bind_attention(module);
  bind_dense(module);
  bind_embedding(module);
  bind_dropout(module);
  bind_cross_entropy(module);
  bind_ctc(module);
  bind_normalize(module);
  bind_pointwise(module);
  bind_rotary(module);
  bind_row_softmax(module);
  bind_optimizer(module);
  bind_key_cache(module);
  bind_machine(module);
}
