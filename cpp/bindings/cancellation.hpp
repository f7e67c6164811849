// Runs kernels without the GIL, and cancels long calls on Ctrl-C.
#pragma once

#include <pybind11/pybind11.h>

#include <cfenv>
#include <chrono>
#include <thread>

#include "seqfuse/cancellation_token.hpp"

namespace seqfuse::bindings {

// Returns true while the interpreter shuts down. Daemon threads may still run then, but must not take the GIL.
inline bool interpreter_is_finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

// Releases the GIL until the end of its scope.
//
// In an interpreter that shuts down, taking the GIL ends the thread by an exception that no destructor may throw, and
// the process aborts (before Python 3.14). The thread waits instead until the process ends.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() {
    while (interpreter_is_finalizing()) std::this_thread::sleep_for(std::chrono::seconds(1));
    PyEval_RestoreThread(state_);
  }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

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
    if (interpreter_is_finalizing()) return true;
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
    const GilRelease release;
    completed = kernel();
  }
  if (!completed) throw pybind11::error_already_set();
}

// Calls kernel(args) without the GIL.
template <class Result, class Args>
Result run_released(Result (*kernel)(const Args&), const Args& args) {
  const GilRelease release;
  return kernel(args);
}

}  // namespace seqfuse::bindings
