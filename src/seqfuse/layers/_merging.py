"""Several inputs become one: sums, products, maxima, and side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.layers._layer import Grads, Into, Layer
from seqfuse.layers._tensor import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array


class _Merge(Layer):
    """Inputs of one shape, or that broadcast: axes of size 1 are repeated, missing ones come behind the batch."""

    supports_masking = True
    stepwise = True
    inputs_needed: int | None = None  # None: any number but 0

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        """y and a tape, from inputs of one rank, and their masks, with axes of size 1 up to that rank."""
        raise NotImplementedError

    def part(self, tape: Any, dy: Array) -> list[Array]:
        """The gradient of every input of `merge`, broadcast."""
        raise NotImplementedError

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y, from a list of inputs."""
        xs = [self.prepare_input(one) for one in self.several(x)]
        shapes = [one.shape for one in xs]
        masks: list[Any] = [None] * len(xs) if mask is None else list(mask)
        if any(shape != shapes[0] for shape in shapes):
            self.compute_output_shape(shapes)
            rank = max(map(len, shapes))
            if any(len(shape) != rank for shape in shapes):
                masks = [
                    m if one.ndim == rank else None for m, one in zip(masks, xs)
                ]  # as in Keras: lost with the shape
                xs = [one.reshape(_of_rank(rank, one.shape)) for one in xs]
        y, tape = self.merge(xs, [m if m is None else _wide(m, one.ndim) for m, one in zip(masks, xs)])
        return y, (shapes, tape)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """A list of gradients; what was repeated gets the sum."""
        shapes, tape = tape
        return [_summed(dx, shape) for dx, shape in zip(self.part(tape, dy), shapes)], []

    def several(self, x: Any) -> Any:
        """The list of inputs, or of their shapes, if it is one."""
        needed = self.inputs_needed
        if not isinstance(x, list) and not (isinstance(x, tuple) and x and np.ndim(x[0])):  # a shape is a tuple too
            raise ValueError(f"{self.name}: inputs must be a list; got {type(x).__name__}. Call it on [a, b]")
        if not x or (needed is not None and len(x) != needed):
            raise ValueError(f"{self.name}: inputs must be a list of {needed or 'at least 1'}; got {len(x)}")
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape that the shapes of the inputs broadcast to."""
        shapes = self.several(input_shape)
        rank = max(map(len, shapes))
        out: list[int | None] = []
        for axis, sizes in enumerate(zip(*(_of_rank(rank, shape) for shape in shapes))):
            known = {size for size in sizes if size is not None and (size != 1 or axis == 0)}
            if len(known) > 1:
                raise ValueError(
                    f"{self.name}: inputs must have as many rows, and shapes that broadcast; got {list(shapes)}"
                )
            unknown = None in sizes and not (axis == 0 and known)
            out.append(None if unknown else known.pop() if known else 1)
        return tuple(out)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Where some input is real; None if one of them has no mask."""
        if mask is None or any(one is None for one in mask):
            return None
        return _any([np.asarray(one, bool) for one in mask])


def _any(masks: Sequence[Array]) -> Any:
    found = masks[0]
    for mask in masks[1:]:
        found = found | mask
    return found


