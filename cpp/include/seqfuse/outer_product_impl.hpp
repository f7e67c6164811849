// Gradients of weights from many rows: one product over the rows, shared by all cells and dense.
//
// dW = sum over rows of x^T da: x is turned so that the sum runs along contiguous memory, and then
// the tile of gemm.hpp serves as it is, with k as its rows and gates as its columns. A row of ones
// under x makes db by the same product.
#pragma once

#include <vector>

#include "seqfuse/pack.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse {

// Gradients of pre-activations of the rows of a segment. Columns come in chunks of one cache line,
// (chunks, rows, line): whole lines to write, and contiguous whether a row or a column is followed.
// Column g*padded + u is unit u of gradient g; the padding of H is zero.
template <class T>
struct GateGradients {
  Buffer<T> data;
  Index stride = 0;  // from a chunk to the next

  GateGradients() = default;
  // One line more a chunk than the rows take: chunks a power of two apart would share cache sets.
  GateGradients(Index columns, Index rows)
      : data(checked_product({columns / kLine<T>, rows + 1, kLine<T>})), stride((rows + 1) * kLine<T>) {
    data.fill_zero();
  }

  T* at(Index row, Index column) {
    return data.data() + (column / kLine<T>)*stride + row * kLine<T> + column % kLine<T>;
  }
};

// out[k][gate[g]*H + u] += sum over rows of left[k][row] * column (g, u), where (g, u) runs over the
// gradients first .. first+gates; the row of ones behind left's K makes bias, if there is one.
template <class T>
struct OuterProduct {
  Rows<const T> left;  // (K + 1, rows): x or h turned, then ones
  Index K;
  Index first, gates;
  const Index* gate;
  Rows<T> out;
  T* bias;

  Index outputs() const { return K + (bias != nullptr ? 1 : 0); }
};

// A thread's share of one outer product over `rows` rows. Tiles are counted panel by panel of
// columns, so that a panel of `da` is read from the second-level cache while k runs.
template <class T>
void outer_product(const OuterProduct<T>& product, GateGradients<T>& da, Index rows, Index H, int thread, int team) {
  using V = Vec<T>;
  constexpr Index kChunks = gemm::kChunksPerTile<T>, kPackets = gemm::kPacketsPerChunk<T>;
  const Index padded = round_up(H, kLine<T>), chunks = product.gates * padded / kLine<T>;
  const Index tallest = gemm::tile_rows(static_cast<int>(kChunks * kPackets));
  const Index heights = divide_up(product.outputs(), tallest);
  const Range share = share_of(divide_up(chunks, kChunks) * heights, thread, team);
  alignas(kAlignment) T sums[gemm::kMaxTilePackets * V::kSize];
  for (Index task = share.begin; task < share.end; ++task) {
    const Index chunk = task / heights * kChunks, width = std::min(kChunks, chunks - chunk);
    const Range k = share_of(product.outputs(), static_cast<int>(task % heights), static_cast<int>(heights));
    const T* left[gemm::kMaxTileRows];
    const T* base[kChunks];
    for (Index r = 0; r < k.size(); ++r) left[r] = product.left.row(k.begin + r);
    for (Index i = 0; i < width; ++i) base[i] = da.at(0, product.first * padded + (chunk + i) * kLine<T>);
    gemm::outer_tile<T>(k.size(), width)({left, rows, rows, 0}, {base, kLine<T>}, sums);
    for (Index i = 0; i < width; ++i) {
      const Index column = (chunk + i) * kLine<T>, g = column / padded;
      for (Index j = 0; j < kPackets; ++j) {
        const Index unit = column % padded + j * V::kSize, units = H - unit;
        if (units <= 0) continue;
        for (Index r = 0; r < k.size(); ++r) {
          T* row = k.begin + r < product.K ? product.out.row(k.begin + r) : product.bias;
          T* to = row + product.gate[g] * H + unit;
          (V::load_first(to, units) + V::load(sums + ((r * width + i) * kPackets + j) * V::kSize))
              .store_first(to, units);
        }
      }
    }
  }
}

// Arrays of our own in the place of the caller's, so that a call that is stopped half way leaves those as they were.
template <class T>
class StagedSums {
 public:
  // `target` (rows, n) becomes zeros of ours; store() adds them to what it was.
  void take(Rows<T>& target, Index rows, Index n) {
    if (!target) return;
    Buffer<T> own(checked_product({rows, n}));
    own.fill_zero();
    const Rows<T> given = target;
    target = {own.data(), n};
    taken_.push_back({given, rows, n, std::move(own)});
  }

  void store() {
    parallel::FlushDenormals flush;
    for (Taken& one : taken_)
      for (Index r = 0; r < one.rows; ++r)
        for (Index i = 0; i < one.n; ++i) one.given.row(r)[i] += one.own[r * one.n + i];
  }

 private:
  struct Taken {
    Rows<T> given;
    Index rows, n;
    Buffer<T> own;
  };
  std::vector<Taken> taken_;
};

}  // namespace seqfuse
