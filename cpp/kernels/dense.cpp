#include "seqfuse/dense_impl.hpp"
#include "tiles.hpp"

template bool seqfuse::dense_forward<float>(const seqfuse::DenseForwardArgs<float>&);
template bool seqfuse::dense_forward<double>(const seqfuse::DenseForwardArgs<double>&);
template bool seqfuse::dense_backward<float>(const seqfuse::DenseBackwardArgs<float>&);
template bool seqfuse::dense_backward<double>(const seqfuse::DenseBackwardArgs<double>&);