def _of_rank(rank: int, shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """The shape with axes of size 1 behind the batch."""
    return (*shape[:1], *(1,) * (rank - len(shape)), *shape[1:])


def _wide(mask: Any, rank: int) -> Array:
    """A mask of steps as one that features broadcast with."""
    given: Array = np.asarray(mask, bool)
    return given.reshape(given.shape + (1,) * (rank - given.ndim))


def _summed(dx: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of what was repeated."""
    if dx.shape == shape:
        return dx
    repeated = [i for i, (size, full) in enumerate(zip(_of_rank(dx.ndim, shape), dx.shape)) if size != full]
    total: Array = dx.sum(tuple(repeated))
    return total.reshape(shape)


class Add(_Merge):
    """y = a + b + ..., called on a list of inputs that broadcast.

    Parameters
    ----------
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Of inputs of different ranks, the smaller one gets axes of size 1 behind the batch. The mask: real where some input
    is, none if one of them has none. So it is with `Subtract`, `Multiply`, `Average` and `Maximum`.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Add
    >>> Add()([np.zeros((1, 2, 2)), np.array([[1.0, 2.0]])])
    array([[[1., 2.],
            [1., 2.]]], dtype=float32)
    """

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        """The sum, from the first on."""
        y = xs[0]
        for x in xs[1:]:
            y = y + x
        return y, len(xs)

    def part(self, tape: Any, dy: Array) -> list[Array]:
        """dy for each."""
        return [dy] * tape


class Average(Add):
    """y = (a + b + ...) / n, called on a list of n inputs that broadcast.

    Parameters
    ----------
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Average
    >>> Average()([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])])
    array([[2., 4.]], dtype=float32)
    """

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        """The mean."""
        y, n = super().merge(xs, masks)
        return y / self._dtype.type(n), n

    def part(self, tape: Any, dy: Array) -> list[Array]:
        """dy / n for each."""
        return [dy / self._dtype.type(tape)] * tape


class Subtract(_Merge):
    """y = a - b, called on [a, b].

    Parameters
    ----------
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Subtract
    >>> Subtract()([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])])
    array([[-2., -4.]], dtype=float32)
    """

    inputs_needed = 2

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        """a - b."""
        return xs[0] - xs[1], None

    def part(self, tape: Any, dy: Array) -> list[Array]:
        """dy and -dy."""
        return [dy, -dy]


class Multiply(_Merge):
    """y = a * b * ..., called on a list of inputs that broadcast.

    Parameters
    ----------
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    A masked step of an input counts as 1; where all inputs are masked, y is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Multiply
    >>> Multiply()([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])])
    array([[ 3., 12.]], dtype=float32)
    """

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        """The product; the tape has the factors and what stood before each."""
        one, zero = self._dtype.type(1), self._dtype.type(0)
        xs = [x if m is None else np.where(m, x, one) for x, m in zip(xs, masks)]
        y, before = xs[0], []
        for x in xs[1:]:
            before.append(y)
            y = y * x
        given = [m for m in masks if m is not None]
        real = _any(given) if len(given) == len(xs) else None
        return y if real is None else np.where(real, y, zero), (xs, before, masks, real)

    def part(self, tape: Any, dy: Array) -> list[Array]:
        """dy times all others."""
        xs, before, masks, real = tape
        zero = self._dtype.type(0)
        if real is not None:
            dy = np.where(real, dy, zero)
        dxs = []
        for x, product in zip(xs[:0:-1], before[::-1]):
            dxs.append(dy * product)
            dy = dy * x
        dxs.append(dy)
        return [dx if m is None else np.where(m, dx, zero) for dx, m in zip(dxs[::-1], masks)]


class Maximum(_Merge):
    """y = max(a, b, ...), called on a list of inputs that broadcast.

    Parameters
    ----------
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    At a step where one of two inputs is masked, y is the other one. Of two that are equal, each gets half the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Maximum
    >>> Maximum()([np.array([[1.0, 9.0]]), np.array([[3.0, 6.0]])])
    array([[3., 9.]], dtype=float32)
    """

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        """The maximum, from the first on; the tape has both sides of each comparison."""
        y, real, compared = xs[0], masks[0], []
        for x, mask in zip(xs[1:], masks[1:]):
            right = x if mask is None else np.where(mask, x, y)
            left = y if real is None else np.where(real, y, right)
            compared.append((left, right, real, mask))
            real = None if real is None or mask is None else real | mask
            y = np.maximum(left, right)
        return y, compared

    def part(self, tape: Any, dy: Array) -> list[Array]:
        """dy for the larger, half of it for each of two that are equal; a masked one's goes to the other."""
        zero, dxs = self._dtype.type(0), []
        for left, right, real, mask in tape[::-1]:
            shared = np.where(left == right, dy * self._dtype.type(0.5), dy)
            dy, dx = np.where(left >= right, shared, zero), np.where(right >= left, shared, zero)
            if real is not None:  # forward: left = y where real, else right
                dy, dx = np.where(real, dy, zero), np.where(real, dx, dx + dy)
            if mask is not None:  # forward: right = x where not masked, else y
                dy, dx = np.where(mask, dy, dy + dx), np.where(mask, dx, zero)
            dxs.append(dx)
        return [dy, *dxs[::-1]]


class Concatenate(_Merge):
    """y = the inputs side by side along an axis, called on a list of them.

    Parameters
    ----------
    axis : int        the batch is axis 0
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Inputs have equal sizes along all other axes. The mask: along the last axis, real where some input is; along another
    one, the masks side by side. An input that has none is real everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Concatenate
    >>> Concatenate()([np.array([[1.0, 2.0]]), np.array([[3.0]])])
    array([[1., 2., 3.]], dtype=float32)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        index = _checks.index(axis)
        if index is None:
            raise TypeError(f"Concatenate: axis must be an integer; got {axis!r}")
        self.axis = index

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y; the tape says where one ends and the next begins."""
        xs = [self.prepare_input(one) for one in self.several(x)]
        self.compute_output_shape([one.shape for one in xs])
        return np.concatenate(xs, self.axis), np.cumsum([one.shape[self.axis] for one in xs])[:-1]

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """The parts of dy."""
        return np.split(dy, tape, self.axis), []

    def mixes_steps(self, shapes: list[Any]) -> str | None:
        """The axis must be another one than that of time."""
        return "its axis is that of time" if self.axis % len(shapes[0]) == 1 else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the first, with the sum of the sizes along the axis."""
        shapes = self.several(input_shape)
        first = list(shapes[0])
        if not -len(first) <= self.axis < len(first):
            raise ValueError(f"{self.name}: axis must be one of the input {tuple(first)}; got {self.axis}")
        axis = self.axis % len(first)
        for shape in shapes:
            others = zip(first, shape)
            if len(shape) != len(first) or any(
                a != b and None not in (a, b) for i, (a, b) in enumerate(others) if i != axis
            ):
                raise ValueError(
                    f"{self.name}: inputs must have equal sizes along all axes but {self.axis}; got {list(shapes)}"
                )
        sizes = [shape[axis] for shape in shapes]
        first[axis] = None if None in sizes else sum(sizes)
        return tuple(first)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """The masks side by side, or, along the last axis, where some input is real."""
        if mask is None or all(one is None for one in mask):
            return None
        masks = []
        for one, given in zip(x, mask):
            leading = np.shape(one)[:-1]
            given = np.ones(leading, bool) if given is None else np.asarray(given, bool)
            given = given.any(-1) if given.ndim > len(leading) else _wide(given, len(leading))
            masks.append(np.broadcast_to(given, leading))
        rank = np.ndim(x[0])
        return _any(masks) if self.axis % rank == rank - 1 else np.concatenate(masks, self.axis % rank)


OPERATORS |= {"+": Add, "-": Subtract, "*": Multiply}
