// Tests rotary position embeddings against a computation in double: both layouts, the inverse, and several threads.
#include "seqfuse/rotary.hpp"

#include "matrix.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
struct Problem {
  Index B, H, N, D, pairs;
  bool interleaved, has_positions, heads_inside;
  Index gap = 1, P = N + 3;
  Matrix<T> x{B * H * N, D, gap, 1, 0.1}, cos{P, pairs, 2, 1, 0.2}, sin{P, pairs, 2, 1, 0.3};
  std::vector<std::int64_t> positions = make_positions();

  std::vector<std::int64_t> make_positions() const {
    std::vector<std::int64_t> all;
    for (Index i = 0; i < B * N; ++i) all.push_back(has_positions ? (5 * i + 2) % P : i % N);
    return all;
  }
  // Returns the index of the row (b, h, n) of x.
  Index row(Index b, Index h, Index n) const { return heads_inside ? (b * N + n) * H + h : (b * H + h) * N + n; }
  template <class U>
  Heads<U> heads(U* data) const {
    const Index stride = D + gap;
    return {data, H * N * stride, heads_inside ? stride : N * stride, heads_inside ? H * stride : stride};
  }

  Matrix<T> rotate(const Matrix<T>& from, bool inverse, int threads) const {
    Matrix<T> y(B * H * N, D, gap);
    RotaryArgs<T> args{B, H, N, D, pairs, heads(from.data()), heads(y.data()), cos.rows(), sin.rows()};
    if (has_positions) {
      args.positions = positions.data();
      args.positions_stride = N;
    }
    args.interleaved = interleaved;
    args.inverse = inverse;
    args.threads = threads;
    rotary(args);
    return y;
  }
};

template <class T>
void check(const Problem<T>& p, bool inverse) {
  std::vector<Sum> y(size(p.B * p.H * p.N * p.D));
  for (Index b = 0; b < p.B; ++b)
    for (Index h = 0; h < p.H; ++h)
      for (Index n = 0; n < p.N; ++n) {
        const Index row = p.row(b, h, n), position = p.positions[size(b * p.N + n)];
        for (Index d = 2 * p.pairs; d < p.D; ++d) y[size(row * p.D + d)] = Sum(p.x.at(row, d));
        for (Index k = 0; k < p.pairs; ++k) {
          const Index i = p.interleaved ? 2 * k : k, j = p.interleaved ? 2 * k + 1 : k + p.pairs;
          const double c = p.cos.at(position, k), s = p.sin.at(position, k) * (inverse ? -1 : 1);
          Sum &first = y[size(row * p.D + i)], &second = y[size(row * p.D + j)];
          first.add(p.x.at(row, i) * c);
          first.add(-p.x.at(row, j) * s);
          second.add(p.x.at(row, j) * c);
          second.add(p.x.at(row, i) * s);
        }
      }
  require_close(p.rotate(p.x, inverse, 1).numbers(), y, 2, "y");  // two products and their sum
}

TEST_CASE_TEMPLATE("rotary rotates every pair by the angle of its position and copies the rest", T, float, double) {
  for (const bool interleaved : {false, true})
    for (const bool positions_and_heads_inside : {false, true})
      for (const Index pairs : {0, 1, 3, 4, 5, 8, 9, 16, 17})
        for (const Index rest : {0, 1, 7}) {
          const Problem<T> problem{
              2, 3, 4, 2 * pairs + rest, pairs, interleaved, positions_and_heads_inside, positions_and_heads_inside};
          check(problem, false);
          check(problem, true);
        }
}

TEST_CASE_TEMPLATE("rotary with several threads has the bits of one thread", T, float, double) {
  for (const bool heads_inside : {false, true}) {
    const Problem<T> problem{2, 5, 401, 67, 32, heads_inside, true, heads_inside};
    require_the_bits_of_one_thread([&](int threads) { return problem.rotate(problem.x, false, threads).numbers(); });
  }
}

}  // namespace

}  // namespace seqfuse::tests
