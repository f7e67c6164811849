// Compiles attention and its key cache in double.
#include "seqfuse/attention_backward_impl.hpp"
#include "seqfuse/attention_forward_impl.hpp"
#include "seqfuse/key_cache_impl.hpp"
#include "tiles.hpp"

template bool seqfuse::attention_forward<double>(const seqfuse::AttentionForwardArgs<double>&);
template bool seqfuse::attention_backward<double>(const seqfuse::AttentionBackwardArgs<double>&);
template std::unique_ptr<seqfuse::KeyCache<double>> seqfuse::make_key_cache<double>(const seqfuse::KeyCacheShape&,
                                                                                    seqfuse::Index);
