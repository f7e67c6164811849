// A cache of key blocks: (B, Hk, blocks) of them, each packed as attention_blocks_impl.hpp says, so that a step packs
// its own keys alone and reads all others as one stream. One query a row is bound by that reading.
#pragma once

#include "seqfuse/attention_forward_impl.hpp"
#include "seqfuse/key_cache.hpp"

namespace seqfuse {

namespace attention {

template <class T>
class PackedKeyCache final : public KeyCache<T> {
 public:
  PackedKeyCache(const KeyCacheShape& shape, Index capacity)
      : shape_(shape), lengths_(shape.B), room_(shape, divide_up(capacity, kKeys)) {
    lengths_.fill_zero();
  }

  KeyCacheShape shape() const override { return shape_; }
  Index capacity() const override { return room_.blocks * kKeys; }
  const std::int64_t* lengths() const override { return lengths_.data(); }
  void reset(Index b) override { lengths_[b] = 0; }

  void reserve(Index capacity) override {
    const Index blocks = divide_up(capacity, kKeys);
    if (blocks <= room_.blocks) return;
    Room larger(shape_, blocks);
    copy_into(larger);
    room_ = std::move(larger);
  }

  std::unique_ptr<KeyCache<T>> copy() const override {
    auto other = std::make_unique<PackedKeyCache>(shape_, capacity());
    std::copy_n(lengths(), shape_.B, other->lengths_.data());
    copy_into(other->room_);
    return other;
  }

  void append(Heads<const T> k, Heads<const T> v, const std::int64_t* counts) override {
    Index needed = 0;
    for (Index b = 0; b < shape_.B; ++b) needed = std::max(needed, length(b) + static_cast<Index>(counts[b]));
    if (needed > capacity()) reserve(std::max(needed, 2 * capacity()));
    for (Index b = 0; b < shape_.B; ++b) {
      for (Index h = 0; h < shape_.Hk; ++h) append_row(k, v, b, h, static_cast<Index>(counts[b]));
      lengths_[b] += counts[b];
    }
  }

  bool attend(const AttentionForwardArgs<T>& given) const override {
    const parallel::FlushDenormals flush;
    AttentionForwardArgs<T> args = given;
    auto& interval = args.options.interval;
    interval.right = 0, interval.bottom_right = true, interval.lengths = lengths();
    const Schedule plan(args.shape, kQueryRows, 2, args.threads);
    const Index Hk = shape_.Hk;
    return attention::attend(
        args, plan, [](Index, int, int, int) {},
        [&](Index unit, int, Index block) {
          const Index at = room_.at(unit / Hk, unit % Hk, block);
          return KeyBlock<T>{room_.keys_at(at), room_.values_at(at), room_.finite[at]};
        });
  }

 private:
  // Memory for so many blocks of every row and head.
  struct Room {
    Room(const KeyCacheShape& shape, Index blocks_of_a_row)
        : Hk(shape.Hk),
          blocks(blocks_of_a_row),
          key_size(kKeys * shape.D),
          value_size(kKeys * padded<T>(shape.Dv)),
          keys(checked_product({shape.B, Hk, blocks, key_size})),
          values(checked_product({shape.B, Hk, blocks, value_size})),
          finite(checked_product({shape.B, Hk, blocks})) {}

    Index at(Index b, Index h, Index block) const { return (b * Hk + h) * blocks + block; }
    T* keys_at(Index i) { return keys.data() + i * key_size; }
    T* values_at(Index i) { return values.data() + i * value_size; }
    const T* keys_at(Index i) const { return keys.data() + i * key_size; }
    const T* values_at(Index i) const { return values.data() + i * value_size; }

    Index Hk, blocks, key_size, value_size;
    Buffer<T> keys, values;
    Buffer<bool> finite;
  };

  Index length(Index b) const { return static_cast<Index>(lengths_[b]); }

  void copy_into(Room& to) const {
    for (Index b = 0; b < shape_.B; ++b)
      for (Index h = 0; h < shape_.Hk; ++h) {
        const Index from = room_.at(b, h, 0), at = to.at(b, h, 0), used = divide_up(length(b), kKeys);
        std::copy_n(room_.keys_at(from), used * room_.key_size, to.keys_at(at));
        std::copy_n(room_.values_at(from), used * room_.value_size, to.values_at(at));
        std::copy_n(room_.finite.data() + from, used, to.finite.data() + at);
      }
  }

  // Whole blocks are packed at once; of others each key goes to its lane, in a block that was zeros.
  void append_row(Heads<const T> k, Heads<const T> v, Index b, Index h, Index count) {
    for (Index t = 0; t < count;) {
      const Index place = (length(b) + t) % kKeys, at = room_.at(b, h, (length(b) + t) / kKeys);
      const Index some = std::min(kKeys - place, count - t);
      const auto value_of = [&](Index j) { return v.at(b, h, t + j); };
      T* values = room_.values_at(at);
      if (place == 0) {
        pack_keys(k, b, h, t, some, shape_.D, room_.keys_at(at));
        room_.finite[at] = copy_rows<T>(value_of, some, kKeys, shape_.Dv, values);
      } else {
        for (Index j = 0; j < some; ++j) put_key(k.at(b, h, t + j), place + j, room_.keys_at(at));
        const bool finite = copy_rows<T>(value_of, some, some, shape_.Dv, values + place * padded<T>(shape_.Dv));
        room_.finite[at] = room_.finite[at] && finite;
      }
      t += some;
    }
  }

  void put_key(const T* key, Index place, T* panels) const {
    constexpr Index kWidth = kPanelKeys<T>;
    T* lane = panels + place / kWidth * shape_.D * kWidth + place % kWidth;
    for (Index d = 0; d < shape_.D; ++d) lane[d * kWidth] = key[d];
  }

  KeyCacheShape shape_;
  Buffer<std::int64_t> lengths_;
  Room room_;
};

}  // namespace attention

template <class T>
std::unique_ptr<KeyCache<T>> make_key_cache(const KeyCacheShape& shape, Index capacity) {
  return std::make_unique<attention::PackedKeyCache<T>>(shape, capacity);
}

}  // namespace seqfuse
