#include "recurrent.hpp"

template const seqfuse::RecurrentKernels<float>& seqfuse::kernels_of<seqfuse::Rnn, float>();
template const seqfuse::RecurrentKernels<double>& seqfuse::kernels_of<seqfuse::Rnn, double>();
