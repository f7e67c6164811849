#include "seqfuse/adam_impl.hpp"

template void seqfuse::adam_update<float>(const AdamArgs<float>&);
template void seqfuse::adam_update<double>(const AdamArgs<double>&);
