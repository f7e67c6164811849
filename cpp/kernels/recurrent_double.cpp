// All cells in double: the list in cells.hpp is what is compiled.
#include "seqfuse/recurrent_kernels_impl.hpp"
#include "tiles.hpp"

template const seqfuse::RecurrentKernels<double>* seqfuse::find_recurrent_kernels<double>(std::string_view);
