// Compiles all recurrent cells in float. cells.hpp contains the list of cells.
#include "seqfuse/recurrent_kernels_impl.hpp"
#include "tiles.hpp"

template const seqfuse::RecurrentKernels<float>* seqfuse::find_recurrent_kernels<float>(std::string_view);
