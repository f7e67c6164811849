#include "seqfuse/dropout_impl.hpp"

template void seqfuse::dropout<float>(const DropoutArgs<float>&);
template void seqfuse::dropout<double>(const DropoutArgs<double>&);
