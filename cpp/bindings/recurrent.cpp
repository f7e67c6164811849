// The recurrent kernels: weights packed once (Recurrent), or given as they lie for one call.
#include "packed.hpp"

#include "bindings.hpp"

namespace seqfuse::bindings {

namespace {

// The arguments that say which equations and weights, as every function here begins with them.
struct CellArguments {
  std::string cell;
  py::array W, U;
  py::object bx, bh;
  bool reset_after, candidate;

  // The reset before the product is a cell of its own.
  template <class T>
  const RecurrentKernels<T>& kernels() const {
    const std::string name = cell + (cell == "gru" && !reset_after ? "_reset_before" : "");
    const auto* found = find_recurrent_kernels<T>(name);
    if (found == nullptr) throw py::value_error("no such cell: " + name);
    return *found;
  }
  template <class T>
  Weights<T> weights() const {
    return {W.shape(0),           U.shape(0),           rows<const T>(W), rows<const T>(U),
            pointer<const T>(bx), pointer<const T>(bh), candidate};
  }
};

// How the sequence is given.
struct SequenceArguments {
  py::array x;
  py::object h0, c0, real;
  bool reverse;

  template <class T>
  Sequence<T> view() const {
    return {x.shape(0), x.shape(1),        steps<const T>(x), pointer<const unsigned char>(real),
            reverse,    rows<const T>(h0), rows<const T>(c0)};
  }
};

template <class T>
py::object run_forward(const PackedWeights<T>& packed, const SequenceArguments& sequence, const py::object& y,
                       const py::object& h, const py::object& c, bool keep, int threads) {
  const auto& kernels = *packed.kernels;
  ForwardArgs<T> args{sequence.view<T>(), steps<T>(y), rows<T>(h), rows<T>(c), nullptr, threads, {}};
  Buffer<T> saved;
  if (keep) saved = Buffer<T>(kernels.saved_size(args.sequence.T_, args.sequence.B, packed.H));
  args.saved = saved.data();
  Interruptible interruptible;
  args.stop = interruptible.check();
  bool completed;
  {
    py::gil_scoped_release release;
    completed = kernels.forward(packed, args);
  }
  Interruptible::finish(completed);
  return keep ? py::object(to_array(std::move(saved))) : py::none();
}

py::object recurrent_forward(const std::string& cell, const py::array& W, const py::array& U, const py::object& bx,
                             const py::object& bh, bool reset_after, bool candidate, const py::array& x,
                             const py::object& h0, const py::object& c0, const py::object& real, bool reverse,
                             const py::object& y, const py::object& h, const py::object& c, bool keep, int threads) {
  const CellArguments arguments{cell, W, U, bx, bh, reset_after, candidate};
  return for_type_of(W, [&](auto zero) {
    using T = decltype(zero);
    const auto& kernels = arguments.kernels<T>();
    const auto weights = arguments.weights<T>();
    const auto packed = [&] {
      py::gil_scoped_release release;
      return kernels.prepare(weights, x.shape(0), x.shape(1), threads);
    }();
    return run_forward<T>(packed, {x, h0, c0, real, reverse}, y, h, c, keep, threads);
  });
}

void recurrent_backward(const std::string& cell, const py::array& W, const py::array& U, const py::object& bx,
                        const py::object& bh, bool reset_after, bool candidate, const py::array& x,
                        const py::object& h0, const py::object& c0, const py::object& real, bool reverse,
                        const py::object& y, const py::object& saved, const py::object& dy, const py::object& dh,
                        const py::object& dc, const py::object& dx, const py::object& dW, const py::object& dU,
                        const py::object& db, const py::object& dbh, const py::object& dh0, const py::object& dc0,
                        int threads) {
  const CellArguments arguments{cell, W, U, bx, bh, reset_after, candidate};
  for_type_of(W, [&](auto zero) {
    using T = decltype(zero);
    const auto weights = arguments.weights<T>();
    Interruptible interruptible;
    const BackwardArgs<T> args{SequenceArguments{x, h0, c0, real, reverse}.view<T>(),
                               steps<const T>(y),
                               pointer<const T>(saved),
                               steps<const T>(dy),
                               rows<const T>(dh),
                               rows<const T>(dc),
                               steps<T>(dx),
                               rows<T>(dW),
                               rows<T>(dU),
                               pointer<T>(db),
                               pointer<T>(dbh),
                               rows<T>(dh0),
                               rows<T>(dc0),
                               threads,
                               interruptible.check()};
    bool completed;
    {
      py::gil_scoped_release release;
      completed = arguments.kernels<T>().backward(weights, args);
    }
    Interruptible::finish(completed);
  });
}

py::object packed_forward(const Recurrent& self, const py::array& x, const py::object& h0, const py::object& c0,
                          const py::object& real, bool reverse, const py::object& y, const py::object& h,
                          const py::object& c, bool keep, int threads) {
  return self.visit(
      [&](const auto& packed) { return run_forward(*packed, {x, h0, c0, real, reverse}, y, h, c, keep, threads); });
}

}  // namespace

void bind_recurrent(py::module_& module) {
  module.def("recurrent_forward", &recurrent_forward);
  module.def("recurrent_backward", &recurrent_backward);
  py::class_<Recurrent>(module, "Recurrent", py::module_local())
      .def(py::init([](const std::string& cell, const py::array& W, const py::array& U, const py::object& bx,
                       const py::object& bh, bool reset_after, bool candidate, int threads) {
        const CellArguments arguments{cell, W, U, bx, bh, reset_after, candidate};
        return for_type_of(W, [&](auto zero) {
          using T = decltype(zero);
          const auto& kernels = arguments.kernels<T>();
          const auto weights = arguments.weights<T>();
          py::gil_scoped_release release;
          return Recurrent(kernels.pack(weights, threads));
        });
      }))
      .def("forward", &packed_forward)
      .def("stream", &make_stream);
}

}  // namespace seqfuse::bindings
