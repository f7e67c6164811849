// Tests that attention to a key cache has the bits of attention to all keys at once, however the keys were appended.
#include "seqfuse/key_cache.hpp"

#include <memory>
#include <new>

#include "attention_shapes.hpp"

namespace seqfuse::tests {

namespace {

// Keys and values of batch rows with different lengths, which are appended in chunks, and queries at their ends.
template <class T>
class Decoding {
 public:
  explicit Decoding(const AttentionShape& shape) : s_(shape) {
    q_ = drawn<T>(s_.B * s_.Hq * s_.Tq * s_.D, 1, 0.1);
    k_ = drawn<T>(s_.B * s_.Hk * s_.Tk * s_.D, 1, 0.2);
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
      k.data += first * s_.D;
      v.data += first * s_.Dv;
      cache.append(k, v, counts.data());
    }
    for (std::size_t b = 0; b < counts.size(); ++b) REQUIRE_EACH(cache.lengths()[b] == lengths_[b]);
    REQUIRE_EACH(cache.capacity() >= s_.Tk);
  }

  Numbers<T> attend(const KeyCache<T>& cache, int threads) const {
    Numbers<T> y;
    REQUIRE_EACH(attend(cache, threads, {}, y));
    return y;
  }

  // Returns false if the call was cancelled.
  bool attend(const KeyCache<T>& cache, int threads, CancellationToken cancellation, Numbers<T>& y) const {
    auto args = arguments(y, threads);
    args.k = {};
    args.v = {};
    args.cancellation = cancellation;
    return cache.attend(args);
  }

  // Attention to all keys at once, without a cache.
  Numbers<T> attend_at_once() const {
    Numbers<T> y;
    auto args = arguments(y, 1);
    args.options.interval.right = 0;
    args.options.interval.bottom_right = true;
    args.options.interval.lengths = lengths_.data();
    REQUIRE_EACH(attention_forward(args));
    return y;
  }

 private:
  AttentionForwardArgs<T> arguments(Numbers<T>& y, int threads) const {
    AttentionForwardArgs<T> args;
    args.shape = s_;
    args.q = heads(q_, s_.Hq, s_.Tq, s_.D);
    args.k = heads(k_, s_.Hk, s_.Tk, s_.D);
    args.v = heads(v_, s_.Hk, s_.Tk, s_.Dv);
    y.resize(size(s_.B * s_.Hq * s_.Tq * s_.Dv));
    args.options.score_scale = T(0.3);
    args.options.interval.Tq = s_.Tq;
    args.options.interval.Tk = s_.Tk;
    args.y = heads(y, s_.Hq, s_.Tq, s_.Dv);
    args.threads = threads;
    return args;
  }

  AttentionShape s_;
  Numbers<T> q_, k_, v_;
  std::vector<std::int64_t> lengths_;
};

template <class T>
void check_bits_of_attention_at_once(const AttentionShape& shape) {
  const Decoding<T> decoding(shape);
  const Numbers<T> expected = decoding.attend_at_once();
  for (const Index chunk : {Index(1), Index(50), shape.Tk})
    for (const Index capacity : {Index(0), shape.Tk}) {
      const auto cache = decoding.cache(capacity);
      decoding.fill(*cache, chunk);
      for (int threads = 1; threads <= kMaxThreads; ++threads)
        require_same_bits(decoding.attend(*cache, threads), expected, "the cache");
    }
}

TEST_CASE_TEMPLATE("attention to a cache has the bits of attention to all keys at once", T, float, double) {
  for (const AttentionShape& shape : {kSmall, kOneKeyHead, kManyKeyHeads}) check_bits_of_attention_at_once<T>(shape);
}

TEST_CASE_TEMPLATE("attention to a cache returns false when it is cancelled", T, float, double) {
  const CancellationToken cancelled{[](void*) { return true; }, nullptr};
  const Decoding<T> decoding(kSmall);
  const auto cache = decoding.cache(0);
  decoding.fill(*cache, kSmall.Tk);
  Numbers<T> y;
  REQUIRE_FALSE(decoding.attend(*cache, 2, cancelled, y));
}

TEST_CASE_TEMPLATE("a cache can be copied, can grow, and can be used again after a reset", T, float, double) {
  const Decoding<T> decoding(kSmall);
  const Numbers<T> expected = decoding.attend_at_once();
  const auto cache = decoding.cache(0);
  decoding.fill(*cache, 7);
  const auto copy = cache->copy();
  const Index capacity = cache->capacity();
  cache->reserve(capacity - 1);
  REQUIRE_EACH(cache->capacity() == capacity);
  cache->reserve(capacity + 1);
  REQUIRE_EACH(cache->capacity() > capacity && copy->capacity() == capacity);
  require_same_bits(decoding.attend(*cache, 2), expected, "after growing");
  bool thrown = false;
  try {
    cache->reserve(Index(1) << 58);
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  REQUIRE_EACH(thrown);
  require_same_bits(decoding.attend(*cache, 2), expected, "after a failed reserve");
  for (Index b = 0; b < kSmall.B; ++b) cache->reset(b);
  for (const T y : decoding.attend(*cache, 2)) REQUIRE_EACH(y == T(0));
  decoding.fill(*cache, 64);
  require_same_bits(decoding.attend(*cache, 2), expected, "used again");
  require_same_bits(decoding.attend(*copy, 2), expected, "the copy");
}

}  // namespace

}  // namespace seqfuse::tests
