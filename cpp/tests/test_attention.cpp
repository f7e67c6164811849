// Tests attention, forward and backward, against a naive computation in double, and several threads against one.
//
// Under ThreadSanitizer this also tests both schedules: all threads share one key head and add to dq in the order of
// the key blocks, or each thread computes whole key heads.
#include <limits>
#include <utility>

#include "attention_shapes.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
struct Results {
  Numbers<T> y, lse, dq, dk, dv, dmask;

  // Calls f(name, array of this, same array of the other) for all arrays.
  template <class Other, class F>
  void for_each_with(const Other& other, F&& f) const {
    f("y", y, other.y);
    f("lse", lse, other.lse);
    f("dq", dq, other.dq);
    f("dk", dk, other.dk);
    f("dv", dv, other.dv);
    f("dmask", dmask, other.dmask);
  }
};

// All inputs of one call of the forward and of the backward.
template <class T>
class Problem {
 public:
  // kDefault: no options. All others have an interval and a softcap, and a mask to add (Tq, Tk), a boolean mask
  // (B, Hq, 1, Tk), or dropout.
  enum class Options { kDefault, kAddMask, kKeepMask, kDropout };

  Problem(const AttentionShape& shape, Options options) : s_(shape) {
    const auto [B, Hq, Hk, Tq, Tk, D, Dv] = s_;
    q_ = drawn<T>(B * Hq * Tq * D, 1, 0.1);
    k_ = drawn<T>(B * Hk * Tk * D, 1, 0.2);
    v_ = drawn<T>(B * Hk * Tk * Dv, 1, 0.3);
    dy_ = drawn<T>(B * Hq * Tq * Dv, 1, 0.4);
    dlse_ = drawn<T>(B * Hq * Tq, 0.5, 0.5);
    mask_ = drawn<T>(Tq * Tk, 1, 0.6);
    for (std::size_t i = 0; i < mask_.size(); i += 3) mask_[i] = -std::numeric_limits<T>::infinity();
    for (Index i = 0; i < B * Hq * Tk; ++i) keep_.push_back(i * i % 7 != 1);
    for (Index b = 0; b < B; ++b) lengths_.push_back(Tk - 17 * b);
    options_.score_scale = static_cast<T>(1 / std::sqrt(static_cast<double>(D)));
    options_.interval = {Tq, Tk};
    if (options == Options::kDefault) return;
    options_.interval.left = Tk / 2;
    options_.interval.right = 0;
    options_.interval.bottom_right = true;
    options_.interval.lengths = lengths_.data();
    options_.softcap = T(1.5);
    if (options == Options::kDropout) {
      options_.dropout = 0.3;
      options_.seed = 7;
    } else if (options == Options::kAddMask) {
      options_.mask.add = mask_.data();
      options_.mask.stride_i = Tk;
      options_.mask.stride_j = 1;
    } else {
      options_.mask.keep = keep_.data();
      options_.mask.stride_b = Hq * Tk;
      options_.mask.stride_h = Tk;
      options_.mask.stride_j = 1;
    }
  }
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;

  Results<T> run(int threads) const {
    Results<T> results;
    REQUIRE_EACH(run(threads, {}, {}, results));
    return results;
  }

  // Returns false if forward or backward was cancelled.
  bool run(int threads, CancellationToken cancel_forward, CancellationToken cancel_backward, Results<T>& to) const {
    const auto [B, Hq, Hk, Tq, Tk, D, Dv] = s_;
    to = zeros<T>();
    Numbers<T> row_max(dlse_.size()), inv_sum(dlse_.size());

    AttentionForwardArgs<T> forward;
    forward.shape = s_;
    forward.options = options_;
    forward.q = heads(q_, Hq, Tq, D);
    forward.k = heads(k_, Hk, Tk, D);
    forward.v = heads(v_, Hk, Tk, Dv);
    forward.y = heads(to.y, Hq, Tq, Dv);
    forward.row_max_out = row_max.data();
    forward.inv_sum_out = inv_sum.data();
    forward.lse_out = to.lse.data();
    forward.threads = threads;
    forward.cancellation = cancel_forward;
    if (!attention_forward(forward)) return false;

    AttentionBackwardArgs<T> backward;
    backward.shape = s_;
    backward.options = options_;
    backward.q = forward.q;
    backward.k = forward.k;
    backward.v = forward.v;
    backward.y = heads(std::as_const(to.y), Hq, Tq, Dv);
    backward.dy = heads(dy_, Hq, Tq, Dv);
    backward.row_max = row_max.data();
    backward.inv_sum = inv_sum.data();
    backward.dlse = dlse_.data();
    backward.dq_out = heads(to.dq, Hq, Tq, D);
    backward.dk_out = heads(to.dk, Hk, Tk, D);
    backward.dv_out = heads(to.dv, Hk, Tk, Dv);
    backward.dmask_inout = to.dmask.data();
    backward.threads = threads;
    backward.cancellation = cancel_backward;
    return attention_backward(backward);
  }

