#include "seqfuse/normalize_impl.hpp"

template void seqfuse::normalize_forward<float>(const NormalizeForwardArgs<float>&);
template void seqfuse::normalize_forward<double>(const NormalizeForwardArgs<double>&);
template void seqfuse::normalize_backward<float>(const NormalizeBackwardArgs<float>&);
template void seqfuse::normalize_backward<double>(const NormalizeBackwardArgs<double>&);
