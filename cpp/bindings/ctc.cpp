// Python bindings of the CTC loss and its gradient.
#include <algorithm>

#include "cancellation.hpp"
#include "kernels.hpp"
#include "structures.hpp"

namespace seqfuse::bindings {
namespace {

template <class T>
CtcBatch<T> read_batch(const Array& logits, const py::object& valid, const py::object& labels,
                       const py::object& label_lengths, Index blank) {
  return {.T_ = logits.shape(0),
          .B = logits.shape(1),
          .C = logits.shape(2),
          .S = py::reinterpret_borrow<py::array>(labels).shape(1),
          .logits = steps<const T>(logits),
          .valid = pointer<const unsigned char>(valid),
          .labels = rows<const std::int64_t>(labels),
          .label_lengths = pointer<const std::int64_t>(label_lengths),
          .blank = blank};
}

OptionalArray ctc_forward(const Kernels& self, const Array& logits, const OptionalArray& valid, const Array& labels,
                          const Array& label_lengths, Index blank, const Array& losses, bool keep, int threads) {
  return for_type_of(logits, [&](auto zero) {
    using T = decltype(zero);
    CtcForwardArgs<T> args;
    args.batch = read_batch<T>(logits, valid, labels, label_lengths, blank);
    args.losses = pointer<T>(losses);
    args.threads = threads;
    Buffer<T> saved;
    if (keep)
      saved = Buffer<T>(std::max<Index>(1, self.of<T>().ctc_tape_size(args.batch)));  // a null pointer means no tape
    args.saved = saved.data();
    run_interruptible(args, [&] { return self.of<T>().ctc_forward(args); });
    return keep ? py::reinterpret_steal<OptionalArray>(to_array(std::move(saved)).release())
                : py::reinterpret_borrow<OptionalArray>(py::none());
  });
}

void ctc_backward(const Kernels& self, const PyCtcTape& tape, const Array& dlosses, const Array& dlogits, int threads) {
  const auto logits = py::reinterpret_borrow<Array>(field<"_logits">(tape));
  for_type_of(logits, [&](auto zero) {
    using T = decltype(zero);
    CtcBackwardArgs<T> args;
    args.batch = read_batch<T>(logits, field<"_valid">(tape), field<"_labels">(tape), field<"_label_lengths">(tape),
                               field<"_blank">(tape).template cast<Index>());
    args.losses = pointer<const T>(field<"_losses">(tape));
    args.saved = pointer<const T>(field<"_saved">(tape));
    args.dlosses = pointer<const T>(dlosses);
    args.dlogits = steps<T>(dlogits);
    args.threads = threads;
    run_interruptible(args, [&] { return self.of<T>().ctc_backward(args); });
  });
}

}  // namespace

void bind_ctc(KernelsClass& kernels) {
  using py::arg;
  kernels
      .def("ctc_forward", &ctc_forward, arg("logits"), arg("valid"), arg("labels"), arg("label_lengths"), arg("blank"),
           arg("losses"), arg("keep"), arg("threads"),
           "Write losses (B,) and return the tape for ctc_backward, or None if keep is false.\n\n"
           "logits: (T, B, C). valid: (T, B), one byte per step, 0 for padding, or None. labels (B, S) and\n"
           "label_lengths (B,): int64.")
      .def("ctc_backward", &ctc_backward, arg("tape"), arg("dlosses"), arg("dlogits"), arg("threads"),
           "Write dlogits (T, B, C) for the gradients dlosses (B,) of the losses.");
}

}  // namespace seqfuse::bindings
