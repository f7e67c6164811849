// The tiles, compiled once a type; every other file of this folder only declares them.
#include "tiles.hpp"

#define SEQFUSE_TILES(T)                                                    \
  template seqfuse::gemm::Tile<T> seqfuse::gemm::panel_tile<T>(Index, int); \
  template seqfuse::gemm::Tile<T> seqfuse::gemm::single_row_tile<T>(int);   \
  template seqfuse::gemm::Tile<T> seqfuse::gemm::outer_tile<T>(Index, Index);

SEQFUSE_TILES(float)
SEQFUSE_TILES(double)
