// How a long call is told to give up, without the headers knowing of Python.
#pragma once

namespace seqfuse {

// Asked between pieces of work whether to give up; then the call returns false and its outputs are undefined,
// but for what it adds to.
struct CancellationToken {
  bool (*ask)(void*) = nullptr;
  void* context = nullptr;
  bool operator()() const { return ask != nullptr && ask(context); }
};

}  // namespace seqfuse
