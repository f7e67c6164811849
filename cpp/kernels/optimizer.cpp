#include "seqfuse/optimizer_impl.hpp"

template void seqfuse::optimizer_update<float>(const UpdateArgs<float>&);
template void seqfuse::optimizer_update<double>(const UpdateArgs<double>&);
