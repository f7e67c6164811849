// The dense layer on the pieces of the recurrent kernels: panels, tiles, outer products.
#pragma once

#include <vector>

#include "seqfuse/dense.hpp"
#include "seqfuse/outer_product_impl.hpp"

namespace seqfuse {

namespace detail {

// Rows of work at a time: what is x_transposed or copied of them stays in the second-level cache.
inline constexpr Index kDenseRows = 512;

// Rows of K numbers that stay in the second-level cache, 256 KB, while all panels go by: a multiple of any tile. At
// (4096, 1024) times (1024, 256) the product reaches 84 % of peak that way, 64 % with all rows for each panel.
template <class T>
Index rows_in_cache(Index K) {
  return std::clamp<Index>((Index(1) << 18) / (static_cast<Index>(sizeof(T)) * std::max<Index>(K, 1)) / 24, 4, 64) * 24;
}

// to (N, units) = from (N, K) times packed panels, plus b or what is there with `add`; rows shared by a team.
template <class T>
void multiply_rows(const gemm::Layout<T>& layout, const T* panels, const T* b, const T* const* from, Index K,
                   Index chunk, Index chunk_stride, Range share, Rows<T> to, bool add = false) {
  using V = Vec<T>;
  const gemm::Terms<T> terms{from + share.begin, K, chunk, chunk_stride};
  gemm::for_each_tile(layout, panels, {0, layout.blocks()}, terms, share.size(),
                      [&](Index block, Index width, Index row, Index rows, const T* sums) {
                        for (Index r = 0; r < rows; ++r)
                          for (Index i = 0; i < width; ++i) {
                            const Index unit = (block + i) * V::kSize, left = layout.units - unit;
                            V y = V::load(sums + (r * width + i) * V::kSize);
                            if (b != nullptr) y = V::load_first(b + unit, left) + y;
                            if (add) y = V::load_first(to.row(share.begin + row + r) + unit, left) + y;
                            y.store_first(to.row(share.begin + row + r) + unit, left);
                          }
                      });
}

inline Index pieces_at_once(Index multiply_adds_of_one) {
  return parallel::pieces_between_checks(parallel::Work::multiply_adds(multiply_adds_of_one));
}

inline int dense_threads(int threads, Index N, Index I, Index O) {
  return parallel::threads_for(parallel::Work::multiply_adds(N * I * O), threads);
}

}  // namespace detail

template <class T>
bool dense_forward(const DenseForwardArgs<T>& args) {
  const gemm::Layout<T> layout{args.O, 1, gemm::kPanelPackets};
  const Index column = 0, most = round_up(detail::pieces_at_once(args.I * args.O), detail::kDenseRows);
  const Index at_once = detail::rows_in_cache<T>(args.I);
  Buffer<T> panels(layout.size(args.I));
  Buffer<const T*> from(args.N);
  for (Index n = 0; n < args.N; ++n) from[n] = args.x.row(n);
  parallel::Barrier barrier;
  for (Index first = 0; first < args.N; first += most) {
    if (args.cancellation()) return false;
    parallel::run(detail::dense_threads(args.threads, args.N, args.I, args.O), [&](int thread, int team) {
      if (first == 0) {
        gemm::pack_columns(layout, &column, args.W, args.I, share_of(layout.panels(), thread, team), panels.data());
        barrier.wait(team);
      }
      const Range share = share_of(std::min(most, args.N - first), thread, team);
      for (Index row = first + share.begin; row < first + share.end; row += at_once)
        detail::multiply_rows(layout, panels.data(), args.b, from.data(), args.I, std::max<Index>(args.I, 1), Index(0),
                              {row, std::min(row + at_once, first + share.end)}, args.y, args.add);
    });
  }
  return true;
}

template <class T>
bool dense_backward(const DenseBackwardArgs<T>& args) {
  const Index padded = round_up(args.O, kLine<T>), most = std::min(args.N, detail::kDenseRows);
  const Index column = 0, stride = round_up(most, kLine<T>) + kLine<T>;
  const Index group = most * detail::pieces_at_once(2 * most * args.I * args.O);
  const gemm::Layout<T> layout{args.I, 1, gemm::kPanelPackets};
  Buffer<T> panels(args.dx ? layout.size(padded) : 0), x_transposed(checked_product({args.I + 1, stride}));
  GateGradients<T> dy(padded, most);
  Buffer<const T*> from(most);
  for (Index n = 0; n < most; ++n) from[n] = dy.at(n, 0);
  Rows<T> dW = args.dW, db{args.db, 0};
  StagedSums<T> sums;
  if (args.accumulate && group < args.N) sums.stage(dW, args.I, args.O), sums.stage(db, 1, args.O);
  const OuterProduct<T> product{{x_transposed.data(), stride}, args.I, 0, 1, &column, dW, db.data};
  parallel::Barrier barrier;
  const auto piece = [&](Index first, int thread, int team) {
    const Index rows = std::min(most, args.N - first);
    const Range mine = share_of(rows, thread, team);
    for (Index n = mine.begin; n < mine.end; ++n)
      for (Index o = 0; o < args.O; o += Vec<T>::kSize)
        Vec<T>::load_first(args.dy.row(first + n) + o, args.O - o).store(dy.at(n, o));
    gemm::transpose_into<T>([&](Index n) { return args.x.row(first + n); }, rows, share_of(args.I, thread, team),
                            Rows<T>{x_transposed.data(), stride});
    if (thread == 0) std::fill_n(x_transposed.data() + args.I * stride, rows, T(1));
    barrier.wait(team);
    outer_product(product, dy, rows, args.O, thread, team);
    if (args.dx)
      detail::multiply_rows<T>(layout, panels.data(), nullptr, from.data(), padded, kLine<T>, dy.stride, mine,
                               Rows<T>{args.dx.row(first), args.dx.stride});
    barrier.wait(team);
  };
  for (Index begin = 0; begin < args.N; begin += group) {
    if (args.cancellation()) return false;
    parallel::run(detail::dense_threads(args.threads, args.N, args.I, args.O), [&](int thread, int team) {
      if (args.dx && begin == 0)
        gemm::pack_rows(layout, &column, 1, args.O, padded, args.W, share_of(layout.panels(), thread, team),
                        panels.data());
      for (Index first = begin; first < std::min(begin + group, args.N); first += most) piece(first, thread, team);
    });
  }
  sums.store();
  return true;
}

}  // namespace seqfuse
