// Interface of a kernel library (libseqfuse_<instruction set>.so): one C function that returns a table of all kernels.
//
// The libraries do not depend on Python. The caller loads the best library that the CPU supports and checks its
// version, because the tables of other versions have other fields. Structures are passed by reference without
// conversion, so the caller and the library must be compiled with the same compiler.
#pragma once

#include <cstdint>
#include <string_view>

#include "seqfuse/activation_forward.hpp"
#include "seqfuse/attention.hpp"
#include "seqfuse/cross_entropy.hpp"
#include "seqfuse/ctc.hpp"
#include "seqfuse/dense.hpp"
#include "seqfuse/dropout.hpp"
#include "seqfuse/embedding.hpp"
#include "seqfuse/key_cache.hpp"
#include "seqfuse/normalize.hpp"
#include "seqfuse/optimizer.hpp"
#include "seqfuse/pointwise.hpp"
#include "seqfuse/recurrent.hpp"
#include "seqfuse/rotary.hpp"
#include "seqfuse/row_softmax.hpp"

namespace seqfuse {

// Must be increased with every change of the table or of a structure that its functions accept.
inline constexpr std::uint32_t kKernelTableVersion = 1;

// The kernels for one element type.
template <class T>
struct KernelsFor {
  const RecurrentKernels<T>* (*find_recurrent_kernels)(std::string_view cell);
  bool (*attention_forward)(const AttentionForwardArgs<T>&);
  bool (*attention_backward)(const AttentionBackwardArgs<T>&);
  std::unique_ptr<KeyCache<T>> (*make_key_cache)(const KeyCacheShape&, Index capacity);
  void (*activation_forward)(const ActivationArgs<T>&);
  double (*cross_entropy_forward)(const CrossEntropyForwardArgs<T>&);
  void (*cross_entropy_backward)(const CrossEntropyBackwardArgs<T>&);
  Index (*ctc_tape_size)(const CtcBatch<T>&);
  bool (*ctc_forward)(const CtcForwardArgs<T>&);
  bool (*ctc_backward)(const CtcBackwardArgs<T>&);
  bool (*dense_forward)(const DenseForwardArgs<T>&);
  bool (*dense_backward)(const DenseBackwardArgs<T>&);
  void (*dropout)(const DropoutArgs<T>&);
  void (*embedding_forward)(const EmbeddingForwardArgs<T>&);
  void (*embedding_backward)(const EmbeddingBackwardArgs<T>&);
  void (*normalize_forward)(const NormalizeForwardArgs<T>&);
  void (*normalize_backward)(const NormalizeBackwardArgs<T>&);
  void (*optimizer_update)(const UpdateArgs<T>&);
  void (*pointwise_forward)(const PointwiseArgs<T>&);
  void (*pointwise_backward)(const PointwiseArgs<T>&);
  void (*rotary)(const RotaryArgs<T>&);
  void (*softmax_forward)(const SoftmaxForwardArgs<T>&);
  void (*softmax_backward)(const SoftmaxBackwardArgs<T>&);
  double (*peak_flops)(double seconds);
};

struct KernelTable {
  std::uint32_t version;        // kKernelTableVersion of the library
  const char* instruction_set;  // its name in cpp/cmake/InstructionSets.cmake
  bool openmp;                  // whether the library was compiled with OpenMP
  double (*read_bandwidth)(Index bytes, int threads, double seconds);
  KernelsFor<float> float_kernels;
  KernelsFor<double> double_kernels;

  template <class T>
  const KernelsFor<T>& kernels() const;
};

template <>
inline const KernelsFor<float>& KernelTable::kernels<float>() const {
  return float_kernels;
}
template <>
inline const KernelsFor<double>& KernelTable::kernels<double>() const {
  return double_kernels;
}

}  // namespace seqfuse

// Returns the table of this library, or null if its version is not `version`.
extern "C" const seqfuse::KernelTable* seqfuse_kernel_table(std::uint32_t version);
