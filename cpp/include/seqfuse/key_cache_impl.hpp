// Key cache: key blocks (B, Hk, blocks), each packed as described in attention_blocks_impl.hpp.
//
// A decoding step packs only its own keys, and reads all earlier ones as one contiguous stream. With one query per
// batch row its speed is limited by that read.
#pragma once

#include "seqfuse/attention_forward_impl.hpp"
#include "seqfuse/key_cache.hpp"

namespace seqfuse {

namespace attention {

template <class T>
class PackedKeyCache final : public KeyCache<T> {
 public:
  PackedKeyCache(const KeyCacheShape& shape, Index capacity)
      : shape_(shape), lengths_(shape.B), storage_(shape, divide_up(capacity, kKeys)) {
    lengths_.fill_zero();
  }

  KeyCacheShape shape() const override { return shape_; }
  Index capacity() const override { return storage_.blocks * kKeys; }
  const std::int64_t* lengths() const override { return lengths_.data(); }
  void reset(Index b) override { lengths_[b] = 0; }

  void reserve(Index capacity) override {
    const Index blocks = divide_up(capacity, kKeys);
    if (blocks <= storage_.blocks) return;
    Storage larger(shape_, blocks);
    copy_into(larger);
    storage_ = std::move(larger);
  }

  std::unique_ptr<KeyCache<T>> copy() const override {
    auto other = std::make_unique<PackedKeyCache>(shape_, capacity());
    std::copy_n(lengths(), shape_.B, other->lengths_.data());
    copy_into(other->storage_);
    return other;
  }

  void append(Heads<const T> k, Heads<const T> v, const std::int64_t* counts) override {
    Index max_length = 0;
    for (Index b = 0; b < shape_.B; ++b) max_length = std::max(max_length, length(b) + static_cast<Index>(counts[b]));
    if (max_length > capacity()) reserve(std::max(max_length, 2 * capacity()));
    for (Index b = 0; b < shape_.B; ++b) {
      for (Index h = 0; h < shape_.Hk; ++h) append_to_head(k, v, b, h, static_cast<Index>(counts[b]));
      lengths_[b] += counts[b];
    }
  }

  bool attend(const AttentionForwardArgs<T>& caller_args) const override {
    const parallel::FlushDenormals flush;
    AttentionForwardArgs<T> args = caller_args;
    auto& interval = args.options.interval;
    interval.right = 0;
    interval.bottom_right = true;
    interval.lengths = lengths();
    const Schedule plan(args.shape, kForwardRows, 2, args.threads);
    const Index Hk = shape_.Hk;
    return run_attention(
        args, plan, [](Index, int, int, int) {},
        [&](Index key_head, int, Index block) {
          const Index i = storage_.index(key_head / Hk, key_head % Hk, block);
          return KeyBlock<T>{storage_.keys_at(i), storage_.values_at(i), storage_.finite[i]};
        });
  }

 private:
  // Memory for `blocks` key blocks of every key head.
  struct Storage {
    Storage(const KeyCacheShape& shape, Index blocks_per_head)
        : Hk(shape.Hk),
          blocks(blocks_per_head),
          key_size(kKeys * shape.D),
          value_size(kKeys * padded<T>(shape.Dv)),
          keys(checked_product({shape.B, Hk, blocks, key_size})),
          values(checked_product({shape.B, Hk, blocks, value_size})),
          finite(checked_product({shape.B, Hk, blocks})) {}

    Index index(Index b, Index h, Index block) const { return (b * Hk + h) * blocks + block; }
    T* keys_at(Index i) { return keys.data() + i * key_size; }
    T* values_at(Index i) { return values.data() + i * value_size; }
    const T* keys_at(Index i) const { return keys.data() + i * key_size; }
    const T* values_at(Index i) const { return values.data() + i * value_size; }

    Index Hk, blocks, key_size, value_size;
    Buffer<T> keys, values;  // packed as in KeyBlock
    Buffer<bool> finite;     // of each block: its values are finite
  };

  Index length(Index b) const { return static_cast<Index>(lengths_[b]); }

  void copy_into(Storage& to) const {
    for (Index b = 0; b < shape_.B; ++b)
      for (Index h = 0; h < shape_.Hk; ++h) {
        const Index from = storage_.index(b, h, 0), at = to.index(b, h, 0), used = divide_up(length(b), kKeys);
        std::copy_n(storage_.keys_at(from), used * storage_.key_size, to.keys_at(at));
        std::copy_n(storage_.values_at(from), used * storage_.value_size, to.values_at(at));
        std::copy_n(storage_.finite.data() + from, used, to.finite.data() + at);
      }
  }

  // Appends `count` keys and values to head (b, h). Keys that begin a block are packed together, and the rest of the
  // block becomes zeros. Keys that continue a block are written to their lanes one by one.
  void append_to_head(Heads<const T> k, Heads<const T> v, Index b, Index h, Index count) {
    for (Index t = 0; t < count;) {
      const Index key = (length(b) + t) % kKeys, block = storage_.index(b, h, (length(b) + t) / kKeys);
      const Index n = std::min(kKeys - key, count - t);
      const auto value_row = [&](Index j) { return v.at(b, h, t + j); };
      T* values = storage_.values_at(block);
      if (key == 0) {
        pack_keys(k, b, h, t, n, shape_.D, storage_.keys_at(block));
        storage_.finite[block] = copy_rows<T>(value_row, n, kKeys, shape_.Dv, values);
      } else {
        for (Index j = 0; j < n; ++j) pack_key(k.at(b, h, t + j), key + j, storage_.keys_at(block));
        const bool finite = copy_rows<T>(value_row, n, n, shape_.Dv, values + key * padded<T>(shape_.Dv));
        storage_.finite[block] = storage_.finite[block] && finite;
      }
      t += n;
    }
  }

  // Writes one key (D,) to its lane in the panels of a block. j: index of the key in the block.
  void pack_key(const T* key, Index j, T* panels) const {
    constexpr Index kWidth = kPanelKeys<T>;
    T* lane = panels + j / kWidth * shape_.D * kWidth + j % kWidth;
    for (Index d = 0; d < shape_.D; ++d) lane[d * kWidth] = key[d];
  }

  KeyCacheShape shape_;
  Buffer<std::int64_t> lengths_;
  Storage storage_;
};

}  // namespace attention

template <class T>
std::unique_ptr<KeyCache<T>> make_key_cache(const KeyCacheShape& shape, Index capacity) {
  return std::make_unique<attention::PackedKeyCache<T>>(shape, capacity);
}

}  // namespace seqfuse
