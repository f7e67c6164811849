// Cancellation of long calls. The kernels do not depend on Python, so they ask through a function pointer.
#pragma once

namespace seqfuse {

// Kernels call the token between pieces of work. If it returns true, the kernel is cancelled and returns false. Its
// outputs are then undefined, but arrays that it accumulates into keep their values.
struct CancellationToken {
  bool (*ask)(void*) = nullptr;
  void* context = nullptr;
  bool operator()() const { return ask != nullptr && ask(context); }
};

}  // namespace seqfuse
