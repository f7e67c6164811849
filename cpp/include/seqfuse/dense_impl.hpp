// Dense layer, forward and backward, built from panels, tiles and outer products.
//
// Traversal: the forward packs W once. Each thread then multiplies blocks of its rows that fit into the second-level
// cache with all panels. The backward handles kDenseRows rows at a time: it transposes x and copies dy into chunks,
// then computes dW and db as outer products and dx with the packed W^T.
// Cost: N * I * O multiply-adds for each of y, dx and dW.
#pragma once

#include <vector>

#include "seqfuse/dense.hpp"
#include "seqfuse/outer_product_impl.hpp"
#include "seqfuse/sweep.hpp"

namespace seqfuse {

namespace detail {

// Rows per block of the backward. Their transposed x and their copy of dy stay in the second-level cache.
inline constexpr Index kDenseRows = 512;

// Returns how many rows of K numbers fit into 256 KB, so that they stay in the second-level cache while they are
// multiplied with all panels. The result is a multiple of the height of any tile. For (4096, 1024) times (1024, 256)
// the product reaches 84 % of peak with such blocks, and 64 % if each panel is multiplied with all rows.
template <class T>
Index rows_in_cache(Index K) {
  return std::clamp<Index>((Index(1) << 18) / (static_cast<Index>(sizeof(T)) * std::max<Index>(K, 1)) / 24, 4, 64) * 24;
}

// Computes the rows `share` of out (N, units) = from (N, K) times panels + b. With `add`, adds this to `out`. `b` may
// be null. `from` has one pointer per row; `chunk` and `chunk_stride` are those of gemm::Terms. `out` has no aliases.
template <class T>
void multiply_rows(const gemm::Layout<T>& layout, const T* panels, const T* b, const T* const* from, Index K,
                   Index chunk, Index chunk_stride, Range share, Rows<T> out, bool add = false) {
  using V = Vec<T>;
  const gemm::Terms<T> terms{from + share.begin, K, chunk, chunk_stride};
  gemm::for_each_tile(layout, panels, {0, layout.blocks()}, terms, share.size(),
                      [&](Index block, Index width, Index row, Index rows, const T* sums) {
                        for (Index r = 0; r < rows; ++r)
                          for (Index i = 0; i < width; ++i) {
                            const Index unit = (block + i) * V::kSize, left = layout.units - unit;
                            V y = V::load(sums + (r * width + i) * V::kSize);
                            if (b != nullptr) y = V::load_first(b + unit, left) + y;
                            if (add) y = V::load_first(out.row(share.begin + row + r) + unit, left) + y;
                            y.store_first(out.row(share.begin + row + r) + unit, left);
                          }
                      });
}

// Returns how many pieces of the given number of multiply-adds are done between two cancellation checks.
inline Index pieces_at_once(Index multiply_adds) {
  return parallel::pieces_between_checks(parallel::Work::multiply_adds(multiply_adds));
}

// Returns the number of threads of a product whose time is that of reading `weights` numbers.
inline int sweep_threads(int threads, Index weights) {
  return parallel::threads_for(parallel::Work::packs(weights), threads);
}

inline int dense_threads(int threads, Index N, Index I, Index O) {
  return parallel::threads_for(parallel::Work::multiply_adds(N * I * O), threads);
}

}  // namespace detail

// With at most this many rows, W is read once and not packed.
inline constexpr Index kMaxSweepRows = 8;

// Computes the forward of a few rows with unpacked weights. Threads share the columns, in whole cache lines.
template <class T>
bool dense_forward_few_rows(const DenseForwardArgs<T>& args) {
  const Index lines = divide_up(args.O, kLine<T>), stride = lines * kLine<T>;
  Buffer<T> sums(checked_product({args.N, stride}));
  const T* from[kMaxSweepRows];
  for (Index n = 0; n < args.N; ++n) from[n] = args.x.row(n);
  if (args.cancellation()) return false;
  parallel::run(detail::sweep_threads(args.threads, args.I * args.O), [&](int thread, int team) {
    const Range share = share_of(lines, thread, team);
    const Index begin = share.begin * kLine<T>, end = std::min(share.end * kLine<T>, args.O);
    if (begin >= end) return;
    gemm::sweep(from, args.N, args.I, args.W.from_column(begin), end - begin, Rows<T>{sums.data() + begin, stride});
    for (Index n = 0; n < args.N; ++n) {
      const T* sum = sums.data() + n * stride;
      T* y = args.y.row(n);
      for (Index o = begin; o < end; ++o) {
        const T biased = args.b != nullptr ? args.b[o] + sum[o] : sum[o];
        y[o] = args.add ? y[o] + biased : biased;
      }
    }
  });
  return true;
}

template <class T>
bool dense_forward(const DenseForwardArgs<T>& args) {
  if (args.N <= kMaxSweepRows) return dense_forward_few_rows(args);
  const gemm::Layout<T> layout{args.O, 1, gemm::kPanelPackets};
  const Index column = 0, max_rows = round_up(detail::pieces_at_once(args.I * args.O), detail::kDenseRows);
  const Index at_once = detail::rows_in_cache<T>(args.I);
  Buffer<T> panels(layout.size(args.I));
  Buffer<const T*> from(args.N);
  for (Index n = 0; n < args.N; ++n) from[n] = args.x.row(n);
  parallel::Barrier barrier;
  for (Index first = 0; first < args.N; first += max_rows) {
    if (args.cancellation()) return false;
    parallel::run(detail::dense_threads(args.threads, args.N, args.I, args.O), [&](int thread, int team) {
      if (first == 0) {
        gemm::pack_columns(layout, &column, args.W, args.I, share_of(layout.panels(), thread, team), panels.data());
        barrier.wait(team);
      }
      const Range share = share_of(std::min(max_rows, args.N - first), thread, team);
      for (Index row = first + share.begin; row < first + share.end; row += at_once)
        detail::multiply_rows(layout, panels.data(), args.b, from.data(), args.I, std::max<Index>(args.I, 1), Index(0),
                              {row, std::min(row + at_once, first + share.end)}, args.y, args.add);
    });
  }
  return true;
}

template <class T>
bool dense_backward(const DenseBackwardArgs<T>& args) {
  const Index padded = round_up(args.O, kLine<T>), max_rows = std::min(args.N, detail::kDenseRows);
  const Index column = 0, stride = round_up(max_rows, kLine<T>) + kLine<T>;
  const Index group = max_rows * detail::pieces_at_once(2 * max_rows * args.I * args.O);
  const gemm::Layout<T> layout{args.I, 1, gemm::kPanelPackets};
  Buffer<T> panels(args.dx ? layout.size(padded) : 0), transposed(checked_product({args.I + 1, stride}));
  GateGradients<T> dy(padded, max_rows);
  Buffer<const T*> from(max_rows);
  for (Index n = 0; n < max_rows; ++n) from[n] = dy.at(n, 0);
  Rows<T> dW = args.dW, db{args.db, 0};
  StagedSums<T> sums;
  if (args.accumulate && group < args.N) {
    sums.stage(dW, args.I, args.O);
    sums.stage(db, 1, args.O);
  }
  const OuterProduct<T> product{{transposed.data(), stride}, args.I, 0, 1, &column, dW, db.data};
  parallel::Barrier barrier;
  const auto piece = [&](Index first, int thread, int team) {
    const Index rows = std::min(max_rows, args.N - first);
    const Range share = share_of(rows, thread, team);
    for (Index n = share.begin; n < share.end; ++n)
      for (Index o = 0; o < args.O; o += Vec<T>::kSize)
        Vec<T>::load_first(args.dy.row(first + n) + o, args.O - o).store(dy.at(n, o));
    gemm::transpose_into<T>([&](Index n) { return args.x.row(first + n); }, rows, share_of(args.I, thread, team),
                            Rows<T>{transposed.data(), stride});
    if (thread == 0) std::fill_n(transposed.data() + args.I * stride, rows, T(1));
    barrier.wait(team);
    outer_product(product, dy, rows, args.O, thread, team);
    if (args.dx)
      detail::multiply_rows<T>(layout, panels.data(), nullptr, from.data(), padded, kLine<T>, dy.stride, share,
                               Rows<T>{args.dx.row(first), args.dx.stride});
    barrier.wait(team);
  };
  for (Index begin = 0; begin < args.N; begin += group) {
    if (args.cancellation()) return false;
    parallel::run(detail::dense_threads(args.threads, args.N, args.I, args.O), [&](int thread, int team) {
      if (args.dx && begin == 0)
        gemm::pack_rows(layout, &column, 1, args.O, padded, args.W, share_of(layout.panels(), thread, team),
                        panels.data());
      for (Index first = begin; first < std::min(begin + group, args.N); first += max_rows) piece(first, thread, team);
    });
  }
  sums.store();
  return true;
}

}  // namespace seqfuse
