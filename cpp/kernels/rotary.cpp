#include "seqfuse/rotary_impl.hpp"

template void seqfuse::rotary<float>(const RotaryArgs<float>&);
template void seqfuse::rotary<double>(const RotaryArgs<double>&);
