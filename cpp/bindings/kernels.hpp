// The Python class `Kernels`, which contains the functions of one kernel library, and the functions that add its
// methods.
#pragma once

#include "arrays.hpp"
#include "seqfuse/kernel_table.hpp"

namespace seqfuse::bindings {

// The table of a loaded library. Libraries are never unloaded, because OpenMP threads and fork handlers may still use
// them.
class Kernels {
 public:
  explicit Kernels(const KernelTable& table) : table_(&table) {}

  const KernelTable& table() const { return *table_; }
  template <class T>
  const KernelsFor<T>& of() const {
    return table_->kernels<T>();
  }

 private:
  const KernelTable* table_;
};

using KernelsClass = py::class_<Kernels>;

void bind_library(py::module_& module, KernelsClass& kernels);
void bind_recurrent(py::module_& module, KernelsClass& kernels);
void bind_stream(py::module_& module);
void bind_key_cache(py::module_& module, KernelsClass& kernels);
void bind_activation(KernelsClass& kernels);
void bind_attention(KernelsClass& kernels);
void bind_cross_entropy(KernelsClass& kernels);
void bind_ctc(KernelsClass& kernels);
void bind_dense(KernelsClass& kernels);
void bind_dropout(KernelsClass& kernels);
void bind_embedding(KernelsClass& kernels);
void bind_machine(KernelsClass& kernels);
void bind_normalize(KernelsClass& kernels);
void bind_optimizer(KernelsClass& kernels);
void bind_pointwise(KernelsClass& kernels);
void bind_rotary(KernelsClass& kernels);
void bind_row_softmax(KernelsClass& kernels);

}  // namespace seqfuse::bindings
