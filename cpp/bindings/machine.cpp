// Measures the arithmetic peak and the read bandwidth of this machine, for the benchmark.
#include <string>

#include "cancellation.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

double peak_flops(const Kernels& self, const std::string& dtype_name, double seconds) {
  if (dtype_name != "float32" && dtype_name != "float64")
    throw py::value_error("peak_flops: dtype_name must be float32 or float64; got " + dtype_name);
  const GilRelease release;
  return dtype_name == "float64" ? self.of<double>().peak_flops(seconds) : self.of<float>().peak_flops(seconds);
}

double read_bandwidth(const Kernels& self, Index bytes, int threads, double seconds) {
  if (bytes < 1) throw py::value_error("read_bandwidth: bytes must be at least 1; got " + std::to_string(bytes));
  const GilRelease release;
  return self.table().read_bandwidth(bytes, threads, seconds);
}

}  // namespace

void bind_machine(KernelsClass& kernels) {
  using py::arg;
  kernels
      .def("peak_flops", &peak_flops, arg("dtype_name"), arg("seconds"),
           "Measure the multiply-add peak of one core in FLOP/s.")
      .def("read_bandwidth", &read_bandwidth, arg("bytes"), arg("threads"), arg("seconds"),
           "Measure how many bytes per second are read from a buffer of `bytes` bytes.");
}

}  // namespace seqfuse::bindings
