#include "seqfuse/activation_forward_impl.hpp"

template void seqfuse::activation_forward<float>(const ActivationArgs<float>&);
template void seqfuse::activation_forward<double>(const ActivationArgs<double>&);
