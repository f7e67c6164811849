// One update of all parameters, in place.
#include "seqfuse/optimizer.hpp"

#include "arrays.hpp"
#include "bindings.hpp"

namespace seqfuse::bindings {
namespace {

GradientLimit find_limit(std::string_view name) {
  if (name == "none") return GradientLimit::none;
  if (name == "value") return GradientLimit::value;
  if (name == "norm") return GradientLimit::norm;
  if (name == "global_norm") return GradientLimit::global_norm;
  throw py::value_error("no such limit: " + std::string(name));
}

}  // namespace

void bind_optimizer(py::module_& module) {
  module.def("optimizer_update",
             [](std::string_view rule, const py::array& params, const py::array& grads, const py::tuple& states,
                const py::object& average, const py::array& runs, std::int64_t count, double learning_rate,
                const py::tuple& numbers, double grad_scale, std::string_view limit, double most, double weight_decay,
                double average_momentum, int threads) {
               if (states.size() > kMostRuleStates || numbers.size() > kMostRuleNumbers)
                 throw py::value_error("more states or numbers than any rule has");
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
                 args.grad_scale = grad_scale;
                 args.limit = find_limit(limit);
                 args.most = most;
                 args.weight_decay = weight_decay;
                 args.average_momentum = average_momentum;
                 args.threads = threads;
                 py::gil_scoped_release release;
                 optimizer_update(args);
               });
             });
}

}  // namespace seqfuse::bindings
