// Compiles the dense layer, and the register tiles once per type. The other files of this folder only declare the
// tiles.
#include "seqfuse/dense_impl.hpp"
#include "tiles.hpp"

#define SEQFUSE_TILES(T)                                                    \
  template seqfuse::gemm::Tile<T> seqfuse::gemm::panel_tile<T>(Index, int); \
  template seqfuse::gemm::Tile<T> seqfuse::gemm::single_row_tile<T>(int);   \
  template seqfuse::gemm::Tile<T> seqfuse::gemm::outer_tile<T>(Index, Index);

SEQFUSE_TILES(float)
SEQFUSE_TILES(double)

template bool seqfuse::dense_forward<float>(const seqfuse::DenseForwardArgs<float>&);
template bool seqfuse::dense_forward<double>(const seqfuse::DenseForwardArgs<double>&);
template bool seqfuse::dense_backward<float>(const seqfuse::DenseBackwardArgs<float>&);
template bool seqfuse::dense_backward<double>(const seqfuse::DenseBackwardArgs<double>&);
