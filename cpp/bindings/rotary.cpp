// Rotary position embeddings: forward and backward are one function of the sign of the angle.
#include "seqfuse/rotary.hpp"

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {

void bind_rotary(py::module_& module) {
  module.def("rotary", [](const py::array& x, const py::array& y, const py::array& cos, const py::array& sin,
                          const py::object& positions, bool interleaved, bool back, int threads) {
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
      py::gil_scoped_release release;
      rotary(args);
    });
  });
}

}  // namespace seqfuse::bindings
