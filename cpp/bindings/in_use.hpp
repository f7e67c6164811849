// Guard against concurrent use of objects with state, such as streams and caches. Two threads would mix their
// sequences.
#pragma once

#include <atomic>
#include <stdexcept>
#include <string>

namespace seqfuse::bindings {

// Sets a flag until it is destroyed. Throws if another thread has set the flag.
class InUse {
 public:
  InUse(std::atomic_flag& flag, const char* name) : flag_(flag) {
    if (flag_.test_and_set(std::memory_order_acquire)) refuse(name);
  }
  ~InUse() { flag_.clear(std::memory_order_release); }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

  [[noreturn]] static void refuse(const char* name) {
    throw std::runtime_error(std::string(name) + ": already in use by another thread; give each thread its own with " +
                             name + ".copy()");
  }

 private:
  std::atomic_flag& flag_;
};

}  // namespace seqfuse::bindings
