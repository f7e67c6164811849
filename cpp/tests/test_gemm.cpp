// Compares the packed product with a simple loop, bit by bit, for sizes around every edge of a tile.
#include <algorithm>
#include <random>
#include <vector>

#include "../kernels/tiles.hpp"
#include "products.hpp"
#include "require.hpp"
#include "seqfuse/pack.hpp"

namespace seqfuse::tests {

namespace {

const Index kDepths[] = {0, 1, gemm::kSumBlock - 1, gemm::kSumBlock, gemm::kSumBlock + 1, 600};

template <class T>
std::vector<Index> nasty_units() {
  constexpr Index kLanes = Vec<T>::kSize;
  std::vector<Index> units{1, kLanes - 1, kLanes, kLanes + 1, 37, 17 * kLanes - 2};
  std::erase(units, 0);
  return units;
}

template <class T>
std::vector<T> random_numbers(Index n) {
  static std::mt19937 random(1);
  std::uniform_real_distribution<T> uniform(-1, 1);
  std::vector<T> x(static_cast<std::size_t>(n));
  for (T& value : x) value = uniform(random);
  return x;
}

// Calls for_each_tile and compares every unit of every gate of every row with expected(row, gate, unit).
template <class T, class Expected>
void check_tiles(const gemm::Layout<T>& layout, const Buffer<T>& panels, Range share, const gemm::Terms<T>& terms,
                 Index rows, Expected&& expected) {
  constexpr Index kLanes = Vec<T>::kSize;
  std::vector<int> seen(static_cast<std::size_t>(rows * layout.blocks()));
  gemm::for_each_tile(
      layout, panels.data(), share, terms, rows,
      [&](Index block, Index blocks, Index row, Index height, const T* sums) {
        for (Index r = 0; r < height; ++r)
          for (Index b = 0; b < blocks; ++b) {
            ++seen[static_cast<std::size_t>((row + r) * layout.blocks() + block + b)];
            for (int g = 0; g < layout.gates; ++g)
              for (Index lane = 0; lane < kLanes; ++lane) {
                const Index unit = (block + b) * kLanes + lane;
                const T got = sums[((r * blocks + b) * layout.gates + g) * kLanes + lane];
                const T want = unit < layout.units ? expected(row + r, g, unit) : T(0);
                REQUIRE_EACH(got == want, "rows %td K %td units %td gates %d: row %td gate %d unit %td: %.9g, not %.9g",
                             rows, terms.K, layout.units, layout.gates, row + r, g, unit, double(got), double(want));
              }
          }
      });
  for (Index r = 0; r < rows; ++r)
    for (Index b = 0; b < layout.blocks(); ++b)
      REQUIRE_EACH(seen[static_cast<std::size_t>(r * layout.blocks() + b)] ==
                   (b >= share.begin && b < share.end ? 1 : 0));
}

// Checks rows (R, K) times W (K, gates * units), the product of a step of a cell.
template <class T>
void check_columns(Index units, int gates, Index K) {
  constexpr Index kMaxRows = 13;
  const gemm::Layout<T> layout{units, gates, std::max(1, gemm::kPanelPackets / gates)};
  const Index width = gates * units + 3;  // W is a view of a wider array
  const auto W = random_numbers<T>(K * width), x = random_numbers<T>(kMaxRows * (K + 1));
  std::vector<Index> column;
  for (int g = 0; g < gates; ++g) column.push_back(((g + 1) % gates) * units);  // a permuted order

  Buffer<T> panels(layout.size(K));
  for (int part : {0, 1, 2})
    gemm::pack_columns<T>(layout, column.data(), Rows<const T>{W.data(), width}, K, share_of(layout.panels(), part, 3),
                          panels.data());

  const std::vector<T> transposed = transpose_of(W, K, width);
  Buffer<T> same(layout.size(K));
  gemm::pack_columns<T>(layout, column.data(), {transposed.data(), K, true}, K, {0, layout.panels()}, same.data());
  REQUIRE(std::equal(panels.data(), panels.data() + panels.size(), same.data()));

  std::vector<T> want(static_cast<std::size_t>(kMaxRows * gates * units));
  for (Index r = 0; r < kMaxRows; ++r)
    for (int g = 0; g < gates; ++g)
      for (Index unit = 0; unit < units; ++unit)
        want[static_cast<std::size_t>((r * gates + g) * units + unit)] = product<T>(
            K, [&](Index k) { return x[static_cast<std::size_t>(r * (K + 1) + k)]; },
            [&](Index k) {
              return W[static_cast<std::size_t>(k * width + column[static_cast<std::size_t>(g)] + unit)];
            });

  for (Index rows = 1; rows <= kMaxRows; ++rows) {
    std::vector<const T*> row;
    std::vector<Index> which;
    for (Index r = 0; r < rows; ++r) {
      which.push_back((r * 5) % kMaxRows);  // rows in any order
      row.push_back(x.data() + which.back() * (K + 1));
    }
    const auto expected = [&](Index r, int g, Index unit) {
      return want[static_cast<std::size_t>((which[static_cast<std::size_t>(r)] * gates + g) * units + unit)];
    };
    const gemm::Terms<T> terms{row.data(), K, K, K};
    check_tiles<T>(layout, panels, {0, layout.blocks()}, terms, rows, expected);
    const Index half = layout.panels() / 2 * layout.per_panel;  // a thread's share begins and ends on a panel
    check_tiles<T>(layout, panels, {0, half}, terms, rows, expected);
    check_tiles<T>(layout, panels, {half, layout.blocks()}, terms, rows, expected);
  }
}

// Checks gradients of gates, in chunks (chunks, rows, line), times W^T, the product of a step of the backward.
template <class T>
void check_rows(Index units, int gates, Index each) {
  constexpr Index kMaxRows = 13;
  const Index padded = round_up(each, kLine<T>), K = gates * padded, chunk_stride = (kMaxRows + 1) * kLine<T>;
  const gemm::Layout<T> layout{units, 1, gemm::kPanelPackets};
  const Index width = gates * each;
  const auto W = random_numbers<T>(units * width);
  auto da = random_numbers<T>(K / kLine<T> * chunk_stride);
  std::vector<Index> column;
  for (int g = 0; g < gates; ++g) column.push_back((gates - 1 - g) * each);

  Buffer<T> panels(layout.size(K));
  for (int part : {0, 1})
    gemm::pack_rows<T>(layout, column.data(), gates, each, padded, Rows<const T>{W.data(), width},
                       share_of(layout.panels(), part, 2), panels.data());

  const std::vector<T> transposed = transpose_of(W, units, width);
  Buffer<T> same(layout.size(K));
  gemm::pack_rows<T>(layout, column.data(), gates, each, padded, {transposed.data(), units, true}, {0, layout.panels()},
                     same.data());
  REQUIRE(std::equal(panels.data(), panels.data() + panels.size(), same.data()));

  const auto weight = [&](Index k, Index unit) {
    const Index g = k / padded, i = k % padded;
    return i < each ? W[static_cast<std::size_t>(unit * width + column[static_cast<std::size_t>(g)] + i)] : T(0);
  };
  std::vector<const T*> row;
  for (Index r = 0; r < kMaxRows; ++r) row.push_back(da.data() + r * kLine<T>);
  const gemm::Terms<T> terms{row.data(), K, kLine<T>, chunk_stride};
  for (Index rows : {1, 2, 7, 13})
    check_tiles<T>(layout, panels, {0, layout.blocks()}, terms, rows, [&](Index r, int, Index unit) {
      return product<T>(
          K, [&](Index k) { return row[static_cast<std::size_t>(r)][k / kLine<T> * chunk_stride + k % kLine<T>]; },
          [&](Index k) { return weight(k, unit); });
    });
}

// Checks left (M, K) times columns in chunks of one line, the product for a gradient of weights.
template <class T>
void check_outer(Index K) {
  constexpr Index kLanes = Vec<T>::kSize, kChunks = gemm::kChunksPerTile<T>, kPackets = gemm::kPacketsPerChunk<T>;
  const Index max_rows = gemm::tile_rows(static_cast<int>(kChunks * kPackets)), stride = (K + 1) * kLine<T>;
  const auto left = random_numbers<T>(max_rows * (K + 1)), right = random_numbers<T>(kChunks * stride);
  alignas(kAlignment) T sums[gemm::kMaxTilePackets * kLanes];
  for (Index rows = 1; rows <= max_rows; ++rows)
    for (Index chunks = 1; chunks <= kChunks; ++chunks) {
      std::vector<const T*> row, base;
      for (Index r = 0; r < rows; ++r) row.push_back(left.data() + r * (K + 1));
      for (Index c = 0; c < chunks; ++c) base.push_back(right.data() + c * stride);
      gemm::outer_tile<T>(rows, chunks)({row.data(), K, K, 0}, {base.data(), kLine<T>}, sums);
      for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < chunks; ++c)
          for (Index i = 0; i < kLine<T>; ++i) {
            const T want = product<T>(
                K, [&](Index k) { return row[static_cast<std::size_t>(r)][k]; },
                [&](Index k) { return base[static_cast<std::size_t>(c)][k * kLine<T> + i]; });
            REQUIRE_EACH(sums[(r * chunks + c) * kPackets * kLanes + i] == want, "K %td rows %td chunks %td", K, rows,
                         chunks);
          }
    }
}

TEST_CASE_TEMPLATE("transpose_into writes the columns of its range and nothing else", T, float, double) {
  constexpr Index kLanes = Vec<T>::kSize;
  for (Index rows : {Index{1}, kLanes - 1, kLanes, kLanes + 1, 3 * kLanes + 2})
    for (Index columns : {Index{1}, kLanes - 1, kLanes, kLanes + 1, 2 * kLanes + 3})
      for (Index begin : {Index{0}, columns / 3}) {
        const Index stride = columns + 2, to_stride = rows + 1;
        const auto from = random_numbers<T>(rows * stride);
        std::vector<T> to(static_cast<std::size_t>(columns * to_stride + 1), T(9));
        gemm::transpose_into<T>([&](Index r) { return from.data() + r * stride; }, rows, {begin, columns},
                                Rows<T>{to.data(), to_stride});
        for (Index c = 0; c < columns; ++c)
          for (Index r = 0; r < to_stride; ++r) {
            const bool written = c >= begin && r < rows;
            const T want = written ? from[static_cast<std::size_t>(r * stride + c)] : T(9);
            REQUIRE_EACH(to[static_cast<std::size_t>(c * to_stride + r)] == want, "rows %td columns %td", rows,
                         columns);
          }
        REQUIRE_EACH(to.back() == T(9));
      }
}

TEST_CASE_TEMPLATE("product with packed columns has the bits of the documented order of summation", T, float, double) {
  for (Index units : nasty_units<T>())
    for (Index K : kDepths)
      for (int gates : {1, 2, 3, 4}) check_columns<T>(units, gates, K);
}

TEST_CASE_TEMPLATE("product with packed rows has the bits of the documented order of summation", T, float, double) {
  for (Index units : nasty_units<T>())
    for (Index each : {Index{1}, kLine<T> - 1, kLine<T>, Index{67}})
      for (int gates : {1, 3, 4}) check_rows<T>(units, gates, each);
}

TEST_CASE_TEMPLATE("outer product has the bits of the documented order of summation", T, float, double) {
  for (Index K : kDepths) check_outer<T>(K);
}

}  // namespace

}  // namespace seqfuse::tests
