#include "seqfuse/attention_backward_impl.hpp"
#include "seqfuse/attention_forward_impl.hpp"
#include "tiles.hpp"

template bool seqfuse::attention_forward<float>(const seqfuse::AttentionForwardArgs<float>&);
template bool seqfuse::attention_forward<double>(const seqfuse::AttentionForwardArgs<double>&);
template bool seqfuse::attention_backward<float>(const seqfuse::AttentionBackwardArgs<float>&);
template bool seqfuse::attention_backward<double>(const seqfuse::AttentionBackwardArgs<double>&);
