"""Concatenation of several inputs along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.layers._merge import Merge, broadcastable, valid_in_any

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Inputs, Into, Masks, ShapeLike, Shapes, Tape
    from seqfuse.layers._tensor import Shape


class Concatenate(Merge):
    """Concatenation of a list of inputs along an axis.

    Parameters
    ----------
    axis : int, default -1
        Axis of the concatenation; the batch is axis 0.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the first input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    TypeError
        If `axis` is not an integer.

    Notes
    -----
    The inputs have equal sizes along all other axes. Along the last axis, a step of the output is valid if it is valid
    in any input; along another axis, the masks are concatenated. An input without a mask is valid everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Concatenate
    >>> Concatenate()([np.array([[1.0, 2.0]]), np.array([[3.0]])])
    array([[1., 2., 3.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        index = _checks.index(axis)
        if index is None:
            raise TypeError(f"Concatenate: axis must be an integer; got {axis!r}")
        self.axis = index

    def forward(
        self, x: Inputs, training: bool = False, mask: Masks = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        # the tape holds the positions of the boundaries
        xs = [self.prepare_input(each) for each in self.check_inputs(x)]
        self.compute_output_shape([each.shape for each in xs])
        return np.concatenate(xs, self.axis), np.cumsum([each.shape[self.axis] for each in xs])[:-1]

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        return np.split(np.asarray(dy), tape, self.axis), []

    def mixes_steps(self, shapes: list[Shape]) -> str | None:
        # stepwise unless the concatenation is along the time axis
        return "its axis is the time axis" if self.axis % len(shapes[0]) == 1 else None

    def compute_output_shape(self, input_shape: Shapes) -> Shape:
        # shape of the first input, with the sizes along `axis` summed
        shapes = self.check_inputs(input_shape)
        first = list(shapes[0])
        if not -len(first) <= self.axis < len(first):
            raise ValueError(f"{self.name}: axis must be an axis of the input {tuple(first)}; got {self.axis}")
        axis = self.axis % len(first)
        for shape in shapes:
            others = zip(first, shape)
            if len(shape) != len(first) or any(
                a != b and None not in (a, b) for i, (a, b) in enumerate(others) if i != axis
            ):
                raise ValueError(
                    f"{self.name}: inputs must have equal sizes along all axes except {self.axis}; got {list(shapes)}"
                )
        sizes = [shape[axis] for shape in shapes]
        first[axis] = None if None in sizes else sum(sizes)
        return tuple(first)

    def compute_mask(self, x: Inputs, mask: Masks = None) -> Array | None:
        # the concatenated masks; along the last axis, where any input is valid
        if mask is None or all(each is None for each in mask):
            return None
        masks = []
        for each, given in zip(x, mask):
            leading = np.shape(each)[:-1]
            valid: Array = np.ones(leading, bool) if given is None else np.asarray(given, bool)
            valid = np.asarray(valid.any(-1)) if valid.ndim > len(leading) else broadcastable(valid, len(leading))
            masks.append(np.broadcast_to(valid, leading))
        rank = np.ndim(x[0])
        return valid_in_any(masks) if self.axis % rank == rank - 1 else np.concatenate(masks, self.axis % rank)
