// Python binding of the optimizers: one update of all parameters, in place.
#include <string>
#include <string_view>

#include "cancellation.hpp"
#include "kernels.hpp"
#include "structures.hpp"

namespace seqfuse::bindings {
namespace {

GradientLimit find_limit(std::string_view name) {
  if (name == "none") return GradientLimit::none;
  if (name == "value") return GradientLimit::value;
  if (name == "norm") return GradientLimit::norm;
  if (name == "global_norm") return GradientLimit::global_norm;
  throw py::value_error("optimizer_update: limit must be \"none\", \"value\", \"norm\" or \"global_norm\"; got " +
                        std::string(name));
}

void optimizer_update(const Kernels& self, const PyUpdate& update, const Array& params, const Array& grads,
                      const OptionalArray& average, std::int64_t count, double learning_rate, double average_momentum,
                      int threads) {
  const auto rule = field<"rule">(update).cast<std::string>();
  const auto states = field<"states">(update).cast<py::tuple>(), numbers = field<"numbers">(update).cast<py::tuple>();
  const auto runs = py::reinterpret_borrow<py::array>(field<"runs">(update));
  if (states.size() > kMaxRuleStates || numbers.size() > kMaxRuleNumbers)
    throw py::value_error("optimizer_update: update must have at most " + std::to_string(kMaxRuleStates) +
                          " states and " + std::to_string(kMaxRuleNumbers) + " numbers; got " +
                          std::to_string(states.size()) + " and " + std::to_string(numbers.size()));
  for_type_of(params, [&](auto zero) {
    using T = decltype(zero);
    UpdateArgs<T> args;
    args.rule = rule;
    args.params = pointer<T>(params);
    args.grads = pointer<const T>(grads);
    args.n_states = static_cast<int>(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) args.states[i] = pointer<T>(py::object(states[i]));
    args.average = pointer<T>(average);
    args.runs = pointer<const UpdateRun>(runs);
    args.n_runs = runs.shape(0);
    args.step.count = count;
    args.step.learning_rate = learning_rate;
    args.n_numbers = static_cast<int>(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) args.step.numbers[i] = numbers[i].cast<double>();
    args.grad_scale = field<"grad_scale">(update).template cast<double>();
    args.limit = find_limit(field<"limit">(update).template cast<std::string>());
    args.max_gradient = field<"max_gradient">(update).template cast<double>();
    args.weight_decay = field<"weight_decay">(update).template cast<double>();
    args.average_momentum = average_momentum;
    args.threads = threads;
    run_released(self.of<T>().optimizer_update, args);
  });
}

}  // namespace

void bind_optimizer(KernelsClass& kernels) {
  using py::arg;
  kernels.def("optimizer_update", &optimizer_update, arg("update"), arg("params"), arg("grads"), arg("average"),
              arg("count"), arg("learning_rate"), arg("average_momentum"), arg("threads"),
              "Update params, the states of `update`, and average unless it is None, in place.\n\n"
              "All are flat arrays of the same size. count is the number of updates, including this one.");
}

}  // namespace seqfuse::bindings
