// What each file of this folder adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace seqfuse::bindings {

void bind_recurrent(pybind11::module_& module);
void bind_stream(pybind11::module_& module);
void bind_activation(pybind11::module_& module);
void bind_attention(pybind11::module_& module);
void bind_dense(pybind11::module_& module);
void bind_embedding(pybind11::module_& module);
void bind_dropout(pybind11::module_& module);
void bind_cross_entropy(pybind11::module_& module);
void bind_ctc(pybind11::module_& module);
void bind_normalize(pybind11::module_& module);
void bind_pointwise(pybind11::module_& module);
void bind_rotary(pybind11::module_& module);
void bind_row_softmax(pybind11::module_& module);
void bind_optimizer(pybind11::module_& module);
void bind_key_cache(pybind11::module_& module);
void bind_machine(pybind11::module_& module);

}  // namespace seqfuse::bindings
