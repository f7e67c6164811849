#include "seqfuse/pointwise_impl.hpp"

template void seqfuse::pointwise_forward<float>(const PointwiseArgs<float>&);
template void seqfuse::pointwise_forward<double>(const PointwiseArgs<double>&);
template void seqfuse::pointwise_backward<float>(const PointwiseArgs<float>&);
template void seqfuse::pointwise_backward<double>(const PointwiseArgs<double>&);
