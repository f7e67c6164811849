#include "seqfuse/cross_entropy_impl.hpp"

template double seqfuse::softmax_cross_entropy_forward<float>(const CrossEntropyForwardArgs<float>&);
template double seqfuse::softmax_cross_entropy_forward<double>(const CrossEntropyForwardArgs<double>&);
template void seqfuse::softmax_cross_entropy_backward<float>(const CrossEntropyBackwardArgs<float>&);
template void seqfuse::softmax_cross_entropy_backward<double>(const CrossEntropyBackwardArgs<double>&);
