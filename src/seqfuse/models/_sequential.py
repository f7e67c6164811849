"""Sequential: a model that is a chain of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.layers._input import Input, InputLayer
from seqfuse.layers._layer import Layer
from seqfuse.layers._tensor import Tensor
from seqfuse.models._model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from seqfuse.models._graph import Graph


class Sequential(Model):
    """Model whose layers form a chain.

    Parameters
    ----------
    layers : sequence of Layer, default ()
        Layers in order. An `Input` may come first; without it, the first call determines the shapes.
    name : str, optional
        Name of the model. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the model itself; each layer has its own.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    TypeError
        If an entry of `layers` is not a layer.
    ValueError
        If a layer does not fit the output of the layer before it, or two layers have the same name.

    Examples
    --------
    >>> from seqfuse.layers import Dense, SimpleRNN
    >>> from seqfuse.models import Sequential
    >>> model = Sequential()
    >>> model.add(SimpleRNN(64, input_shape=(10, 1)))
    >>> model.add(Dense(1))
    >>> model.count_params()
    4289
    """

    def __init__(
        self,
        layers: Sequence[Layer | Tensor] = (),
        name: str | None = None,
        *,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, **keras_options)
        self._chain: list[Layer] = []
        self._start: Tensor | None = None
        for layer in layers:
            self.add(layer)

    def add(self, layer: Layer | Tensor) -> None:
        """Append a layer.

        Parameters
        ----------
        layer : Layer or Tensor
            The layer; the first one may be an `Input`.

        Raises
        ------
        TypeError
            If it is not a layer.
        ValueError
            If it does not fit the output of the last layer, or its name is in use. The model is unchanged.
        """
        if isinstance(layer, Tensor) and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise TypeError(f"{self.name}: a layer must be added; got {type(layer).__name__}")
        if isinstance(layer, InputLayer):
            if self._chain or self._start is not None:
                raise ValueError(f"{self.name}: an Input must come first; got one after {len(self._chain)} layers")
            self._start = Input(layer.shape, layer.batch_size, layer.dtype, layer.name)
            return
        if layer.name in [each.name for each in self._chain]:
            raise ValueError(f'{self.name}: names of layers must be unique; got "{layer.name}" twice')
        if not self._chain and self._start is None and layer.input_shape is not None:
            self._start = Input(layer.input_shape)
        self._chain.append(layer)
        try:
            self._connect_chain()
        except ValueError:
            self._chain.pop()
            raise

    def pop(self) -> Layer:
        """Remove the last layer.

        Returns
        -------
        Layer
            The removed layer.

        Raises
        ------
        ValueError
            If the model has no layers.
        """
        if not self._chain:
            raise ValueError(f"{self.name}: the model has no layer to remove")
        layer = self._chain.pop()
        self._graph = None
        self._connect_chain()
        return layer

    def _connect_chain(self) -> None:
        """Build the graph if the input shape is known."""
        if self._start is None or not self._chain:
            return
        y: Any = self._start
        for layer in self._chain:
            y = layer(y)
        self._set_graph(self._start, y)

    def build(self, input_shape: Any) -> None:
        """Create the weights for an input shape. Does nothing if the shape is already known.

        Parameters
        ----------
        input_shape : tuple of int or None
            Shape of the input, including the batch axis.
        """
        if self._start is None:
            self._start = Input(tuple(input_shape)[1:])
            try:
                self._connect_chain()
            except ValueError:
                self._start = None
                raise

    def _ready_graph(self, x: Any) -> Graph:
        if self._graph is None:
            if not self._chain:
                raise ValueError(f"{self.name}: the model has no layers. Add some")
            self.build((None, *np.shape(x)[1:]))
        return super()._ready_graph(x)

    def sublayers(self) -> list[Layer]:
        return list(self._chain)

    def get_config(self) -> dict[str, Any]:
        # the layers; an InputLayer comes first if the input shape is known
        start = [] if self._start is None else [self._start.node.layer]
        return {"name": self.name, "trainable": self.trainable, "layers": [*start, *self._chain]}

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> Any:
        model = cls(parts["layers"][:1], name=parts["name"], trainable=parts["trainable"])
        model._chain += parts["layers"][1:]
        model._connect_chain()
        return model

    def check_shape(self, shape: Any, *, source: Layer | None = None) -> None:
        # the first layer checks the shape when the chain is built
        if not self.built and self._start is None:
            self.build(shape)
