// Which rows are valid at which step, in the order of reading, how threads share a step, and when they stop.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "seqfuse/gemm.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/parallel_cost.hpp"
#include "seqfuse/recurrent.hpp"

namespace seqfuse {

// The valid rows of a few steps in the order they are walked: entry e is row row[e]; the s-th step
// walked holds the entries begin[s] .. begin[s+1], rows ascending. Unreal ones are simply not there.
class Schedule {
 public:
  Schedule(Index max_steps, Index rows) : begin_(max_steps + 1), row_(checked_product({max_steps, rows})) {}

  // Steps `first`, `first + by`, ... (`steps` of them, by = +1 or -1) of the rows in `rows`.
  void fill(const unsigned char* valid, Index B, Range rows, Index first, Index by, Index steps) {
    Index n = 0;
    for (Index s = 0; s < steps; ++s) {
      begin_[s] = n;
      const unsigned char* now = valid == nullptr ? nullptr : valid + (first + s * by) * B;
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

// How a team shares the work of a step. By rows, nobody waits for anybody; by units, all wait_for_team after
// every pass, and each keeps its part of U in its own second-level cache.
struct Split {
  int threads = 1;
  bool by_rows = true;
  std::vector<Index> cuts;  // by rows: part p has the rows cuts[p] .. cuts[p+1], about as many valid steps as any other

  // `step`: multiply-adds in one step of one row; `panels`: as many shares as there can be by units.
  static Split choose(int threads, Index T_, Index B, Index step, Index panels) {
    const auto work_of_step = parallel::Work::multiply_adds(B * step);
    if (parallel::threads_for(work_of_step * T_, threads) <= 1) return {};
    if (B >= 4 * threads) return {threads, true, {}};
    const Index shares = std::min<Index>(threads, panels);
    if (shares > 1 && parallel::pays_barrier(work_of_step)) return {static_cast<int>(shares), false, {}};
    return B > 1 ? Split{static_cast<int>(std::min<Index>(threads, B)), true, {}} : Split{};
  }

  // Rows of different lengths: moves the cuts between the parts to where they share the valid steps.
  void balance(const unsigned char* valid, Index T_, Index B) {
    if (!by_rows || threads == 1 || valid == nullptr) return;
    std::vector<Index> before(static_cast<std::size_t>(B) + 1, 0);  // valid steps of the rows before this one
    for (Index t = 0; t < T_; ++t)
      for (Index b = 0; b < B; ++b) before[static_cast<std::size_t>(b) + 1] += valid[t * B + b] != 0;
    for (std::size_t b = 1; b < before.size(); ++b) before[b] += before[b - 1];
    cuts = {0};
    for (int part = 1; part < threads; ++part) {
      const Index wanted = before.back() / threads * part;
      const auto above = std::lower_bound(before.begin(), before.end(), wanted);
      const bool below = above != before.begin() && wanted - above[-1] < *above - wanted;  // the nearer of the two
      cuts.push_back(std::max<Index>(cuts.back(), above - before.begin() - (below ? 1 : 0)));
    }
    cuts.push_back(B);
  }

  Range rows(Index B, int part, int parts) const {
    if (!by_rows) return {0, B};
    if (cuts.empty() || parts != threads) return share_of(B, part, parts);
    const auto p = static_cast<std::size_t>(part);
    return {cuts[p], cuts[p + 1]};
  }
  Index max_rows(Index B) const {
    Index most = 0;
    for (int part = 0; part < threads; ++part) most = std::max(most, rows(B, part, threads).size());
    return most;
  }
};

// Asks whether to stop, also in the middle of a step that takes seconds. Only the caller's thread asks; once it
// has been told to stop, what follows is left out on all threads, and they still wait_for_team at every barrier.
class SharedCancellation {
 public:
  explicit SharedCancellation(const CancellationToken& token) : token_(token) {}

  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  // Between pieces of work.
  bool poll() {
    if (token_()) cancelled_.store(true, std::memory_order_relaxed);
    return cancelled();
  }
  // f(some blocks) over all of `blocks`, with checks in between where that is long; `cost`: multiply-adds of a block.
  template <class F>
  void in_parts(Range blocks, Index cost, int thread, F&& f) {
    const auto panel = parallel::Work::multiply_adds(cost * gemm::kPanelPackets);
    const Index panels = parallel::pieces_between_checks(panel);
    const Index each = std::min(panels, blocks.size()) * gemm::kPanelPackets;
    if (blocks.size() <= each) {
      if (!cancelled()) f(blocks);
      return;
    }
    for (Index first = blocks.begin; first < blocks.end; first += each) {
      if (thread == 0) poll();
      if (cancelled()) return;
      f(Range{first, std::min(first + each, blocks.end)});
    }
  }

 private:
  CancellationToken token_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace seqfuse
