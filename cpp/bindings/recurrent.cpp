// The recurrent kernels: weights packed once (Recurrent), or given as they lie for one call.
#include "packed.hpp"

#include "bindings.hpp"

namespace seqfuse::bindings {

namespace {

// What every function here begins with: the equations and the weights.
struct CellArguments {
  std::string cell;
  py::array W;
  py::object U, bx, bh;
  bool candidate;
  py::object options;  // None: as compiled in; else as _kernels.pyi says

  template <class T>
  const RecurrentKernels<T>& kernels() const {
    const auto* found = find_recurrent_kernels<T>(cell);
    if (found == nullptr) throw py::value_error("no such cell: " + cell);
    return *found;
  }
  template <class T>
  Weights<T> weights() const {
    Weights<T> weights;
    weights.I = W.shape(0), weights.H = W.shape(1) / kernels<T>().gates;
    weights.W = rows<const T>(W), weights.bx = pointer<const T>(bx), weights.bh = pointer<const T>(bh);
    if (!U.is_none()) {
      const auto array = py::reinterpret_borrow<py::array>(U);
      if (array.ndim() == 1)
        weights.parameters = {pointer<const T>(array), 0};  // each unit's own
      else
        weights.U = rows<const T>(array);
    }
    weights.options.candidate = candidate;
    if (!options.is_none()) choose(weights);
    return weights;
  }

 private:
  template <class T>
  static Activation<T> activation(const py::tuple& from, std::size_t at) {
    Activation<T> to{};
    const auto name = from[at].cast<std::string>();
    if (!find_activation(name, to.kind)) throw py::value_error("no such activation: " + name);
    to.alpha = static_cast<T>(from[at + 1].cast<double>()), to.beta = static_cast<T>(from[at + 2].cast<double>());
    return to;
  }
  template <class T>
  void choose(Weights<T>& weights) const {
    const auto given = options.cast<py::tuple>();
    weights.options.activation = activation<T>(given, 0);
    weights.options.recurrent_activation = activation<T>(given, 3);
    weights.options.clip = static_cast<T>(given[6].cast<double>());
    const py::object peephole = given[7];
    if (peephole.is_none()) return;
    weights.options.peephole = true;
    weights.parameters = rows<const T>(peephole);
  }
};

// How the sequence is given.
struct SequenceArguments {
  py::array x;
  py::object h0, c0, real, recurrent_mask;
  bool reverse;

