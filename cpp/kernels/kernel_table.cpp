// Defines seqfuse_kernel_table, the only symbol that a kernel library exports.
#include "seqfuse/kernel_table.hpp"

#include "seqfuse/peak.hpp"

namespace seqfuse {
namespace {

template <class T>
constexpr KernelsFor<T> kernels_for() {
  return {.find_recurrent_kernels = &find_recurrent_kernels<T>,
          .attention_forward = &attention_forward<T>,
          .attention_backward = &attention_backward<T>,
          .make_key_cache = &make_key_cache<T>,
          .activation_forward = &activation_forward<T>,
          .cross_entropy_forward = &softmax_cross_entropy_forward<T>,
          .cross_entropy_backward = &softmax_cross_entropy_backward<T>,
          .ctc_tape_size = &ctc_tape_size<T>,
          .ctc_forward = &ctc_forward<T>,
          .ctc_backward = &ctc_backward<T>,
          .dense_forward = &dense_forward<T>,
          .dense_backward = &dense_backward<T>,
          .dropout = &dropout<T>,
          .embedding_forward = &embedding_forward<T>,
          .embedding_backward = &embedding_backward<T>,
          .normalize_forward = &normalize_forward<T>,
          .normalize_backward = &normalize_backward<T>,
          .optimizer_update = &optimizer_update<T>,
          .pointwise_forward = &pointwise_forward<T>,
          .pointwise_backward = &pointwise_backward<T>,
          .rotary = &rotary<T>,
          .softmax_forward = &softmax_forward<T>,
          .softmax_backward = &softmax_backward<T>,
          .peak_flops = &peak_flops<T>};
}

}  // namespace
}  // namespace seqfuse

extern "C" [[gnu::visibility("default")]] const seqfuse::KernelTable* seqfuse_kernel_table(std::uint32_t version) {
  using namespace seqfuse;
  static const KernelTable table{.version = kKernelTableVersion,
                                 .instruction_set = SEQFUSE_INSTRUCTION_SET,
                                 .openmp = has_openmp(),
                                 .read_bandwidth = &read_bandwidth,
                                 .float_kernels = kernels_for<float>(),
                                 .double_kernels = kernels_for<double>()};
  return version == kKernelTableVersion ? &table : nullptr;
}
