// Packed weights of a cell, float or double. Python owns them and shares them with the streams that use them.
#pragma once

#include <memory>
#include <utility>
#include <variant>

#include "arrays.hpp"
#include "seqfuse/recurrent.hpp"

namespace seqfuse::bindings {

class PackedCell {
 public:
  template <class T>
  explicit PackedCell(PackedWeights<T> packed) : packed_(std::make_shared<const PackedWeights<T>>(std::move(packed))) {}

  // Calls f with a shared_ptr<const PackedWeights<T>>.
  template <class F>
  auto visit(F&& f) const {
    return std::visit(std::forward<F>(f), packed_);
  }

 private:
  template <class T>
  using Shared = std::shared_ptr<const PackedWeights<T>>;
  std::variant<Shared<float>, Shared<double>> packed_;
};

py::object make_stream(const PackedCell& packed, Index batch);

}  // namespace seqfuse::bindings
