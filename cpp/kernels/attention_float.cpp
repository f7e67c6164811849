// Compiles attention and its key cache in float.
#include "seqfuse/attention_backward_impl.hpp"
#include "seqfuse/attention_forward_impl.hpp"
#include "seqfuse/key_cache_impl.hpp"
#include "tiles.hpp"

template bool seqfuse::attention_forward<float>(const seqfuse::AttentionForwardArgs<float>&);
template bool seqfuse::attention_backward<float>(const seqfuse::AttentionBackwardArgs<float>&);
template std::unique_ptr<seqfuse::KeyCache<float>> seqfuse::make_key_cache<float>(const seqfuse::KeyCacheShape&,
                                                                                  seqfuse::Index);
