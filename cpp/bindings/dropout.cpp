// Python binding of dropout, which is its own backward: the kept elements depend only on the index and the seed.
#include "cancellation.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

void dropout(const Kernels& self, const Array& x, const Array& y, double rate, std::uint64_t seed, int threads) {
  for_type_of(x, [&](auto zero) {
    using T = decltype(zero);
    const DropoutArgs<T> args{
        .n = x.size(), .x = pointer<const T>(x), .y = pointer<T>(y), .rate = rate, .seed = seed, .threads = threads};
    run_released(self.of<T>().dropout, args);
  });
}

}  // namespace

void bind_dropout(KernelsClass& kernels) {
  using py::arg;
  kernels.def("dropout", &dropout, arg("x"), arg("y"), arg("rate"), arg("seed"), arg("threads"),
              "Write y, the dropout of x. y may be x.\n\nBoth are flat arrays. rate is the fraction of the elements "
              "that is dropped.");
}

}  // namespace seqfuse::bindings
