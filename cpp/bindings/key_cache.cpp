// Python classes of the cache of keys and values.
#include <algorithm>
#include <numeric>

#include "cancellation.hpp"
#include "in_use.hpp"
#include "score_options.hpp"

namespace seqfuse::bindings {
namespace {

template <class T>
class PyKeyCache {
 public:
  explicit PyKeyCache(std::unique_ptr<KeyCache<T>> cache) : cache_(std::move(cache)) {}
  PyKeyCache(PyKeyCache&& other) noexcept : cache_(std::move(other.cache_)) {}

  Array lengths() const {
    const InUse in_use(busy_, kName);
    return py::array_t<std::int64_t>(cache_->shape().B, cache_->lengths());
  }

  Index longest() const {
    const InUse in_use(busy_, kName);
    return max_length();
  }

  Index capacity() const {
    const InUse in_use(busy_, kName);
    return cache_->capacity();
  }

  void append(const Array& k, const Array& v, const Array& counts) {
    const InUse in_use(busy_, kName);
    const auto keys = heads<const T>(k), values = heads<const T>(v);
    const auto* n = pointer<const std::int64_t>(counts);
    const GilRelease release;
    const parallel::FlushDenormals flush;
    cache_->append(keys, values, n);
  }

  // Tk: the largest length, for which the caller prepared the options. Another thread may have changed it since then.
  void attend(const Array& q, Index Tk, const PyScoreOptions& options, const Array& y, int threads) const {
    const InUse in_use(busy_, kName);
    if (Tk != max_length()) InUse::refuse(kName);
    const auto [B, Hk, D, Dv] = cache_->shape();
    const AttentionShape shape{B, q.shape(1), Hk, q.shape(2), Tk, D, Dv};
    AttentionForwardArgs<T> args;
    args.shape = shape;
    args.q = heads<const T>(q);
    args.options = read_score_options<T>(options, shape);
    args.y = heads<T>(y);
    args.threads = threads;
    run_interruptible(args, [&] { return cache_->attend(args); });
  }

  void reset(const OptionalArray& rows) {
    const InUse in_use(busy_, kName);
    if (rows.is_none()) {
      for (Index b = 0; b < cache_->shape().B; ++b) cache_->reset(b);
    } else {
      const auto indices = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>(rows);
      for (Index i = 0; i < indices.size(); ++i) cache_->reset(indices.data()[i]);
    }
  }

  PyKeyCache copy() const {
    const InUse in_use(busy_, kName);
    return PyKeyCache(cache_->copy());
  }

 private:
  static constexpr const char* kName = "cache";

  Index max_length() const {
    const std::int64_t* lengths = cache_->lengths();
    return std::accumulate(lengths, lengths + cache_->shape().B, Index(0),
                           [](Index a, std::int64_t b) { return std::max(a, static_cast<Index>(b)); });
  }

  std::unique_ptr<KeyCache<T>> cache_;
  mutable std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

template <class T>
void bind_key_cache_class(py::module_& module, KernelsClass& kernels, const char* name) {
  using py::arg;
  py::class_<PyKeyCache<T>>(module, name, py::module_local(),
                            "Cache of the keys and values of a batch, packed in blocks.")
      .def("lengths", &PyKeyCache<T>::lengths, "Return a copy of the lengths (B,), int64.")
      .def("longest", &PyKeyCache<T>::longest, "Return the largest length.")
      .def("capacity", &PyKeyCache<T>::capacity, "Return how many keys per batch row fit without new memory.")
      .def("append", &PyKeyCache<T>::append, arg("k"), arg("v"), arg("counts"),
           "Append the first counts[b] keys and values of batch row b.\n\n"
           "k: (B, Hk, T, D). v: (B, Hk, T, Dv). counts: int64 (B,).")
      .def("attend", &PyKeyCache<T>::attend, arg("q"), arg("longest"), arg("options"), arg("y"), arg("threads"),
           "Write y (B, Hq, Tq, Dv), the attention of q (B, Hq, Tq, D) to the cache.\n\nlongest is the largest length.")
      .def("reset", &PyKeyCache<T>::reset, arg("rows"),
           "Remove all keys of the batch rows `rows`, int64, or of all batch rows if it is None.")
      .def("copy", &PyKeyCache<T>::copy, "Return a copy.");
  kernels.def(
      name,
      [](const Kernels& self, Index B, Index Hk, Index D, Index Dv, Index capacity) {
        return PyKeyCache<T>(self.of<T>().make_key_cache({B, Hk, D, Dv}, capacity));
      },
      arg("B"), arg("Hk"), arg("D"), arg("Dv"), arg("capacity"),
      "Return an empty cache with room for `capacity` keys per batch row.");
}

}  // namespace

void bind_key_cache(py::module_& module, KernelsClass& kernels) {
  bind_key_cache_class<float>(module, kernels, "KeyCacheFloat");
  bind_key_cache_class<double>(module, kernels, "KeyCacheDouble");
}

}  // namespace seqfuse::bindings
