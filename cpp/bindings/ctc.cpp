// The CTC loss of a batch of sequences, and its gradient.
#include "seqfuse/ctc.hpp"

#include <algorithm>

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {
namespace {

template <class T>
CtcBatch<T> batch_of(const py::array& logits, const py::object& real, const py::array& labels,
                     const py::array& label_lengths, Index blank) {
  return {logits.shape(0),
          logits.shape(1),
          logits.shape(2),
          labels.shape(1),
          steps<const T>(logits),
          pointer<const unsigned char>(real),
          rows<const std::int64_t>(labels),
          pointer<const std::int64_t>(label_lengths),
          blank};
}

py::object forward(const py::array& logits, const py::object& real, const py::array& labels,
                   const py::array& label_lengths, Index blank, const py::array& losses, bool keep, int threads) {
  return for_type_of(logits, [&](auto zero) {
    using T = decltype(zero);
    CtcForwardArgs<T> args;
    args.batch = batch_of<T>(logits, real, labels, label_lengths, blank);
    args.losses = pointer<T>(losses), args.threads = threads;
    Buffer<T> saved;
    if (keep) saved = Buffer<T>(std::max<Index>(1, ctc_tape_size(args.batch)));  // an array has to have an address
    args.saved = saved.data();
    interruptible(args.stop, [&] { return ctc_forward(args); });
    return keep ? py::object(to_array(std::move(saved))) : py::none();
  });
}

void backward(const py::array& logits, const py::object& real, const py::array& labels, const py::array& label_lengths,
              Index blank, const py::array& losses, const py::array& saved, const py::array& dlosses,
              const py::array& dlogits, int threads) {
  for_type_of(logits, [&](auto zero) {
    using T = decltype(zero);
    CtcBackwardArgs<T> args;
    args.batch = batch_of<T>(logits, real, labels, label_lengths, blank);
    args.losses = pointer<const T>(losses), args.saved = pointer<const T>(saved);
    args.dlosses = pointer<const T>(dlosses), args.dlogits = steps<T>(dlogits), args.threads = threads;
    interruptible(args.stop, [&] { return ctc_backward(args); });
  });
}

}  // namespace

void bind_ctc(py::module_& module) {
  module.def("ctc_forward", &forward);
  module.def("ctc_backward", &backward);
}

}  // namespace seqfuse::bindings
