#include "seqfuse/dense_impl.hpp"
#include "tiles.hpp"

template void seqfuse::dense_forward<float>(const seqfuse::DenseForwardArgs<float>&);
template void seqfuse::dense_forward<double>(const seqfuse::DenseForwardArgs<double>&);
template void seqfuse::dense_backward<float>(const seqfuse::DenseBackwardArgs<float>&);
template void seqfuse::dense_backward<double>(const seqfuse::DenseBackwardArgs<double>&);
