#include "seqfuse/key_cache_impl.hpp"
#include "tiles.hpp"

template std::unique_ptr<seqfuse::KeyCache<float>> seqfuse::make_key_cache<float>(const seqfuse::KeyCacheShape&,
                                                                                  seqfuse::Index);
template std::unique_ptr<seqfuse::KeyCache<double>> seqfuse::make_key_cache<double>(const seqfuse::KeyCacheShape&,
                                                                                    seqfuse::Index);
