// Sums over rows, column by column, that have the same bits for any number of threads: rows are summed in blocks, each
// by one thread, and blocks are added in order.
#pragma once

#include <algorithm>

#include "seqfuse/lines.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse {

// Rows in one chain, and blocks in the next one. What is written besides the rows is a 32nd of each sum.
inline constexpr Index kRowsOfBlock = 32, kBlocksOfGroup = 32;

// Calls row(n, sums) for every n below N, which adds what it has to `sums` (width,), whole lines of this thread's own;
// adds all of them to sums_out (width,). width 0: nothing to sum.
template <class T, class F>
void sum_over_rows(Index N, Index width, T* sums_inout, int threads, F&& row) {
  const Index blocks = divide_up(N, kRowsOfBlock), group = std::min(blocks, kBlocksOfGroup);
  Buffer<T> of_blocks(checked_product({group, width}));
  parallel::Barrier barrier;
  parallel::run(threads, [&](int thread, int team) {
    for (Index first = 0; first < blocks; first += group) {
      const Index count = std::min(group, blocks - first);
      const Range mine = share_of(count, thread, team);
      for (Index block = mine.begin; block < mine.end; ++block) {
        T* sums = of_blocks.data() + block * width;
        std::fill_n(sums, width, T(0));
        const Index begin = (first + block) * kRowsOfBlock;
        for (Index n = begin; n < std::min(N, begin + kRowsOfBlock); ++n) row(n, sums);
      }
      barrier.wait(team);
      const Range lines = share_of(width / kLine<T>, thread, team);
      for (Index c = lines.begin * kLine<T>; c < lines.end * kLine<T>; c += kLine<T>) {
        Line<T> sum = Line<T>::all(T(0));
        for (Index block = 0; block < count; ++block) sum = sum + Line<T>::load(of_blocks.data() + block * width + c);
        (Line<T>::load(sums_inout + c) + sum).store(sums_inout + c);
      }
      barrier.wait(team);
    }
  });
}

}  // namespace seqfuse
