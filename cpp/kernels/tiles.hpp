// Declares the register tiles that products.cpp compiles. Compiling forty tiles in every file would triple the build
// time.
#pragma once

#include "seqfuse/gemm.hpp"

namespace seqfuse::gemm {

extern template Tile<float> panel_tile<float>(Index, int);
extern template Tile<double> panel_tile<double>(Index, int);
extern template Tile<float> single_row_tile<float>(int);
extern template Tile<double> single_row_tile<double>(int);
extern template Tile<float> outer_tile<float>(Index, Index);
extern template Tile<double> outer_tile<double>(Index, Index);

}  // namespace seqfuse::gemm
