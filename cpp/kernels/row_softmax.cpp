#include "seqfuse/row_softmax_impl.hpp"

template void seqfuse::softmax_forward<float>(const SoftmaxForwardArgs<float>&);
template void seqfuse::softmax_forward<double>(const SoftmaxForwardArgs<double>&);
template void seqfuse::softmax_backward<float>(const SoftmaxBackwardArgs<float>&);
template void seqfuse::softmax_backward<double>(const SoftmaxBackwardArgs<double>&);
