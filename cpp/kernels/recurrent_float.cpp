// All cells in float: the list in cells.hpp is what is compiled.
#include "seqfuse/recurrent_kernels_impl.hpp"
#include "tiles.hpp"

template const seqfuse::RecurrentKernels<float>* seqfuse::find_recurrent_kernels<float>(std::string_view);
