// Compiles the elementwise kernels. Most of the compile time goes into the headers, so one file for all of them
// compiles faster than one file each.
#include "seqfuse/activation_forward_impl.hpp"
#include "seqfuse/dropout_impl.hpp"
#include "seqfuse/embedding_impl.hpp"
#include "seqfuse/optimizer_impl.hpp"
#include "seqfuse/pointwise_impl.hpp"
#include "seqfuse/rotary_impl.hpp"

template void seqfuse::activation_forward<float>(const ActivationArgs<float>&);
template void seqfuse::activation_forward<double>(const ActivationArgs<double>&);

template void seqfuse::pointwise_forward<float>(const PointwiseArgs<float>&);
template void seqfuse::pointwise_forward<double>(const PointwiseArgs<double>&);
template void seqfuse::pointwise_backward<float>(const PointwiseArgs<float>&);
template void seqfuse::pointwise_backward<double>(const PointwiseArgs<double>&);

template void seqfuse::dropout<float>(const DropoutArgs<float>&);
template void seqfuse::dropout<double>(const DropoutArgs<double>&);

template void seqfuse::embedding_forward<float>(const EmbeddingForwardArgs<float>&);
template void seqfuse::embedding_forward<double>(const EmbeddingForwardArgs<double>&);
template void seqfuse::embedding_backward<float>(const EmbeddingBackwardArgs<float>&);
template void seqfuse::embedding_backward<double>(const EmbeddingBackwardArgs<double>&);

template void seqfuse::rotary<float>(const RotaryArgs<float>&);
template void seqfuse::rotary<double>(const RotaryArgs<double>&);

template void seqfuse::optimizer_update<float>(const UpdateArgs<float>&);
template void seqfuse::optimizer_update<double>(const UpdateArgs<double>&);
