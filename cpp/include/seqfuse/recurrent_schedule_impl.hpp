// Which rows are real at which step, in the order of reading, and how threads share a step.
#pragma once

#include <algorithm>

#include "seqfuse/memory.hpp"
#include "seqfuse/recurrent.hpp"

namespace seqfuse {

// The real rows of a few steps in the order they are walked: entry e is row row[e]; the s-th step
// walked holds the entries begin[s] .. begin[s+1], rows ascending. Unreal ones are simply not there.
class Schedule {
 public:
  Schedule(Index max_steps, Index rows) : begin_(max_steps + 1), row_(checked_product({max_steps, rows})) {}

  // Steps `first`, `first + by`, ... (`steps` of them, by = +1 or -1) of the rows in `rows`.
  void fill(const unsigned char* real, Index B, Range rows, Index first, Index by, Index steps) {
    Index n = 0;
    for (Index s = 0; s < steps; ++s) {
      begin_[s] = n;
      const unsigned char* now = real == nullptr ? nullptr : real + (first + s * by) * B;
      for (Index b = rows.begin; b < rows.end; ++b)
        if (now == nullptr || now[b]) row_[n++] = b;
    }
    begin_[steps] = n;
  }

  Range step(Index s) const { return {begin_[s], begin_[s + 1]}; }
  // The entries of step s whose rows lie in `rows`.
  Range step(Index s, Range rows) const {
    const Index* first = row_.data() + begin_[s];
    const Index* last = row_.data() + begin_[s + 1];
    return {std::lower_bound(first, last, rows.begin) - row_.data(),
            std::lower_bound(first, last, rows.end) - row_.data()};
  }
  Index row(Index entry) const { return row_[entry]; }

 private:
  Buffer<Index> begin_, row_;
};

// How a team shares the work of a step. By rows, nobody waits for anybody; by units, all meet after
// every pass, and each keeps its part of U in its own second-level cache.
struct Split {
  int threads = 1;
  bool by_rows = true;

  // `step`: multiply-adds in one step of one row; `panels`: as many shares as there can be by units.
  static Split choose(int threads, Index T_, Index B, Index step, Index panels) {
    // A region of two threads costs about 2 us and a barrier 0.2 us; a core makes about 50 multiply-adds a ns
    // at best, and one row reads weights at 8 a ns.
    constexpr Index kWorthARegion = 400'000, kWorthABarrier = 100'000;
    if (threads <= 1 || T_ * B * step < kWorthARegion) return {};
    if (B >= 4 * threads) return {threads, true};
    const Index shares = std::min<Index>(threads, panels);
    if (shares > 1 && B * step >= kWorthABarrier) return {static_cast<int>(shares), false};
    return B > 1 ? Split{static_cast<int>(std::min<Index>(threads, B)), true} : Split{};
  }

  Range rows(Index B, int thread, int team) const { return by_rows ? share_of(B, thread, team) : Range{0, B}; }
};

}  // namespace seqfuse
