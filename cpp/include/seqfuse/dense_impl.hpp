// The dense layer on the pieces of the recurrent kernels: panels, tiles, outer products.
#pragma once

#include <vector>

#include "seqfuse/dense.hpp"
#include "seqfuse/outer_product_impl.hpp"

namespace seqfuse {

namespace detail {

// Rows of work at a time: what is turned or copied of them stays in the second-level cache.
inline constexpr Index kDenseRows = 512;

// to (N, units) = from (N, K) times packed panels, plus b; rows shared by a team.
template <class T>
void multiply_rows(const gemm::Layout<T>& layout, const T* panels, const T* b, const T* const* from, Index K,
                   Index chunk, Index chunk_stride, Range share, Rows<T> to) {
  using V = Vec<T>;
  const gemm::Terms<T> terms{from + share.begin, K, chunk, chunk_stride};
  gemm::for_each_tile(layout, panels, {0, layout.blocks()}, terms, share.size(),
                      [&](Index block, Index width, Index row, Index rows, const T* sums) {
                        for (Index r = 0; r < rows; ++r)
                          for (Index i = 0; i < width; ++i) {
                            const Index unit = (block + i) * V::kSize, left = layout.units - unit;
                            V y = V::load(sums + (r * width + i) * V::kSize);
                            if (b != nullptr) y = V::load_first(b + unit, left) + y;
                            y.store_first(to.row(share.begin + row + r) + unit, left);
                          }
                      });
}

inline int dense_threads(int threads, Index N, Index I, Index O) { return N * I * O > 400'000 ? threads : 1; }

}  // namespace detail

template <class T>
void dense_forward(const DenseForwardArgs<T>& args) {
  const gemm::Layout<T> layout{args.O, 1, gemm::kPanelPackets};
  const Index column = 0;
  Buffer<T> panels(layout.size(args.I));
  Buffer<const T*> from(args.N);
  for (Index n = 0; n < args.N; ++n) from[n] = args.x.row(n);
  parallel::Barrier barrier;
  parallel::run(detail::dense_threads(args.threads, args.N, args.I, args.O), [&](int thread, int team) {
    gemm::pack_columns(layout, &column, args.W, args.I, share_of(layout.panels(), thread, team), panels.data());
    barrier.wait(team);
    detail::multiply_rows(layout, panels.data(), args.b, from.data(), args.I, std::max<Index>(args.I, 1), Index(0),
                          share_of(args.N, thread, team), args.y);
  });
}

template <class T>
void dense_backward(const DenseBackwardArgs<T>& args) {
  const Index padded = round_up(args.O, kLine<T>), most = std::min(args.N, detail::kDenseRows);
  const Index column = 0, stride = round_up(most, kLine<T>) + kLine<T>;
  const gemm::Layout<T> layout{args.I, 1, gemm::kPanelPackets};
  Buffer<T> panels(args.dx ? layout.size(padded) : 0), turned(checked_product({args.I + 1, stride}));
  GateGradients<T> dy(padded, most);
  Buffer<const T*> from(most);
  for (Index n = 0; n < most; ++n) from[n] = dy.at(n, 0);
  const OuterProduct<T> product{{turned.data(), stride}, args.I, 0, 1, &column, args.dW, args.db};
  parallel::Barrier barrier;
  parallel::run(detail::dense_threads(args.threads, args.N, args.I, args.O), [&](int thread, int team) {
    if (args.dx)
      gemm::pack_rows(layout, &column, 1, args.O, padded, args.W, share_of(layout.panels(), thread, team),
                      panels.data());
    for (Index first = 0; first < args.N; first += most) {
      const Index rows = std::min(most, args.N - first);
      const Range mine = share_of(rows, thread, team);
      for (Index n = mine.begin; n < mine.end; ++n)
        for (Index o = 0; o < args.O; o += Vec<T>::kSize)
          Vec<T>::load_first(args.dy.row(first + n) + o, args.O - o).store(dy.at(n, o));
      gemm::transpose_into<T>([&](Index n) { return args.x.row(first + n); }, rows, share_of(args.I, thread, team),
                              Rows<T>{turned.data(), stride});
      if (thread == 0) std::fill_n(turned.data() + args.I * stride, rows, T(1));
      barrier.wait(team);
      outer_product(product, dy, rows, args.O, thread, team);
      if (args.dx)
        detail::multiply_rows<T>(layout, panels.data(), nullptr, from.data(), padded, kLine<T>, dy.stride, mine,
                                 Rows<T>{args.dx.row(first), args.dx.stride});
      barrier.wait(team);
    }
  });
}

}  // namespace seqfuse
