// Gradients of weights and biases from many rows. All recurrent cells and the dense layer use it.
//
//     forward: a = x W + b   =>   dW = x^T da,  db = sum over rows of da
//
// Traversal: x is transposed first, so that the sum over rows reads contiguous memory. The tile of gemm.hpp then
// computes the product: its k is the row of x, its rows are the columns of x, and its columns are the gradients of
// gates. A row of ones below the transposed x yields db from the same product.
// Cost: one multiply-add per row, column of x and gate.
#pragma once

#include <vector>

#include "seqfuse/pack.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse {

// Gradients of pre-activations for the rows of one segment of steps. They are stored in chunks of one cache line of
// columns, shape (chunks, rows, line). Writes fill whole cache lines, and both a walk along a row and a walk along the
// columns of a chunk read whole lines. Column g * padded + u is unit u of gate g. The columns that pad H are zero.
template <class T>
struct GateGradients {
  Buffer<T> data;
  Index stride = 0;  // elements from one chunk to the next

  GateGradients() = default;
  // Each chunk has one spare line. Without it, chunks would often begin at multiples of a power of two and compete for
  // the same cache sets.
  GateGradients(Index columns, Index rows)
      : data(checked_product({columns / kLine<T>, rows + 1, kLine<T>})), stride((rows + 1) * kLine<T>) {
    data.fill_zero();
  }

  T* at(Index row, Index column) {
    return data.data() + (column / kLine<T>)*stride + row * kLine<T> + column % kLine<T>;
  }
};

// One outer product, accumulated into `out` and `bias`:
//
//     out[k][gate[g] * H + u] += sum over rows of left[k][row] * da[row][(first + g) * padded + u]   for g < gates
//     bias  [gate[g] * H + u] += sum over rows of da[row][(first + g) * padded + u]
//
// `bias` may be null. `out` and `bias` do not overlap the inputs.
template <class T>
struct OuterProduct {
  Rows<const T> left;  // (K + 1, rows): x or h transposed, then a row of ones
  Index K;
  Index first, gates;
  const Index* gate;  // (gates,)
  Rows<T> out;        // (K, at least gates * H)
  T* bias;

  Index outputs() const { return K + (bias != nullptr ? 1 : 0); }
};

// Computes the share of one thread of an outer product over `rows` rows. All tiles of one group of columns are
// consecutive tasks, so that these columns of `da` stay in the second-level cache while k runs.
template <class T>
void outer_product(const OuterProduct<T>& product, GateGradients<T>& da, Index rows, Index H, int thread, int team) {
  using V = Vec<T>;
  constexpr Index kChunks = gemm::kChunksPerTile<T>, kPackets = gemm::kPacketsPerChunk<T>;
  const Index padded = round_up(H, kLine<T>), chunks = product.gates * padded / kLine<T>;
  const Index max_rows = gemm::tile_rows(static_cast<int>(kChunks * kPackets));
  const Index heights = divide_up(product.outputs(), max_rows);
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

// Temporary sums that replace the caller's arrays. If the call is cancelled, the caller's arrays keep their values.
template <class T>
class StagedSums {
 public:
  // Redirects `target` (rows, n) to a new array of zeros. store() adds that array to the original target. A null target
  // stays null.
  void stage(Rows<T>& target, Index rows, Index n) {
    if (!target) return;
    Buffer<T> sums(checked_product({rows, n}));
    sums.fill_zero();
    const Rows<T> original = target;
    target = {sums.data(), n};
    redirected_.push_back({original, rows, n, std::move(sums)});
  }

  // Adds all temporary sums to the original arrays.
  void store() {
    parallel::FlushDenormals flush;
    for (Redirected& sum : redirected_)
      for (Index r = 0; r < sum.rows; ++r)
        for (Index i = 0; i < sum.n; ++i) sum.target.row(r)[i] += sum.sums[r * sum.n + i];
  }

 private:
  struct Redirected {
    Rows<T> target;
    Index rows, n;
    Buffer<T> sums;
  };
  std::vector<Redirected> redirected_;
};

}  // namespace seqfuse
