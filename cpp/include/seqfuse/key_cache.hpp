// Cache of keys and values for step-by-step decoding: sequences that grow, stored in the layout that attention reads.
#pragma once

#include <memory>

#include "seqfuse/attention.hpp"

namespace seqfuse {

struct KeyCacheShape {
  Index B = 0;   // batch rows
  Index Hk = 0;  // key heads
  Index D = 0;   // features of a key
  Index Dv = 0;  // features of a value
};

// Each batch row has its own length. If a function throws, the cache is unchanged. Not safe for use by several
// threads at the same time.
template <class T>
class KeyCache {
 public:
  virtual ~KeyCache() = default;

  virtual KeyCacheShape shape() const = 0;
  virtual Index capacity() const = 0;               // keys per batch row that fit without new memory
  virtual const std::int64_t* lengths() const = 0;  // (B,): keys in each batch row
  virtual void reserve(Index capacity) = 0;         // makes the capacity at least this large
  virtual void reset(Index b) = 0;                  // removes all keys of batch row b
  virtual std::unique_ptr<KeyCache> copy() const = 0;

  // Appends keys and values. k (B, Hk, T, D) and v (B, Hk, T, Dv); batch row b gets the first counts[b] of its T
  // keys.
  virtual void append(Heads<const T> k, Heads<const T> v, const std::int64_t* counts) = 0;

  // Computes attention_forward with the keys and values of the cache instead of args.k and args.v. It is causal, and
  // the last query is at the last key of its batch row. args.shape.Tk is the largest length. Returns false if the
  // call was cancelled.
  virtual bool attend(const AttentionForwardArgs<T>& args) const = 0;
};

template <class T>
std::unique_ptr<KeyCache<T>> make_key_cache(const KeyCacheShape& shape, Index capacity);

}  // namespace seqfuse
