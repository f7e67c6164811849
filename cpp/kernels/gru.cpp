#include "recurrent.hpp"

template const seqfuse::RecurrentKernels<float>& seqfuse::kernels_of<seqfuse::Gru, float>();
template const seqfuse::RecurrentKernels<double>& seqfuse::kernels_of<seqfuse::Gru, double>();