  // Computes the results query by query, without blocks, packets or a running maximum.
  Results<double> expected() const {
    Results<double> results = zeros<double>();
    for (Index b = 0; b < s_.B; ++b)
      for (Index h = 0; h < s_.Hq; ++h)
        for (Index i = 0; i < s_.Tq; ++i) add_query(b, h, i, results);
    return results;
  }

 private:
  template <class U>
  Results<U> zeros() const {
    const std::size_t rows = dlse_.size();
    return {Numbers<U>(dy_.size()), Numbers<U>(rows),      Numbers<U>(q_.size()),
            Numbers<U>(k_.size()),  Numbers<U>(v_.size()), Numbers<U>(rows * size(s_.Tk))};
  }

  void add_query(Index b, Index h, Index i, Results<double>& to) const {
    const auto [B, Hq, Hk, Tq, Tk, D, Dv] = s_;
    const Index row = (b * Hq + h) * Tq + i, first_key = (b * Hk + h / s_.group()) * Tk;
    const Range keys = options_.interval.keys(b, i);
    const double cap = static_cast<double>(options_.softcap), scale = static_cast<double>(options_.score_scale);
    const auto dot = [](const T* x, const T* y, Index n) {
      double sum = 0;
      for (Index d = 0; d < n; ++d) sum += static_cast<double>(x[d]) * static_cast<double>(y[d]);
      return sum;
    };
    const T *q = q_.data() + row * D, *dy = dy_.data() + row * Dv;
    Numbers<double> p(size(Tk)), slope(size(Tk), 1);
    double total = 0, delta = 0;
    for (Index j = keys.begin; j < keys.end; ++j) {
      double s = scale * dot(q, k_.data() + (first_key + j) * D, D);
      if (cap != 0) {
        const double t = std::tanh(s / cap);
        s = cap * t;
        slope[size(j)] = 1 - t * t;
      }
      if (options_.mask.add != nullptr) s += static_cast<double>(mask_[size(i * Tk + j)]);
      if (options_.mask.keep != nullptr && keep_[size((b * Hq + h) * Tk + j)] == 0)
        s = -std::numeric_limits<double>::infinity();
      total += p[size(j)] = std::exp(s);
    }
    to.lse[size(row)] = std::log(total);
    for (Index j = keys.begin; j < keys.end; ++j) {
      const T* v = v_.data() + (first_key + j) * Dv;
      p[size(j)] = total == 0 ? 0 : p[size(j)] / total;
      delta += p[size(j)] * dot(dy, v, Dv);
      for (Index d = 0; d < Dv; ++d) {
        to.y[size(row * Dv + d)] += p[size(j)] * static_cast<double>(v[d]);
        to.dv[size((first_key + j) * Dv + d)] += p[size(j)] * static_cast<double>(dy[d]);
      }
    }
    for (Index j = keys.begin; j < keys.end; ++j) {
      const Index at = (first_key + j) * D;
      const double dp = dot(dy, v_.data() + (first_key + j) * Dv, Dv);
      const double ds = p[size(j)] * (dp - delta + static_cast<double>(dlse_[size(row)]));
      to.dmask[size(row * Tk + j)] = ds;
      for (Index d = 0; d < D; ++d) {
        to.dq[size(row * D + d)] += ds * slope[size(j)] * scale * static_cast<double>(k_[size(at + d)]);
        to.dk[size(at + d)] += ds * slope[size(j)] * scale * static_cast<double>(q[d]);
      }
    }
  }

