// What changes a cell's equations at run time: plain data, compiled with any flags.
#pragma once

#include <limits>
#include <string_view>

namespace seqfuse {

enum class ActivationKind { tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu, leaky_relu };

// A function of one number; alpha and beta are the constants of those that have some (activation.hpp).
template <class T>
struct Activation {
  ActivationKind kind;
  T alpha = T(0), beta = T(0);
};

// By the names of Keras; false where there is no such function.
inline bool find_activation(std::string_view name, ActivationKind& kind) {
  constexpr std::string_view kNames[] = {"tanh",     "sigmoid",  "relu", "linear",    "hard_sigmoid",
                                         "softsign", "softplus", "elu",  "leaky_relu"};
  for (int i = 0; i < static_cast<int>(std::size(kNames)); ++i)
    if (kNames[i] == name) {
      kind = static_cast<ActivationKind>(i);
      return true;
    }
  return false;
}

template <class T>
struct CellOptions {
  Activation<T> activation{ActivationKind::tanh};
  Activation<T> recurrent_activation{ActivationKind::sigmoid};
  T clip = std::numeric_limits<T>::infinity();  // of pre-activations, to [-clip, clip]
  bool candidate = false;                       // GRU: h = (1 - z) * h_prev + z * n (Chung et al. 2014)
  bool peephole = false;                        // LSTM: the parameters of a unit are read

  // What is compiled in, and keeps no slopes on the tape; `candidate` is a branch of it.
  bool uses_default_activations() const {
    return activation.kind == ActivationKind::tanh && recurrent_activation.kind == ActivationKind::sigmoid &&
           clip == std::numeric_limits<T>::infinity() && !peephole;
  }
};

}  // namespace seqfuse
