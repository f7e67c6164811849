// The options of a cell that are chosen at run time. Only plain data, so it may be compiled with any flags.
#pragma once

#include <limits>
#include <string_view>

namespace seqfuse {

enum class ActivationKind { tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu, leaky_relu };

// An activation function. alpha and beta are its constants, if it has any (activation.hpp).
template <class T>
struct Activation {
  ActivationKind kind;
  T alpha = T(0), beta = T(0);
};

// Finds an activation function by its name in Keras. Returns false if there is none.
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
  T clip = std::numeric_limits<T>::infinity();  // pre-activations are clipped to [-clip, clip]
  bool candidate = false;                       // GRU: h = (1 - z) * h_prev + z * n (Chung et al. 2014)
  bool peephole = false;                        // LSTM: use the peephole weights

  // Returns whether DefaultActivations applies: it is faster, and the tape needs no slopes. It supports `candidate`.
  bool uses_default_activations() const {
    return activation.kind == ActivationKind::tanh && recurrent_activation.kind == ActivationKind::sigmoid &&
           clip == std::numeric_limits<T>::infinity() && !peephole;
  }
};

}  // namespace seqfuse
