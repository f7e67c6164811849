// Sums over rows, column by column.
//
//     sums[c] += sum over n < N of row_n[c]
//
// Traversal: rows are summed in blocks of kRowsPerBlock. One thread sums all rows of a block, and the blocks are then
// added in order. The result therefore has the same bits for any number of threads.
#pragma once

#include <algorithm>

#include "seqfuse/lines.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse {

// Rows per block, and blocks per group. The sums of blocks are written to memory, which is one write per 32 rows.
inline constexpr Index kRowsPerBlock = 32, kBlocksPerGroup = 32;

// Calls row(n, sums, thread) for every n < N, and adds the sums over all rows to sums_inout (width,).
//
// row(n, sums, thread) accumulates row n into `sums` (width,), an array of the calling thread. `width` is a multiple of
// kLine<T>. It may be 0 if row() has nothing to sum.
template <class T, class F>
void sum_over_rows(Index N, Index width, T* sums_inout, int threads, F&& row) {
  const Index blocks = divide_up(N, kRowsPerBlock), group = std::min(blocks, kBlocksPerGroup);
  Buffer<T> block_sums(checked_product({group, width}));
  parallel::Barrier barrier;
  parallel::run(threads, [&](int thread, int team) {
    for (Index first = 0; first < blocks; first += group) {
      const Index count = std::min(group, blocks - first);
      const Range share = share_of(count, thread, team);
      for (Index block = share.begin; block < share.end; ++block) {
        T* sums = block_sums.data() + block * width;
        std::fill_n(sums, width, T(0));
        const Index begin = (first + block) * kRowsPerBlock;
        for (Index n = begin; n < std::min(N, begin + kRowsPerBlock); ++n) row(n, sums, thread);
      }
      barrier.wait(team);
      const Range lines = share_of(width / kLine<T>, thread, team);
      for (Index c = lines.begin * kLine<T>; c < lines.end * kLine<T>; c += kLine<T>) {
        Line<T> sum = Line<T>::all(T(0));
        for (Index block = 0; block < count; ++block) sum = sum + Line<T>::load(block_sums.data() + block * width + c);
        (Line<T>::load(sums_inout + c) + sum).store(sums_inout + c);
      }
      barrier.wait(team);
    }
  });
}

}  // namespace seqfuse
