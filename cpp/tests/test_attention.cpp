// Attention and its cache: the softmax written out in double, and with several threads the bits of one.
//
// Under ThreadSanitizer this is the test of the drivers' teams: one head that all threads share, whose gradients are a
// wave over columns of keys; heads that each thread has to itself; and a cache that all threads read.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "check.hpp"
#include "seqfuse/attention_rows_impl.hpp"
#include "seqfuse/attention_schedule_impl.hpp"
#include "seqfuse/key_cache.hpp"

namespace seqfuse::tests {

namespace {

template <class T>
using Numbers = std::vector<T>;

std::size_t size(Index n) { return static_cast<std::size_t>(n); }

// Between -scale and scale, without a period.
template <class T>
Numbers<T> drawn(Index n, double scale, double seed) {
  Numbers<T> numbers(size(n));
  for (std::size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<T>(scale * std::sin(seed + 1.7 * static_cast<double>(i * i % 100'003)));
  return numbers;
}

// (B, H, N, n) in C order.
template <class Array>
auto heads(Array& array, Index H, Index N, Index n) {
  return Heads<std::remove_pointer_t<decltype(array.data())>>{array.data(), H * N * n, N * n, n};
}

constexpr int kMostThreads = 3;
// B, Hq, Hk, Tq, Tk, D, Dv: what is written out; what up to three threads share; of which each has heads of its own.
constexpr AttentionShape kSmall{2, 4, 2, 70, 130, 19, 21}, kShared{1, 2, 1, 250, 500, 64, 64},
    kApart{3, 6, 6, 70, 130, 19, 21};

template <class T>
struct Results {
  Numbers<T> y, lse, dq, dk, dv, dmask;

  // f(name, member of this, the same member of the other)
  template <class Other, class F>
  void each_with(const Other& other, F&& f) const {
    f("y", y, other.y), f("lse", lse, other.lse), f("dq", dq, other.dq);
    f("dk", dk, other.dk), f("dv", dv, other.dv), f("dmask", dmask, other.dmask);
  }
};

// A call, forward and backward, with everything that it reads.
template <class T>
class Problem {
 public:
  enum class How { kPlain, kAllOptions, kDropped };  // kAllOptions: all that can be written out in a few lines

  Problem(const AttentionShape& shape, How how) : s_(shape) {
    const auto [B, Hq, Hk, Tq, Tk, D, Dv] = s_;
    q_ = drawn<T>(B * Hq * Tq * D, 1, 0.1), k_ = drawn<T>(B * Hk * Tk * D, 1, 0.2);
    v_ = drawn<T>(B * Hk * Tk * Dv, 1, 0.3), dy_ = drawn<T>(B * Hq * Tq * Dv, 1, 0.4);
    dlse_ = drawn<T>(B * Hq * Tq, 0.5, 0.5), mask_ = drawn<T>(Tq * Tk, 1, 0.6);
    for (std::size_t i = 0; i < mask_.size(); i += 3) mask_[i] = -std::numeric_limits<T>::infinity();
    for (Index b = 0; b < B; ++b) lengths_.push_back(Tk - 17 * b);
    options_.scale = static_cast<T>(1 / std::sqrt(static_cast<double>(D)));
    options_.interval = {Tq, Tk};
    if (how == How::kPlain) return;
    options_.interval.left = Tk / 2, options_.interval.right = 0, options_.interval.bottom_right = true;
    options_.interval.lengths = lengths_.data();
    options_.softcap = T(1.5);
    if (how == How::kDropped)
      options_.dropout = 0.3, options_.seed = 7;
    else
      options_.mask.add = mask_.data(), options_.mask.stride_i = Tk, options_.mask.stride_j = 1;
  }
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;

  Results<T> run(int threads) const {
    Results<T> to;
    CHECK(run(threads, {}, {}, to));
    return to;
  }

  // Whether both came to their end.
  bool run(int threads, StopCheck stop_forward, StopCheck stop_backward, Results<T>& to) const {
    const auto [B, Hq, Hk, Tq, Tk, D, Dv] = s_;
    to = zeros<T>();
    Numbers<T> high(dlse_.size()), reciprocal(dlse_.size());

    AttentionForwardArgs<T> forward;
    forward.shape = s_, forward.options = options_;
    forward.q = heads(q_, Hq, Tq, D), forward.k = heads(k_, Hk, Tk, D), forward.v = heads(v_, Hk, Tk, Dv);
    forward.y = heads(to.y, Hq, Tq, Dv);
    forward.high_out = high.data(), forward.reciprocal_out = reciprocal.data(), forward.lse_out = to.lse.data();
    forward.threads = threads, forward.stop = stop_forward;
    if (!attention_forward(forward)) return false;

    AttentionBackwardArgs<T> backward;
    backward.shape = s_, backward.options = options_;
    backward.q = forward.q, backward.k = forward.k, backward.v = forward.v;
    backward.y = heads(std::as_const(to.y), Hq, Tq, Dv), backward.dy = heads(dy_, Hq, Tq, Dv);
    backward.high = high.data(), backward.reciprocal = reciprocal.data(), backward.dlse = dlse_.data();
    backward.dq_out = heads(to.dq, Hq, Tq, D);
    backward.dk_out = heads(to.dk, Hk, Tk, D), backward.dv_out = heads(to.dv, Hk, Tk, Dv);
    backward.dmask_inout = to.dmask.data();
    backward.threads = threads, backward.stop = stop_backward;
    return attention_backward(backward);
  }

  // Query by query, without blocks, packets or a running maximum.
  Results<double> written_out() const {
    Results<double> to = zeros<double>();
    for (Index b = 0; b < s_.B; ++b)
      for (Index h = 0; h < s_.Hq; ++h)
        for (Index i = 0; i < s_.Tq; ++i) write_out(b, h, i, to);
    return to;
  }

 private:
  template <class U>
  Results<U> zeros() const {
    const std::size_t rows = dlse_.size();
    return {Numbers<U>(dy_.size()), Numbers<U>(rows),      Numbers<U>(q_.size()),
            Numbers<U>(k_.size()),  Numbers<U>(v_.size()), Numbers<U>(rows * size(s_.Tk))};
  }

  void write_out(Index b, Index h, Index i, Results<double>& to) const {
    const auto [B, Hq, Hk, Tq, Tk, D, Dv] = s_;
    const Index row = (b * Hq + h) * Tq + i, first_key = (b * Hk + h / s_.group()) * Tk;
    const Range may = options_.interval.keys(b, i);
    const double cap = static_cast<double>(options_.softcap), scale = static_cast<double>(options_.scale);
    const auto dot = [](const T* x, const T* y, Index n) {
      double sum = 0;
      for (Index d = 0; d < n; ++d) sum += static_cast<double>(x[d]) * static_cast<double>(y[d]);
      return sum;
    };
    const T *q = q_.data() + row * D, *dy = dy_.data() + row * Dv;
    Numbers<double> p(size(Tk)), slope(size(Tk), 1);
    double total = 0, delta = 0;
    for (Index j = may.begin; j < may.end; ++j) {
      double s = scale * dot(q, k_.data() + (first_key + j) * D, D);
      if (cap != 0) {
        const double t = std::tanh(s / cap);
        s = cap * t, slope[size(j)] = 1 - t * t;
      }
      if (options_.mask) s += static_cast<double>(mask_[size(i * Tk + j)]);
      total += p[size(j)] = std::exp(s);
    }
    to.lse[size(row)] = std::log(total);
    for (Index j = may.begin; j < may.end; ++j) {
      const T* v = v_.data() + (first_key + j) * Dv;
      p[size(j)] = total == 0 ? 0 : p[size(j)] / total;
      delta += p[size(j)] * dot(dy, v, Dv);
      for (Index d = 0; d < Dv; ++d) {
        to.y[size(row * Dv + d)] += p[size(j)] * static_cast<double>(v[d]);
        to.dv[size((first_key + j) * Dv + d)] += p[size(j)] * static_cast<double>(dy[d]);
      }
    }
    for (Index j = may.begin; j < may.end; ++j) {
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
  std::vector<std::int64_t> lengths_;
  AttentionOptions<T> options_;
};

template <class T>
void test_attention_is_the_softmax_written_out() {
  using How = typename Problem<T>::How;
  for (const How how : {How::kPlain, How::kAllOptions}) {
    const Problem<T> problem(kSmall, how);
    problem.run(1).each_with(problem.written_out(), [&](const char* name, const auto& got, const auto& wanted) {
      double largest = 0, error = 0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        if (static_cast<double>(got[i]) == wanted[i]) continue;  // both are -inf
        largest = std::max(largest, std::abs(wanted[i]));
        error = std::max(error, std::abs(static_cast<double>(got[i]) - wanted[i]));
      }
      // Scores are below 5: so many roundings their exponentials amplify. The sums add no more than a few.
      const double allowed = 16 * static_cast<double>(std::numeric_limits<T>::epsilon()) * largest;
      CHECK(error <= allowed, "%s, %zu bytes, way %d: %g of %g", name, sizeof(T), static_cast<int>(how), error,
            allowed);
    });
  }
}

template <class T>
void check_same_bits(const Numbers<T>& got, const Numbers<T>& wanted, const char* name, int threads) {
  CHECK(got.size() == wanted.size());
  CHECK(std::memcmp(got.data(), wanted.data(), got.size() * sizeof(T)) == 0, "%s, %zu bytes, %d threads", name,
        sizeof(T), threads);
}

template <class T>
void test_any_number_of_threads_gives_the_bits_of_one(const AttentionShape& shape, bool shared) {
  using How = typename Problem<T>::How;
  for (const double passes : {1.0, 2.5})  // forward, backward
    CHECK(attention::Schedule(shape, attention::kGradientRows, passes, kMostThreads).shared == shared);
  for (const How how : {How::kPlain, How::kAllOptions, How::kDropped}) {
    const Problem<T> problem(shape, how);
    const Results<T> wanted = problem.run(1);
    for (int threads = 2; threads <= kMostThreads; ++threads)
      problem.run(threads).each_with(wanted, [&](const char* name, const Numbers<T>& got, const Numbers<T>& one) {
        check_same_bits(got, one, name, threads);
      });
  }
}

// ---- the cache ------------------------------------------------------------------------------------------------------

// Keys and values appended in chunks to rows of different lengths, and queries at their ends.
template <class T>
class Decoding {
 public:
  explicit Decoding(const AttentionShape& shape) : s_(shape) {
    q_ = drawn<T>(s_.B * s_.Hq * s_.Tq * s_.D, 1, 0.1), k_ = drawn<T>(s_.B * s_.Hk * s_.Tk * s_.D, 1, 0.2);
    v_ = drawn<T>(s_.B * s_.Hk * s_.Tk * s_.Dv, 1, 0.3);
    for (Index b = 0; b < s_.B; ++b) lengths_.push_back(s_.Tk - 17 * b);
  }

  std::unique_ptr<KeyCache<T>> cache(Index capacity) const {
    return make_key_cache<T>({s_.B, s_.Hk, s_.D, s_.Dv}, capacity);
  }

  void fill(KeyCache<T>& cache, Index chunk) const {
    std::vector<std::int64_t> counts(lengths_.size());
    for (Index first = 0; first < s_.Tk; first += chunk) {
      for (std::size_t b = 0; b < counts.size(); ++b)
        counts[b] = std::clamp<std::int64_t>(lengths_[b] - first, 0, std::min(chunk, s_.Tk - first));
      auto k = heads(k_, s_.Hk, s_.Tk, s_.D), v = heads(v_, s_.Hk, s_.Tk, s_.Dv);
      k.data += first * s_.D, v.data += first * s_.Dv;
      cache.append(k, v, counts.data());
    }
    for (std::size_t b = 0; b < counts.size(); ++b) CHECK(cache.lengths()[b] == lengths_[b]);
    CHECK(cache.capacity() >= s_.Tk);
  }

  Numbers<T> attend(const KeyCache<T>& cache, int threads) const {
    Numbers<T> y;
    CHECK(attend(cache, threads, {}, y));
    return y;
  }

  // Whether it came to its end.
  bool attend(const KeyCache<T>& cache, int threads, StopCheck stop, Numbers<T>& y) const {
    auto args = arguments(y, threads);
    args.k = {}, args.v = {};
    args.stop = stop;
    return cache.attend(args);
  }

  Numbers<T> in_one_pass() const {
    Numbers<T> y;
    auto args = arguments(y, 1);
    args.options.interval.right = 0, args.options.interval.bottom_right = true;
    args.options.interval.lengths = lengths_.data();
    CHECK(attention_forward(args));
    return y;
  }

 private:
  AttentionForwardArgs<T> arguments(Numbers<T>& y, int threads) const {
    AttentionForwardArgs<T> args;
    args.shape = s_;
    args.q = heads(q_, s_.Hq, s_.Tq, s_.D);
    args.k = heads(k_, s_.Hk, s_.Tk, s_.D), args.v = heads(v_, s_.Hk, s_.Tk, s_.Dv);
    y.resize(size(s_.B * s_.Hq * s_.Tq * s_.Dv));
    args.options.scale = T(0.3);
    args.options.interval.Tq = s_.Tq, args.options.interval.Tk = s_.Tk;
    args.y = heads(y, s_.Hq, s_.Tq, s_.Dv);
    args.threads = threads;
    return args;
  }

  AttentionShape s_;
  Numbers<T> q_, k_, v_;
  std::vector<std::int64_t> lengths_;
};

template <class T>
void test_a_cache_has_the_bits_of_one_pass(const AttentionShape& shape) {
  const Decoding<T> decoding(shape);
  const Numbers<T> wanted = decoding.in_one_pass();
  for (const Index chunk : {Index(1), Index(50), shape.Tk})
    for (const Index capacity : {Index(0), shape.Tk}) {
      const auto cache = decoding.cache(capacity);
      decoding.fill(*cache, chunk);
      for (int threads = 1; threads <= kMostThreads; ++threads)
        check_same_bits(decoding.attend(*cache, threads), wanted, "the cache", threads);
    }
}

template <class T>
void test_a_cache_is_copied_grows_and_is_used_again() {
  const Decoding<T> decoding(kSmall);
  const Numbers<T> wanted = decoding.in_one_pass();
  const auto cache = decoding.cache(0);
  decoding.fill(*cache, 7);
  const auto copy = cache->copy();
  const Index room = cache->capacity();
  cache->reserve(room - 1);
  CHECK(cache->capacity() == room);
  cache->reserve(room + 1);
  CHECK(cache->capacity() > room && copy->capacity() == room);
  check_same_bits(decoding.attend(*cache, 2), wanted, "grown", 2);
  bool thrown = false;
  try {
    cache->reserve(Index(1) << 58);
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  CHECK(thrown);
  check_same_bits(decoding.attend(*cache, 2), wanted, "refused room", 2);
  for (Index b = 0; b < kSmall.B; ++b) cache->reset(b);
  for (const T y : decoding.attend(*cache, 2)) CHECK(y == T(0));
  decoding.fill(*cache, 64);
  check_same_bits(decoding.attend(*cache, 2), wanted, "used again", 2);
  check_same_bits(decoding.attend(*copy, 2), wanted, "the copy", 2);
}

// A driver that is told to stop says so, whichever way it shares its work.
template <class T>
void test_attention_stops_when_told() {
  const StopCheck stop{[](void*) { return true; }, nullptr};
  for (const AttentionShape& shape : {kShared, kApart}) {
    const Problem<T> problem(shape, Problem<T>::How::kPlain);
    const Decoding<T> decoding(shape);
    const auto cache = decoding.cache(0);
    decoding.fill(*cache, shape.Tk);
    for (int threads = 1; threads <= kMostThreads; ++threads) {
      Results<T> results;
      Numbers<T> y;
      CHECK(!problem.run(threads, stop, {}, results));
      CHECK(!problem.run(threads, {}, stop, results));
      CHECK(!decoding.attend(*cache, threads, stop, y));
    }
  }
}

template <class T>
void test_all() {
  test_attention_is_the_softmax_written_out<T>();
  test_any_number_of_threads_gives_the_bits_of_one<T>(kShared, true);
  test_any_number_of_threads_gives_the_bits_of_one<T>(kApart, false);
  for (const AttentionShape& shape : {kSmall, kShared, kApart}) test_a_cache_has_the_bits_of_one_pass<T>(shape);
  test_a_cache_is_copied_grows_and_is_used_again<T>();
  test_attention_stops_when_told<T>();
}

}  // namespace

void test_attention() {
  test_all<float>();
  test_all<double>();
}

}  // namespace seqfuse::tests
