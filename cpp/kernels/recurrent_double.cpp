// Compiles all recurrent cells in double. cells.hpp contains the list of cells.
#include "seqfuse/recurrent_kernels_impl.hpp"
#include "tiles.hpp"

template const seqfuse::RecurrentKernels<double>* seqfuse::find_recurrent_kernels<double>(std::string_view);