  AttentionShape s_;
  Numbers<T> q_, k_, v_, dy_, dlse_, mask_;
  std::vector<std::uint8_t> keep_;
  std::vector<std::int64_t> lengths_;
  AttentionOptions<T> options_;
};

TEST_CASE_TEMPLATE("attention equals a naive computation, with both kinds of masks and all limits", T, float, double) {
  using Options = typename Problem<T>::Options;
  for (const Options options : {Options::kDefault, Options::kAddMask, Options::kKeepMask}) {
    const Problem<T> problem(kSmall, options);
    problem.run(1).for_each_with(problem.expected(), [&](const char* name, const auto& got, const auto& expected) {
      double largest = 0;
      for (const double number : expected)
        if (std::isfinite(number)) largest = std::max(largest, std::abs(number));
      std::vector<Sum> sums;
      for (const double number : expected) sums.emplace_back(number, largest);
      require_close(got, sums, 16, name);  // scores are below 5, so an exponential has an error of a few roundings
    });
  }
}

template <class T>
void check_any_number_of_threads(const AttentionShape& shape) {
  using Options = typename Problem<T>::Options;
  for (const Options options : {Options::kDefault, Options::kAddMask, Options::kDropout}) {
    const Problem<T> problem(shape, options);
    require_the_bits_of_one_thread([&](int threads) {
      Numbers<T> all;
      const Results<T> got = problem.run(threads);
      got.for_each_with(got, [&](const char*, const Numbers<T>& one, const Numbers<T>&) { append(all, one); });
      return all;
    });
  }
}

TEST_CASE_TEMPLATE("attention has the bits of one thread when all threads share a key head", T, float, double) {
  check_any_number_of_threads<T>(kOneKeyHead);
}

TEST_CASE_TEMPLATE("attention has the bits of one thread when each thread computes whole key heads", T, float, double) {
  check_any_number_of_threads<T>(kManyKeyHeads);
}

// The values are the identity matrix, so y is dropout(p).
TEST_CASE_TEMPLATE("attention dropout keeps and scales the fraction of the weights that its rate leaves", T, float,
                   double) {
  constexpr Index kN = 70;
  const Matrix<T> q(kN, 5, 0, 1, 0.1), k(kN, 5, 0, 1, 0.2);
  Matrix<T> v(kN, kN);
  Numbers<T> identity(size(kN * kN));
  for (Index i = 0; i < kN; ++i) identity[size(i * kN + i)] = T(1);
  v.fill(identity);
  const auto weights = [&](double dropout) {
    Matrix<T> y(kN, kN, 3);
    AttentionForwardArgs<T> args;
    args.shape = {1, 1, 1, kN, kN, 5, kN};
    args.q = {q.data(), 0, 0, 5};
    args.k = {k.data(), 0, 0, 5};
    args.v = {v.data(), 0, 0, kN};
    args.options.interval.Tq = args.options.interval.Tk = kN;
    args.options.dropout = dropout;
    args.options.seed = 11;
    args.y = {y.data(), 0, 0, y.stride()};
    REQUIRE(attention_forward(args));
    return y.numbers();
  };
  const auto p = weights(0), dropped = weights(0.25);
  std::vector<Sum> expected;
  double kept = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    expected.emplace_back(dropped[i] == T(0) ? 0 : static_cast<double>(p[i]) / 0.75);
    kept += dropped[i] != T(0);
  }
  require_close(dropped, expected, 4, "dropout(p)");
  const double n = static_cast<double>(p.size());
  REQUIRE(std::abs(kept / n - 0.75) < 5 * std::sqrt(0.25 * 0.75 / n));  // five standard deviations
}

TEST_CASE_TEMPLATE("attention returns false when it is cancelled, with either schedule", T, float, double) {
  const CancellationToken cancelled{[](void*) { return true; }, nullptr};
  for (const AttentionShape& shape : {kOneKeyHead, kManyKeyHeads}) {
    const Problem<T> problem(shape, Problem<T>::Options::kDefault);
    for (int threads = 1; threads <= kMaxThreads; ++threads) {
      Results<T> results;
      REQUIRE_FALSE(problem.run(threads, cancelled, {}, results));
      REQUIRE_FALSE(problem.run(threads, {}, cancelled, results));
    }
  }
}

}  // namespace

}  // namespace seqfuse::tests
