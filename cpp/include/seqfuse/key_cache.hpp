// Keys and values of sequences that grow, kept as attention reads them: what a caller of step-by-step decoding sees.
#pragma once

#include <memory>

#include "seqfuse/attention.hpp"

namespace seqfuse {

struct KeyCacheShape {
  Index B = 0, Hk = 0, D = 0, Dv = 0;
};

// Rows of a batch have lengths of their own. What throws changes nothing. One thread at a time.
template <class T>
class KeyCache {
 public:
  virtual ~KeyCache() = default;

  virtual KeyCacheShape shape() const = 0;
  virtual Index capacity() const = 0;               // keys that each row has room for
  virtual const std::int64_t* lengths() const = 0;  // (B,)
  virtual void reserve(Index capacity) = 0;         // room for so many keys in each row, at least
  virtual void reset(Index b) = 0;                  // row b is empty again
  virtual std::unique_ptr<KeyCache> copy() const = 0;

  // Adds to row b its first counts[b] of the keys k (B, Hk, T, D) and the values v (B, Hk, T, Dv).
  virtual void append(Heads<const T> k, Heads<const T> v, const std::int64_t* counts) = 0;

  // attention_forward with the keys and values of the cache in place of args.k and args.v: causal, the last query at
  // the last key of its row. Tk is the greatest length. False: stopped.
  virtual bool attend(const AttentionForwardArgs<T>& args) const = 0;
};

template <class T>
std::unique_ptr<KeyCache<T>> make_key_cache(const KeyCacheShape& shape, Index capacity);

}  // namespace seqfuse
