// Compiles the kernels that work along rows: softmax, cross-entropy, CTC and normalization. Most of the compile time
// goes into the headers, so one file for all of them compiles faster than one file each.
#include "seqfuse/cross_entropy_impl.hpp"
#include "seqfuse/ctc_impl.hpp"
#include "seqfuse/normalize_impl.hpp"
#include "seqfuse/row_softmax_impl.hpp"

template void seqfuse::softmax_forward<float>(const SoftmaxForwardArgs<float>&);
template void seqfuse::softmax_forward<double>(const SoftmaxForwardArgs<double>&);
template void seqfuse::softmax_backward<float>(const SoftmaxBackwardArgs<float>&);
template void seqfuse::softmax_backward<double>(const SoftmaxBackwardArgs<double>&);

template double seqfuse::softmax_cross_entropy_forward<float>(const CrossEntropyForwardArgs<float>&);
template double seqfuse::softmax_cross_entropy_forward<double>(const CrossEntropyForwardArgs<double>&);
template void seqfuse::softmax_cross_entropy_backward<float>(const CrossEntropyBackwardArgs<float>&);
template void seqfuse::softmax_cross_entropy_backward<double>(const CrossEntropyBackwardArgs<double>&);

template seqfuse::Index seqfuse::ctc_tape_size<float>(const CtcBatch<float>&);
template seqfuse::Index seqfuse::ctc_tape_size<double>(const CtcBatch<double>&);
template bool seqfuse::ctc_forward<float>(const CtcForwardArgs<float>&);
template bool seqfuse::ctc_forward<double>(const CtcForwardArgs<double>&);
template bool seqfuse::ctc_backward<float>(const CtcBackwardArgs<float>&);
template bool seqfuse::ctc_backward<double>(const CtcBackwardArgs<double>&);

template void seqfuse::normalize_forward<float>(const NormalizeForwardArgs<float>&);
template void seqfuse::normalize_forward<double>(const NormalizeForwardArgs<double>&);
template void seqfuse::normalize_backward<float>(const NormalizeBackwardArgs<float>&);
template void seqfuse::normalize_backward<double>(const NormalizeBackwardArgs<double>&);
