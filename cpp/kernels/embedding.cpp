#include "seqfuse/embedding_impl.hpp"

template void seqfuse::embedding_forward<float>(const EmbeddingForwardArgs<float>&);
template void seqfuse::embedding_forward<double>(const EmbeddingForwardArgs<double>&);
template void seqfuse::embedding_backward<float>(const EmbeddingBackwardArgs<float>&);
template void seqfuse::embedding_backward<double>(const EmbeddingBackwardArgs<double>&);
