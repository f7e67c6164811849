"""Symbolic tensors and calls: how a model is described before there are any arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from seqfuse.layers._layer import Layer

OPERATORS: dict[str, Callable[[], Any]] = {}  # for "+", "-" and "*" the layer that computes it; _merging fills it
Shape: TypeAlias = tuple[int | None, ...]  # None for an axis of any size


@dataclass(eq=False, repr=False, slots=True)
class Tensor:
    """Symbolic output of a layer: it has a shape, but no values.

    ``+``, ``-`` and ``*`` of two symbolic tensors call the layers `Add`, `Subtract` and `Multiply`.

    Attributes
    ----------
    shape : tuple of int or None
        The shape. None for the batch axis and for other axes of any size.
    node : Node
        The call of a layer that returns the tensor.
    index : int
        Index of the tensor among the outputs of that call.
    """

    shape: Shape
    node: Node
    index: int = 0

    @property
    def name(self) -> str:
        """Name of the layer that returns the tensor."""
        return self.node.layer.name

    def __add__(self, other: Any) -> Any:
        """Return ``Add()([self, other])``."""
        return self._merged("+", other)

    def __sub__(self, other: Any) -> Any:
        """Return ``Subtract()([self, other])``."""
        return self._merged("-", other)

    def __mul__(self, other: Any) -> Any:
        """Return ``Multiply()([self, other])``."""
        return self._merged("*", other)

    def _merged(self, operator: str, other: Any) -> Any:
        return OPERATORS[operator]()([self, other]) if isinstance(other, Tensor) else NotImplemented

    def __repr__(self) -> str:
        return f"<Tensor {self.shape} of {self.name}>"


@dataclass(eq=False, slots=True)
class Node:
    """One symbolic call of a layer. Several calls of the same layer share its weights.

    Attributes
    ----------
    layer : Layer
        The layer.
    inputs : list of Tensor
        The inputs of the call.
    options : dict
        Keyword arguments for the `forward` of the layer.
    several_in : bool
        Whether `forward` accepts a list of inputs.
    outputs : list of Tensor
        The outputs of the call.
    several_out : bool
        Whether `forward` returns a list of outputs.
    """

    layer: Layer
    inputs: list[Tensor]
    options: dict[str, Any]
    several_in: bool
    outputs: list[Tensor] = field(default_factory=list)
    several_out: bool = False

    def gives(self, shapes: Any) -> Any:
        """Create the outputs and return them.

        Parameters
        ----------
        shapes : tuple of int or None, or a list of such tuples
            Result of `Layer.compute_output_shape`.

        Returns
        -------
        Tensor or list of Tensor
            One output for one shape, a list of outputs for a list of shapes.
        """
        self.several_out = isinstance(shapes, list)
        self.layer.node = self
        self.outputs = [Tensor(shape, self, i) for i, shape in enumerate(shapes if self.several_out else [shapes])]
        return list(self.outputs) if self.several_out else self.outputs[0]
