// Runs kernels without the GIL, and cancels long calls on Ctrl-C.
#pragma once

#include <pybind11/pybind11.h>

#include <cfenv>
#include <chrono>

#include "seqfuse/cancellation_token.hpp"

namespace seqfuse::bindings {

// Checks for Python signals at most every 50 ms. Signal handlers are user code, so they run in the caller's
// floating-point environment.
class SignalCheck {
 public:
  SignalCheck() { std::fegetenv(&caller_environment_); }
  CancellationToken token() { return {&SignalCheck::ask, this}; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{50};

  static bool ask(void* context) {
    auto& self = *static_cast<SignalCheck*>(context);
    if (Clock::now() < self.next_) return false;
    self.next_ = Clock::now() + kInterval;
    pybind11::gil_scoped_acquire acquire;
    std::fenv_t kernel_environment;
    std::fegetenv(&kernel_environment);
    std::fesetenv(&self.caller_environment_);
    const bool cancelled = PyErr_CheckSignals() != 0;
    std::fesetenv(&kernel_environment);
    return cancelled;
  }

  std::fenv_t caller_environment_;
  Clock::time_point next_ = Clock::now() + kInterval;
};

// Sets args.cancellation and calls kernel() without the GIL. If a signal handler cancelled the call, raises the
// handler's exception.
template <class Args, class Kernel>
void run_interruptible(Args& args, Kernel&& kernel) {
  SignalCheck signals;
  args.cancellation = signals.token();
  bool completed;
  {
    pybind11::gil_scoped_release release;
    completed = kernel();
  }
  if (!completed) throw pybind11::error_already_set();
}

// Calls kernel(args) without the GIL.
template <class Result, class Args>
Result run_released(Result (*kernel)(const Args&), const Args& args) {
  pybind11::gil_scoped_release release;
  return kernel(args);
}

}  // namespace seqfuse::bindings
