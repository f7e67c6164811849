"""Layers that change the shape of their input: Flatten, Reshape, RepeatVector."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Into, ShapeLike, Tape
    from seqfuse.layers._tensor import Shape


def channels_last(function: str, data_format: Any) -> str:
    """Check Keras's argument data_format. Features are always the last axis."""
    if data_format not in (None, "channels_last"):
        raise ValueError(f'{function}: data_format must be "channels_last"; got {data_format!r}')
    return "channels_last"


class _Reshaping(Layer):
    """Base class of the layers that reshape each row to the result of `compute_output_shape`."""

    not_stepwise = "it moves elements from step to step"

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        # y is a view of x if possible; the tape is the shape of x
        x = self.prepare_input(x)
        return x.reshape(self.compute_output_shape(x.shape)), x.shape

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        return np.asarray(dy).reshape(tape), []


class Flatten(_Reshaping):
    """Flatten each row: (batch, ...) becomes (batch, D).

    D is the number of elements of a row; (batch,) becomes (batch, 1).

    Parameters
    ----------
    data_format : "channels_last" or None, default None
        Keras's argument. No other value is supported.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Examples
    --------
    >>> from seqfuse.layers import Flatten, Input
    >>> Flatten()(Input((10, 64))).shape
    (None, 640)
    """

    def __init__(
        self,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.data_format = channels_last("Flatten", data_format)

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, *row = input_shape
        sizes = [size for size in row if size is not None]
        return (batch, math.prod(sizes) if len(sizes) == len(row) else None)


class Reshape(_Reshaping):
    """Reshape each row: (batch, ...) becomes ``(batch, *target_shape)``, in C order.

    Parameters
    ----------
    target_shape : tuple of int
        New shape without the batch axis. One size may be -1; it is computed from the others.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If `target_shape` has several -1 or a negative size, or if the input has another number of elements.

    Examples
    --------
    >>> from seqfuse.layers import Input, Reshape
    >>> Reshape((-1, 4))(Input((12,))).shape
    (None, 3, 4)
    """

    def __init__(
        self,
        target_shape: Sequence[int],
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.target_shape = tuple(target_shape)
        for size in self.target_shape:
            _checks.integer(
                "Reshape", "a size in target_shape", size, -1, bounds="at least 0, or -1 for the remaining size"
            )
        if self.target_shape.count(-1) > 1:
            raise ValueError(f"Reshape: target_shape must have at most one -1; got {self.target_shape}")

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        # a size of -1 becomes None if the sizes of the input are unknown
        batch, *row = input_shape
        target = self.target_shape
        sizes = [size for size in row if size is not None]
        if len(sizes) < len(row):
            return (batch, *(None if size == -1 else size for size in target))
        count, needed = math.prod(sizes), math.prod(size for size in target if size != -1)
        if -1 in target and needed and count % needed == 0:
            return (batch, *(count // needed if size == -1 else size for size in target))
        if -1 in target or count != needed:
            raise ValueError(
                f"{self.name}: the input must have as many elements per row as {target}; got {tuple(input_shape)}"
            )
        return (batch, *target)


class RepeatVector(Layer):
    """Repeat each row n times: y[:, t] = x for t in 0..n-1.

    Parameters
    ----------
    n : int
        Number of repetitions, at least 1.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If `n` is less than 1.

    Notes
    -----
    The input is (batch, I), the output (batch, n, I).

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import RepeatVector
    >>> RepeatVector(2)(np.array([[1.0, 2.0]]))
    array([[[1., 2.],
            [1., 2.]]], dtype=float32)
    """

    ranks = (2,)
    symbols = "(batch, I)"

    def __init__(
        self,
        n: int,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.n = _checks.integer("RepeatVector", "n", n, 1)

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        return np.repeat(self.prepare_input(x)[:, None], self.n, axis=1), None

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        # dx is the sum of dy over the repetitions
        return np.asarray(dy).sum(1), []

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return (input_shape[0], self.n, input_shape[1])