  template <class T>
  Sequence<T> view() const {
    return {x.shape(0), x.shape(1),        steps<const T>(x), pointer<const unsigned char>(real),
            reverse,    rows<const T>(h0), rows<const T>(c0), rows<const T>(recurrent_mask)};
  }
};

template <class T>
py::object run_forward(const PackedWeights<T>& packed, const SequenceArguments& sequence, const py::object& y,
                       const py::object& h, const py::object& c, bool keep, Index checkpoint, int threads) {
  const auto& kernels = *packed.kernels;
  ForwardArgs<T> args;
  args.sequence = sequence.view<T>();
  args.y = steps<T>(y), args.h = rows<T>(h), args.c = rows<T>(c);
  args.checkpoint = keep ? checkpoint : 0, args.threads = threads;
  Buffer<T> saved;
  if (keep)
    saved = Buffer<T>(kernels.tape_size(packed.options, args.sequence.T_, args.sequence.B, packed.H, checkpoint));
  args.saved = saved.data();
  interruptible(args.stop, [&] { return kernels.forward(packed, args); });
  return keep ? py::object(to_array(std::move(saved))) : py::none();
}

py::object recurrent_forward(const std::string& cell, const py::array& W, const py::object& U, const py::object& bx,
                             const py::object& bh, bool candidate, const py::object& options, const py::array& x,
                             const py::object& h0, const py::object& c0, const py::object& real,
                             const py::object& recurrent_mask, bool reverse, const py::object& y, const py::object& h,
                             const py::object& c, bool keep, Index checkpoint, int threads) {
  const CellArguments arguments{cell, W, U, bx, bh, candidate, options};
  return for_type_of(W, [&](auto zero) {
    using T = decltype(zero);
    const auto& kernels = arguments.kernels<T>();
    const auto weights = arguments.weights<T>();
    const auto packed = [&] {
      py::gil_scoped_release release;
      return kernels.prepare(weights, x.shape(0), x.shape(1), threads);
    }();
    return run_forward<T>(packed, {x, h0, c0, real, recurrent_mask, reverse}, y, h, c, keep, checkpoint, threads);
  });
}

void recurrent_backward(const std::string& cell, const py::array& W, const py::object& U, const py::object& bx,
                        const py::object& bh, bool candidate, const py::object& options, const py::array& x,
                        const py::object& h0, const py::object& c0, const py::object& real,
                        const py::object& recurrent_mask, bool reverse, const py::object& y, const py::object& saved,
                        Index checkpoint, const py::object& dy, const py::object& dh, const py::object& dc,
                        const py::object& dx, const py::object& dW, const py::object& dU, const py::object& db,
                        const py::object& dbh, const py::object& dpeephole, const py::object& dh0,
                        const py::object& dc0, bool added, int threads) {
  const CellArguments arguments{cell, W, U, bx, bh, candidate, options};
  for_type_of(W, [&](auto zero) {
    using T = decltype(zero);
    const auto weights = arguments.weights<T>();
    BackwardArgs<T> args;
    args.tape = {SequenceArguments{x, h0, c0, real, recurrent_mask, reverse}.view<T>(), steps<const T>(y),
                 pointer<const T>(saved), checkpoint};
    args.dy = steps<const T>(dy), args.dh = rows<const T>(dh), args.dc = rows<const T>(dc);
    args.dx = steps<T>(dx), args.dW = rows<T>(dW);
    if (weights.U)
      args.dU = rows<T>(dU);
    else
      args.dparameters = {pointer<T>(dU), 0};
    args.db = pointer<T>(db), args.dbh = pointer<T>(dbh);
    if (!dpeephole.is_none()) args.dparameters = rows<T>(dpeephole);
    args.dh0 = rows<T>(dh0), args.dc0 = rows<T>(dc0);
    args.added = added, args.threads = threads;
    interruptible(args.stop, [&] { return arguments.kernels<T>().backward(weights, args); });
  });
}

void recurrent_tape(const std::string& cell, const py::array& W, const py::object& U, const py::object& bx,
                    const py::object& bh, bool candidate, const py::object& options, const py::array& x,
                    const py::object& h0, const py::object& c0, const py::object& real,
                    const py::object& recurrent_mask, bool reverse, const py::object& y, const py::object& saved,
                    Index checkpoint, const py::list& states, const py::list& gates, int threads) {
  const CellArguments arguments{cell, W, U, bx, bh, candidate, options};
  for_type_of(W, [&](auto zero) {
    using T = decltype(zero);
    const auto weights = arguments.weights<T>();
    InspectArgs<T> args;
    args.tape = {SequenceArguments{x, h0, c0, real, recurrent_mask, reverse}.view<T>(), steps<const T>(y),
                 pointer<const T>(saved), checkpoint};
    for (std::size_t i = 0; i < states.size(); ++i) args.states[i] = steps<T>(states[i]);
    for (std::size_t i = 0; i < gates.size(); ++i) args.gates[i] = steps<T>(gates[i]);
    args.threads = threads;
    interruptible(args.stop, [&] { return arguments.kernels<T>().inspect(weights, args); });
  });
}

void packed_forward(const Recurrent& self, const py::array& x, const py::object& h0, const py::object& c0,
                    const py::object& real, const py::object& recurrent_mask, bool reverse, const py::object& y,
                    const py::object& h, const py::object& c, int threads) {
  self.visit([&](const auto& packed) {
    run_forward(*packed, {x, h0, c0, real, recurrent_mask, reverse}, y, h, c, false, 0, threads);
  });
}

}  // namespace

void bind_recurrent(py::module_& module) {
  module.def("recurrent_forward", &recurrent_forward);
  module.def("recurrent_backward", &recurrent_backward);
  module.def("recurrent_tape", &recurrent_tape);
  py::class_<Recurrent>(module, "Recurrent", py::module_local())
      .def(py::init([](const std::string& cell, const py::array& W, const py::object& U, const py::object& bx,
                       const py::object& bh, bool candidate, const py::object& options, int threads) {
        const CellArguments arguments{cell, W, U, bx, bh, candidate, options};
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
