"""A model before there are numbers: what a layer will give, and the call of a layer that gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from seqfuse.layers._layer import Layer

OPERATORS: dict[str, Callable[[], Any]] = {}  # of "+", "-" and "*" the layer that does it; `_merging` installs them
Shape: TypeAlias = tuple[int | None, ...]  # None where the size is not known before there are numbers


@dataclass(eq=False, repr=False, slots=True)
class Tensor:
    """An array to come.

    Attributes
    ----------
    shape : tuple        with None for the batch, and for other axes of any size
    node : Node        the call that it comes from
    index : int        which of the outputs of that call it is
    """

    shape: Shape
    node: Node
    index: int = 0

    @property
    def name(self) -> str:
        """Of the layer that it comes from."""
        return self.node.layer.name

    def __add__(self, other: Any) -> Any:
        """`Add()([self, other])`; so it is with - and `Subtract`, * and `Multiply`."""
        return self._merged("+", other)

    def __sub__(self, other: Any) -> Any:
        return self._merged("-", other)

    def __mul__(self, other: Any) -> Any:
        return self._merged("*", other)

    def _merged(self, operator: str, other: Any) -> Any:
        return OPERATORS[operator]()([self, other]) if isinstance(other, Tensor) else NotImplemented

    def __repr__(self) -> str:
        return f"<Tensor {self.shape} of {self.name}>"


@dataclass(eq=False, slots=True)
class Node:
    """One call of a layer; a layer that is called twice has two, and its weights are shared."""

    layer: Layer
    inputs: list[Tensor]
    options: dict[str, Any]  # of the call, as the layer's forward takes them
    several_in: bool  # whether forward takes a list
    outputs: list[Tensor] = field(default_factory=list)
    several_out: bool = False  # whether forward gives a list

    def gives(self, shapes: Any) -> Any:
        """The outputs, from the shape or the list of shapes that the layer says."""
        self.several_out = isinstance(shapes, list)
        self.layer.node = self
        self.outputs = [Tensor(shape, self, i) for i, shape in enumerate(shapes if self.several_out else [shapes])]
        return list(self.outputs) if self.several_out else self.outputs[0]
