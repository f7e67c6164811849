// Compares the product of a few rows with unpacked weights with a simple loop, bit by bit, for both orders of memory.
#include "seqfuse/sweep.hpp"

#include "matrix.hpp"
#include "products.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
void check(Index rows, Index K, Index columns) {
  const Matrix<T> x(rows, K, 1, 1, 0.1), W(K, columns, 3, 1, 0.2);
  Matrix<T> W_T(columns, K, 2);
  W_T.fill(transpose_of(W.numbers(), K, columns));
  std::vector<const T*> row;
  Numbers<T> expected;
  for (Index r = 0; r < rows; ++r) {
    row.push_back(x.rows().row(r));
    for (Index c = 0; c < columns; ++c)
      expected.push_back(product<T>(K, [&](Index k) { return x(r, k); }, [&](Index k) { return W(k, c); }));
  }
  Matrix<T> sums(rows, columns, 1), sums_of_transposed(rows, columns, 1);
  gemm::sweep<T>(row.data(), rows, K, W.rows(), columns, sums.rows());
  gemm::sweep<T>(row.data(), rows, K, {W_T.data(), K + 2, true}, columns, sums_of_transposed.rows());
  require_same_bits(sums.numbers(), expected, "sums");
  require_same_bits(sums_of_transposed.numbers(), expected, "sums of transposed weights");
}

TEST_CASE_TEMPLATE("sweep has the bits of the packed product for any number of rows", T, float, double) {
  for (const Index K : {0, 1, 7, 63, 64, 65, 130})
    for (const Index columns : {1, 7, 8, 33, 64, 100})
      for (Index rows = 1; rows <= 9; ++rows) check<T>(rows, K, columns);
}

TEST_CASE_TEMPLATE("sweep has the bits of the packed product for more columns than a strip", T, float, double) {
  for (const Index rows : {1, 5}) check<T>(rows, 70, 2051);
}

}  // namespace

}  // namespace seqfuse::tests
