"""A model whose layers come one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.layers._input import Input, InputLayer
from seqfuse.layers._layer import Layer
from seqfuse.layers._tensor import Tensor
from seqfuse.models._model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse.models._graph import Graph


class Sequential(Model):
    """Layers one after the other.

    Parameters
    ----------
    layers : list of Layer        an `Input` may come first; without one, the first array says the shape
    name : str

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

    def __init__(self, layers: Sequence[Any] = (), name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self._chain: list[Layer] = []
        self._start: Tensor | None = None
        for layer in layers:
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Put a layer at the end.

        Raises
        ------
        TypeError        not a layer
        ValueError        it cannot take what the layer before it gives; its name is taken
        """
        if isinstance(layer, Tensor) and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise TypeError(f"{self.name}: a layer must be added; got {type(layer).__name__}")
        if isinstance(layer, InputLayer):
            if self._chain or self._start is not None:
                raise ValueError(f"{self.name}: an Input must come first; got it behind {len(self._chain)} layers")
            self._start = Input(layer.shape, layer.batch_size, layer.dtype, layer.name)
            return
        if layer.name in [one.name for one in self._chain]:
            raise ValueError(f'{self.name}: names of layers must differ; got "{layer.name}" twice')
        if not self._chain and self._start is None and layer.input_shape is not None:
            self._start = Input(layer.input_shape)
        self._chain.append(layer)
        try:
            self._connect_chain()
        except ValueError:
            self._chain.pop()
            raise

    def pop(self) -> Layer:
        """Take the last layer away, and return it."""
        if not self._chain:
            raise ValueError(f"{self.name}: there is no layer to take away")
        layer = self._chain.pop()
        self._graph = None
        self._connect_chain()
        return layer

    def _connect_chain(self) -> None:
        if self._start is None or not self._chain:
            return
        y: Any = self._start
        for layer in self._chain:
            y = layer(y)
        self._set_graph(self._start, y)

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape, the batch included."""
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
                raise ValueError(f"{self.name}: it has no layers; add some")
            self.build((None, *np.shape(x)[1:]))
        return super()._ready_graph(x)

    def sublayers(self) -> list[Layer]:
        """The layers, in order."""
        return list(self._chain)

    def get_config(self) -> dict[str, Any]:
        """Its layers, an InputLayer first where the shape is known."""
        start = [] if self._start is None else [self._start.node.layer]
        return {"name": self.name, "trainable": self.trainable, "layers": [*start, *self._chain]}

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> Any:
        """A model of a config, with the very layers that are in it."""
        model = cls(parts["layers"][:1], name=parts["name"], trainable=parts["trainable"])
        model._chain += parts["layers"][1:]
        model._connect_chain()
        return model

    def check_shape(self, shape: Any, *, source: Layer | None = None) -> None:
        """Once its first layer is there, that refuses what does not fit."""
        if not self.built and self._start is None:
            self.build(shape)
