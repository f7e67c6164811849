"""The same numbers in another shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.layers._layer import Grads, Into, Layer

if TYPE_CHECKING:
    from collections.abc import Sequence


def channels_last(function: str, data_format: Any) -> str:
    """Keras's data_format: features are the last axis here, and there is no other way."""
    if data_format not in (None, "channels_last"):
        raise ValueError(f'{function}: data_format must be "channels_last"; got {data_format!r}')
    return "channels_last"


class _Reshaping(Layer):
    """Every row in the shape that `compute_output_shape` says."""

    not_stepwise = "it moves numbers from step to step"

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y: a view of x where that is possible; the tape is the shape of x."""
        x = self.prepare_input(x)
        return x.reshape(self.compute_output_shape(x.shape)), x.shape

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dy in the shape of x."""
        return dy.reshape(tape), []


class Flatten(_Reshaping):
    """(batch, ...) becomes (batch, D), D the product of all sizes of a row; (batch,) becomes (batch, 1).

    Parameters
    ----------
    data_format : "channels_last"        Keras's argument; there is no other here
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Examples
    --------
    >>> from seqfuse.layers import Flatten, Input
    >>> Flatten()(Input((10, 64))).shape
    (None, 640)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last("Flatten", data_format)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, D)."""
        batch, *row = input_shape
        return (batch, None if None in row else math.prod(row))


class Reshape(_Reshaping):
    """(batch, ...) becomes (batch, *target_shape), the numbers of a row in C order.

    Parameters
    ----------
    target_shape : tuple        without the batch; one size may be -1: whatever is left
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Examples
    --------
    >>> from seqfuse.layers import Input, Reshape
    >>> Reshape((-1, 4))(Input((12,))).shape
    (None, 3, 4)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        for size in self.target_shape:
            _checks.integer("Reshape", "a size in target_shape", size, -1, bounds="at least 0, or -1 for what is left")
        if self.target_shape.count(-1) > 1:
            raise ValueError(f"Reshape: target_shape must have at most one -1; got {self.target_shape}")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, *target_shape), with None for -1 where that is not known yet."""
        batch, *row = input_shape
        target = self.target_shape
        if None in row:
            return (batch, *(None if size == -1 else size for size in target))
        have, needed = math.prod(row), math.prod(size for size in target if size != -1)
        if -1 in target and needed and have % needed == 0:
            return (batch, *(have // needed if size == -1 else size for size in target))
        if -1 in target or have != needed:
            raise ValueError(f"{self.name}: the input must be of a size that makes {target}; got {tuple(input_shape)}")
        return (batch, *target)


class RepeatVector(Layer):
    """y[:, t] = x for every t in 0..n-1.

    Parameters
    ----------
    n : int        how often
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Input (batch, I), output (batch, n, I).

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

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = _checks.integer("RepeatVector", "n", n, 1)

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y, (batch, n, I)."""
        return np.repeat(self.prepare_input(x)[:, None], self.n, axis=1), None

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx = the sum of dy over the copies."""
        return dy.sum(1), []

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, n, I)."""
        return (input_shape[0], self.n, input_shape[1])
