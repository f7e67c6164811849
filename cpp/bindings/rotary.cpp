// Rotary position embeddings: forward and backward are one function of the sign of the angle.
#include "cancellation.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

void rotary(const Kernels& self, const Array& x, const Array& y, const Array& cos, const Array& sin,
            const OptionalArray& positions, bool interleaved, bool back, int threads) {
  for_type_of(x, [&](auto zero) {
    using T = decltype(zero);
    RotaryArgs<T> args;
    args.B = x.shape(0), args.H = x.shape(1), args.N = x.shape(2), args.D = x.shape(3);
    args.pairs = cos.shape(1);
    args.x = heads<const T>(x), args.y = heads<T>(y);
    args.cos = rows<const T>(cos), args.sin = rows<const T>(sin);
    args.positions = pointer<const std::int64_t>(positions);
    args.positions_stride = !positions.is_none() && static_cast<Index>(py::len(positions)) > args.N ? args.N : 0;
    args.interleaved = interleaved, args.back = back;
    args.threads = threads;
    run_released(self.of<T>().rotary, args);
  });
}

}  // namespace

void bind_rotary(KernelsClass& kernels) {
  using py::arg;
  kernels.def("rotary", &rotary, arg("x"), arg("y"), arg("cos"), arg("sin"), arg("positions"), arg("interleaved"),
              arg("back"), arg("threads"),
              "Write y (B, H, N, D), not x. cos, sin: (P, pairs); positions: flat int64, (N,) or (B, N); back: by the "
              "negative angle, which makes dx of dy.");
}

}  // namespace seqfuse::bindings
