// Caches of keys and values.
#include "seqfuse/key_cache.hpp"

#include <algorithm>
#include <numeric>

#include "bindings.hpp"
#include "in_use.hpp"
#include "scores.hpp"

namespace seqfuse::bindings {
namespace {

template <class T>
class PyKeyCache {
 public:
  explicit PyKeyCache(std::unique_ptr<KeyCache<T>> cache) : cache_(std::move(cache)) {}
  PyKeyCache(PyKeyCache&& other) noexcept : cache_(std::move(other.cache_)) {}

  py::array lengths() const {
    const InUse in_use(busy_, kName);
    return py::array_t<std::int64_t>(cache_->shape().B, cache_->lengths());
  }

  Index longest() const {
    const InUse in_use(busy_, kName);
    return greatest_length();
  }

  Index capacity() const {
    const InUse in_use(busy_, kName);
    return cache_->capacity();
  }

  void append(const py::array& k, const py::array& v, const py::array& counts) {
    const InUse in_use(busy_, kName);
    py::gil_scoped_release release;
    const parallel::FlushDenormals flush;
    cache_->append(heads<const T>(k), heads<const T>(v), pointer<const std::int64_t>(counts));
  }

  // Tk: the greatest length, to which the options were fitted before this call.
  void attend(const py::array& q, Index Tk, const ScoreOptions& options, const py::array& y, int threads) const {
    const InUse in_use(busy_, kName);
    if (Tk != greatest_length()) InUse::refuse(kName);
    const auto [B, Hk, D, Dv] = cache_->shape();
    const AttentionShape shape{B, q.shape(1), Hk, q.shape(2), Tk, D, Dv};
    AttentionForwardArgs<T> args{shape,       heads<const T>(q), {},      {},      options_of<T>(options, shape),
                                 heads<T>(y), nullptr,           nullptr, nullptr, threads,
                                 {}};
    interruptible(args.stop, [&] { return cache_->attend(args); });
  }

  void reset(const py::object& rows) {
    const InUse in_use(busy_, kName);
    if (rows.is_none()) {
      for (Index b = 0; b < cache_->shape().B; ++b) cache_->reset(b);
    } else {
      const auto numbers = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>(rows);
      for (Index i = 0; i < numbers.size(); ++i) cache_->reset(numbers.data()[i]);
    }
  }

  PyKeyCache copy() const {
    const InUse in_use(busy_, kName);
    return PyKeyCache(cache_->copy());
  }

 private:
  static constexpr const char* kName = "cache";

  Index greatest_length() const {
    const std::int64_t* lengths = cache_->lengths();
    return std::accumulate(lengths, lengths + cache_->shape().B, Index(0),
                           [](Index a, std::int64_t b) { return std::max(a, static_cast<Index>(b)); });
  }

  std::unique_ptr<KeyCache<T>> cache_;
  mutable std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

template <class T>
void bind_one(py::module_& module, const char* name) {
  py::class_<PyKeyCache<T>>(module, name, py::module_local())
      .def(py::init([](Index B, Index Hk, Index D, Index Dv, Index capacity) {
        return PyKeyCache<T>(make_key_cache<T>({B, Hk, D, Dv}, capacity));
      }))
      .def("lengths", &PyKeyCache<T>::lengths)
      .def("longest", &PyKeyCache<T>::longest)
      .def("capacity", &PyKeyCache<T>::capacity)
      .def("append", &PyKeyCache<T>::append)
      .def("attend", &PyKeyCache<T>::attend)
      .def("reset", &PyKeyCache<T>::reset)
      .def("copy", &PyKeyCache<T>::copy);
}

}  // namespace

void bind_key_cache(py::module_& module) {
  bind_one<float>(module, "KeyCacheFloat");
  bind_one<double>(module, "KeyCacheDouble");
}

}  // namespace seqfuse::bindings
