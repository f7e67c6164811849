// Schedules the steps of a sequence: the valid rows of each step, the division among threads, and cancellation.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "seqfuse/gemm.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/parallel_cost.hpp"
#include "seqfuse/recurrent.hpp"

namespace seqfuse {

// The valid rows of a few steps, in processing order. An entry is one valid row of one step. The s-th step has the
// entries begin[s] .. begin[s+1] - 1, and entry e is row row[e]. The rows of a step are in ascending order.
class Schedule {
 public:
  Schedule(Index max_steps, Index rows) : begin_(max_steps + 1), row_(checked_product({max_steps, rows})) {}

  // Lists the entries of the rows in `rows` for the `steps` steps first, first + by, ... with by = 1 or -1.
  void fill(const unsigned char* valid, Index B, Range rows, Index first, Index by, Index steps) {
    Index n = 0;
    for (Index s = 0; s < steps; ++s) {
      begin_[s] = n;
      const unsigned char* valid_now = valid == nullptr ? nullptr : valid + (first + s * by) * B;
      for (Index b = rows.begin; b < rows.end; ++b)
        if (valid_now == nullptr || valid_now[b]) row_[n++] = b;
    }
    begin_[steps] = n;
  }

  Range step(Index s) const { return {begin_[s], begin_[s + 1]}; }
  // Returns the entries of step s whose rows are in `rows`.
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

// How the threads of a team share the work of a step. If they share the rows, no thread waits for another. If they
// share the units, all wait at a barrier after every pass, and each keeps its part of U in its second-level cache.
struct Split {
  int threads = 1;
  bool by_rows = true;
  std::vector<Index> cuts;  // part p has the rows cuts[p] .. cuts[p+1] - 1; empty: equal numbers of rows

  // Chooses a division. `step` is the number of multiply-adds per step and row, `panels` the number of panels of U,
  // which limits the number of threads that can share the units.
  static Split choose(int threads, Index T_, Index B, Index step, Index panels) {
    const auto work_of_step = parallel::Work::multiply_adds(B * step);
    if (parallel::threads_for(work_of_step * T_, threads) <= 1) return {};
    if (B >= 4 * threads) return {threads, true, {}};
    const Index shares = std::min<Index>(threads, panels);
    if (shares > 1 && parallel::pays_barrier(work_of_step)) return {static_cast<int>(shares), false, {}};
    return B > 1 ? Split{static_cast<int>(std::min<Index>(threads, B)), true, {}} : Split{};
  }

  // Divides rows of different lengths so that all parts have about the same number of valid steps.
  void balance(const unsigned char* valid, Index T_, Index B) {
    if (!by_rows || threads == 1 || valid == nullptr) return;
    std::vector<Index> before(static_cast<std::size_t>(B) + 1, 0);  // number of valid steps in the rows before each row
    for (Index t = 0; t < T_; ++t)
      for (Index b = 0; b < B; ++b) before[static_cast<std::size_t>(b) + 1] += valid[t * B + b] != 0;
    for (std::size_t b = 1; b < before.size(); ++b) before[b] += before[b - 1];
    cuts = {0};
    for (int part = 1; part < threads; ++part) {
      const Index target = before.back() / threads * part;
      const auto above = std::lower_bound(before.begin(), before.end(), target);
      const bool below = above != before.begin() && target - above[-1] < *above - target;  // it is nearer
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
    Index max = 0;
    for (int part = 0; part < threads; ++part) max = std::max(max, rows(B, part, threads).size());
    return max;
  }
};

// The cancellation of a call, shared by its threads. Only the caller's thread polls the token, also within a step that
// takes seconds. After a cancellation all threads skip their computations, but still wait at every barrier.
class SharedCancellation {
 public:
  explicit SharedCancellation(const CancellationToken& token) : token_(token) {}

  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  // Polls the token. Only the caller's thread calls this.
  bool poll() {
    if (token_()) cancelled_.store(true, std::memory_order_relaxed);
    return cancelled();
  }
  // Calls f(part) for parts of `blocks`, and polls in between if the work is long. `cost` is the number of
  // multiply-adds per block.
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
