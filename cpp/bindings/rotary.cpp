// Python binding of rotary position embeddings. The backward is the same function with negative angles.
#include "cancellation.hpp"
#include "kernels.hpp"

namespace seqfuse::bindings {
namespace {

void rotary(const Kernels& self, const Array& x, const Array& y, const Array& cos, const Array& sin,
            const OptionalArray& positions, bool interleaved, bool inverse, int threads) {
  for_type_of(x, [&](auto zero) {
    using T = decltype(zero);
    RotaryArgs<T> args;
    args.B = x.shape(0);
    args.H = x.shape(1);
    args.N = x.shape(2);
    args.D = x.shape(3);
    args.pairs = cos.shape(1);
    args.x = heads<const T>(x);
    args.y = heads<T>(y);
    args.cos = rows<const T>(cos);
    args.sin = rows<const T>(sin);
    args.positions = pointer<const std::int64_t>(positions);
    args.positions_stride = !positions.is_none() && static_cast<Index>(py::len(positions)) > args.N ? args.N : 0;
    args.interleaved = interleaved;
    args.inverse = inverse;
    args.threads = threads;
    run_released(self.of<T>().rotary, args);
  });
}

}  // namespace

void bind_rotary(KernelsClass& kernels) {
  using py::arg;
  kernels.def(
      "rotary", &rotary, arg("x"), arg("y"), arg("cos"), arg("sin"), arg("positions"), arg("interleaved"),
      arg("inverse"), arg("threads"),
      "Write y (B, H, N, D), which must not be x.\n\n"
      "cos and sin: (P, pairs). positions: int64, N or B * N positions as a flat array, or None. inverse: rotate\n"
      "by the negative angles, which computes dx from dy.");
}

}  // namespace seqfuse::bindings
