// Binds streams, which compute one step per call.
//
// The call itself takes most of the time of a small step. Arrays are therefore checked here, with as few instructions
// as possible. Arrays that match exactly are used without conversion; all others are refused before the state changes.
// seqfuse.functional.stream then converts them, or raises an error that explains the mismatch.
#include "cancellation.hpp"
#include "in_use.hpp"
#include "kernels.hpp"
#include "packed_cell.hpp"
#include "structures.hpp"

namespace seqfuse::bindings {
namespace {

template <class T>
class PyStream {
 public:
  PyStream(std::unique_ptr<Stream<T>> stream, Index batch, Index I, Index H)
      : stream_(std::move(stream)), batch_(batch), I_(I), H_(H) {}

  Array step(const py::object& x, const py::object& out) {
    const Rows<const T> from = exactly<const T>(x, I_);
    const py::object output = out.is_none() ? py::array_t<T>({batch_, H_}) : out;
    const Rows<T> to = exactly<T>(output, H_);
    const InUse in_use(busy_, "stream");
    if (I_ * H_ + H_ * H_ < kWorthTheGil) {
      stream_->step(from, to);
    } else {
      const GilRelease release;
      stream_->step(from, to);
    }
    return py::reinterpret_borrow<Array>(output);
  }

  Array h() {
    const InUse in_use(busy_, "stream");
    return copy_of(stream_->h());
  }
  AnyObject c() {
    const InUse in_use(busy_, "stream");
    if (!stream_->c()) return py::reinterpret_borrow<AnyObject>(py::none());
    return py::reinterpret_steal<AnyObject>(copy_of(stream_->c()).release());
  }

  void set(const Array& h, const OptionalArray& c) {
    const InUse in_use(busy_, "stream");
    assign(rows<const T>(h), stream_->h());
    if (stream_->c()) assign(rows<const T>(c), stream_->c());
  }

  void reset(const OptionalArray& which) {
    const InUse in_use(busy_, "stream");
    if (which.is_none()) {
      for (Index b = 0; b < batch_; ++b) clear(b);
    } else {
      const auto rows = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>(which);
      for (Index i = 0; i < rows.size(); ++i) clear(rows.data()[i]);
    }
  }

  PyStream copy() const {
    const InUse in_use(busy_, "stream");
    return {stream_->copy(), batch_, I_, H_};
  }
  PyStream(PyStream&& other) noexcept
      : stream_(std::move(other.stream_)), batch_(other.batch_), I_(other.I_), H_(other.H_) {}

 private:
  static constexpr Index kSize = sizeof(T);
  // Steps with at least this many weights per gate release the GIL. Releasing and acquiring it costs 0.1 us; a step
  // with I = H = 128 takes about 4 us.
  static constexpr Index kWorthTheGil = 32768;

  // Returns the rows of `object` if it is a (batch, last) array of T with contiguous and aligned rows, which must be
  // writeable for a non-const Element. Throws otherwise. NumPy's native dtypes are single objects, but unpickled arrays
  // refer to an equivalent object. The stride of an axis of length 1 may have any value.
  template <class Element>
  Rows<Element> exactly(const py::object& object, Index last) const {
    using Flags = py::detail::npy_api::constants;
    static PyObject* const native = py::dtype::of<T>().release().ptr();
    constexpr int kNeeded = Flags::NPY_ARRAY_ALIGNED_ | (std::is_const_v<Element> ? 0 : Flags::NPY_ARRAY_WRITEABLE_);
    if (py::isinstance<py::array>(object)) {
      const auto array = py::reinterpret_borrow<py::array>(object);
      const auto* fields = py::detail::array_proxy(array.ptr());
      if (fields->nd == 2 && fields->dimensions[0] == batch_ && fields->dimensions[1] == last &&
          (fields->strides[1] == kSize || last <= 1) && (fields->strides[0] % kSize == 0 || batch_ == 1 || last == 0) &&
          (fields->flags & kNeeded) == kNeeded &&
          (fields->descr == native || py::detail::npy_api::get().PyArray_EquivTypes_(fields->descr, native)))
        return {pointer<Element>(array), fields->strides[0] / kSize};
    }
    throw py::value_error("step: x and out must have the exact shape, type and layout of the stream");
  }

  Array copy_of(Rows<T> from) const {
    py::array_t<T> to({batch_, H_});
    for (Index b = 0; b < batch_; ++b) std::copy_n(from.row(b), H_, to.mutable_data(b, 0));
    return to;
  }

  void assign(Rows<const T> from, Rows<T> to) const {
    for (Index b = 0; b < batch_; ++b) std::copy_n(from.row(b), H_, to.row(b));
  }

  void clear(Index b) {
    std::fill_n(stream_->h().row(b), H_, T(0));
    if (stream_->c()) std::fill_n(stream_->c().row(b), H_, T(0));
  }

  std::unique_ptr<Stream<T>> stream_;
  Index batch_, I_, H_;
  mutable std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

template <class T>
void bind_stream_of(py::module_& module, const char* name) {
  py::class_<PyStream<T>>(module, name, py::module_local(),
                          "Recurrent cell with an internal state that computes one step per call.")
      .def("step", &PyStream<T>::step, py::arg("x"), py::arg("out"),
           "Compute one step. Raise ValueError, without changing the state, if an array does not match exactly.")
      .def("h", &PyStream<T>::h, "Return a copy of the hidden state.")
      .def("c", &PyStream<T>::c, "Return a copy of the cell state, or None if the cell has none.")
      .def("set", &PyStream<T>::set, py::arg("h"), py::arg("c"))
      .def("reset", &PyStream<T>::reset, py::arg("rows"),
           "Set the states of the given rows (int64), or of all rows if None, to zero.")
      .def("copy", &PyStream<T>::copy);
}

template <class T>
py::object stream_of(const std::shared_ptr<const PackedWeights<T>>& packed, Index batch) {
  return py::cast(PyStream<T>(packed->kernels->stream(packed, batch), batch, packed->I, packed->H));
}

}  // namespace

py::object make_stream(const PackedCell& packed_cell, Index batch) {
  return packed_cell.visit([&](const auto& packed) { return stream_of(packed, batch); });
}

void bind_stream(py::module_& module) {
  bind_stream_of<float>(module, "StreamFloat");
  bind_stream_of<double>(module, "StreamDouble");
}

}  // namespace seqfuse::bindings
