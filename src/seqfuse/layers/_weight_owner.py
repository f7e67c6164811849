"""The weights of a layer: creation, lists, copies, and the arrays that their gradients are added to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks, initializers, regularizers
from seqfuse.layers.weight import Weight, count, placeholder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import InitializerLike, Into, RegularizerLike
    from seqfuse.layers._layer import Layer


class WeightOwner:
    """Base class of `Layer` that creates and lists weights, its own and those of its sublayers."""

    name: str
    dtype: str
    built: bool
    _dtype: np.dtype[Any]
    _trainable: bool
    _weights: list[Weight]

    def add_weight(
        self,
        name: str,
        shape: Sequence[int],
        initializer: InitializerLike = "glorot_uniform",
        regularizer: RegularizerLike = None,
    ) -> Weight:
        """Create a weight and append it to the weights of the layer.

        Parameters
        ----------
        name : str
            Name of the weight, such as "kernel".
        shape : tuple of int
            Shape of the weight.
        initializer : str, Initializer, callable or None, optional
            Initial values; see `seqfuse.initializers`. None is the same as "glorot_uniform".
        regularizer : str, Regularizer or None, optional
            Penalty that a model adds to its loss; see `seqfuse.regularizers`.

        Returns
        -------
        Weight
            The new weight. Its ``value`` is an array of the layer's dtype.

        Raises
        ------
        ValueError
            If the initializer returns another shape, or a name is unknown.
        TypeError
            If the initializer or the regularizer is of another type.
        """
        value = placeholder(shape, self._dtype)
        if value is None:
            given = "glorot_uniform" if initializer is None else initializer
            initial: Any = initializers.get(given, self.name, f"the initializer of {name}")
            value = np.array(initial(tuple(shape), dtype=self.dtype), self._dtype, order="C")
            _checks.shape(
                self.name, f"the initial value of {name}", "the shape of the weight", tuple(shape), value.shape
            )
        penalty = regularizers.get(regularizer, self.name, f"the regularizer of {name}")
        weight = Weight(name, f"{self.name}/{name}", value, self._trainable, penalty)
        self._weights.append(weight)
        return weight

    def sublayers(self) -> list[Layer]:
        """Return the layers that are attributes of this layer, or in a list or tuple that is one.

        Returns
        -------
        list of Layer
            Each layer once, in the order of the attributes, which is the order of the weights.
        """
        found: list[Any] = []
        for value in self.__dict__.values():
            inside = value if isinstance(value, (list, tuple)) else (value,)
            found += [layer for layer in inside if isinstance(layer, WeightOwner)]
        return list(dict.fromkeys(found))

    def all_sublayers(self) -> list[Layer]:
        """Return the sublayers, their sublayers, and so on.

        Returns
        -------
        list of Layer
            Each layer once; a layer comes before its own sublayers.
        """
        found: list[Layer] = []
        for layer in self.sublayers():
            found += [layer, *layer.all_sublayers()]
        return list(dict.fromkeys(found))

    @property
    def weights(self) -> list[Weight]:
        """All weights of the layer and its sublayers, in Keras's order."""
        return list(dict.fromkeys(self._weights + [w for layer in self.sublayers() for w in layer.weights]))

    @property
    def trainable_weights(self) -> list[Weight]:
        """The weights for which `backward` computes gradients."""
        return [weight for weight in self.weights if weight.trainable]

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """The weights that training does not change."""
        return [weight for weight in self.weights if not weight.trainable]

    variables, trainable_variables = weights, trainable_weights  # Keras has these names too

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights. Setting it also sets it for all sublayers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for weight in self._weights:
            weight.trainable = self._trainable
        for layer in self.sublayers():
            layer.trainable = value

    def get_weights(self) -> list[Array]:
        """Return copies of all weights.

        Returns
        -------
        list of ndarray
            The values of `weights`, in Keras's order and shapes.
        """
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set the values of all weights. If one does not fit, none is changed.

        Parameters
        ----------
        weights : sequence of array_like
            One array for each entry of `weights`, in that order, as `get_weights` returns them.

        Raises
        ------
        ValueError
            If the number of arrays or the shape of one differs.
        """
        ours = self.weights
        if len(weights) != len(ours):
            advice = "" if self.built else ". The layer has no weights before it is built: call it first"
            raise ValueError(f"{self.name}: weights must be {len(ours)} arrays; got {len(weights)}{advice}")
        arrays = [np.asarray(array) for array in weights]
        for weight, array in zip(ours, arrays):
            _checks.shape(self.name, weight.path, "the shape of the weight", weight.shape, array.shape)
        for weight, array in zip(ours, arrays):
            weight.value[...] = array

    def count_params(self) -> int:
        """Return the number of elements of all weights.

        Returns
        -------
        int
            Number of elements.
        """
        return count(self.weights)

    def targets(self, into: Into) -> list[Array]:
        """Return one array per weight for `backward` to add gradients to.

        Parameters
        ----------
        into : list of ndarray or None
            The argument of `backward`: one array per trainable weight. None means new arrays of zeros.

        Returns
        -------
        list of ndarray
            One array per entry of `weights`. A weight that is not trainable has a temporary array of zeros.
        """
        if into is not None and len(into) == len(self._weights) and self._trainable:
            return into
        given = iter(into or ())
        has_targets = into is not None
        return [next(given) if has_targets and w.trainable else np.zeros_like(w.value) for w in self.weights]

    def gradients(self, targets: list[Array]) -> list[Array]:
        """Return the arrays that belong to trainable weights: the second result of `backward`.

        Parameters
        ----------
        targets : list of ndarray
            What `targets` returned, after the gradients were added.

        Returns
        -------
        list of ndarray
            The entries for `trainable_weights`.
        """
        if all(weight.trainable for weight in self._weights):
            return targets
        return [array for weight, array in zip(self.weights, targets) if weight.trainable]
