"""Base class of the layers that merge several inputs into one: broadcasting, masks, gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Inputs, Into, Masks, ShapeLike, Shapes, Tape
    from seqfuse.layers._tensor import Shape


class Merge(Layer):
    """Base class of the layers that merge inputs whose shapes are equal or broadcast.

    Axes of size 1 are repeated. An input with fewer axes gets axes of size 1 after the batch axis.
    """

    supports_masking = True
    stepwise = True
    inputs_needed: int | None = None  # number of inputs; None: any number except 0

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        """Return y and a tape. The inputs have the same number of axes, and so have their masks."""
        raise NotImplementedError

    def input_gradients(self, tape: Any, dy: Array) -> list[Array]:
        """Return the gradient of every input of `merge`, in the shape of dy."""
        raise NotImplementedError

    def forward(
        self, x: Inputs, training: bool = False, mask: Masks = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        xs = [self.prepare_input(each) for each in self.check_inputs(x)]
        shapes = [each.shape for each in xs]
        masks: list[Any] = [None] * len(xs) if mask is None else list(mask)
        if any(shape != shapes[0] for shape in shapes):
            self.compute_output_shape(shapes)
            rank = max(map(len, shapes))
            if any(len(shape) != rank for shape in shapes):
                # as in Keras, an input that is reshaped loses its mask
                masks = [m if each.ndim == rank else None for m, each in zip(masks, xs)]
                xs = [each.reshape(_with_rank(rank, each.shape)) for each in xs]
        y, tape = self.merge(xs, [m if m is None else broadcastable(m, each.ndim) for m, each in zip(masks, xs)])
        return y, (shapes, tape)

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        # dx is a list; the gradient of a repeated element is the sum over its repetitions
        shapes, tape = tape
        dxs = self.input_gradients(tape, np.asarray(dy))
        return [_sum_repeated(dx, shape) for dx, shape in zip(dxs, shapes)], []

    def check_inputs(self, x: Any) -> Any:
        """Check that inputs, or their shapes, are a list of the right length, and return it.

        Parameters
        ----------
        x : list
            Inputs or shapes.

        Returns
        -------
        list
            The same list.

        Raises
        ------
        ValueError
            If it is not a list, or has another length.
        """
        needed = self.inputs_needed
        if not isinstance(x, list) and not (
            isinstance(x, tuple) and x and np.ndim(x[0])
        ):  # a single shape is a tuple, too
            raise ValueError(f"{self.name}: inputs must be a list; got {type(x).__name__}. Call the layer on [a, b]")
        if not x or (needed is not None and len(x) != needed):
            raise ValueError(f"{self.name}: inputs must be a list of {needed or 'at least 1'}; got {len(x)}")
        return x

    def compute_output_shape(self, input_shape: Shapes) -> Shape:
        # the shapes of the inputs are broadcast
        shapes = self.check_inputs(input_shape)
        rank = max(map(len, shapes))
        out: list[int | None] = []
        for axis, sizes in enumerate(zip(*(_with_rank(rank, shape) for shape in shapes))):
            known = {size for size in sizes if size is not None and (size != 1 or axis == 0)}
            if len(known) > 1:
                raise ValueError(
                    f"{self.name}: inputs must have equal batch sizes and shapes that broadcast; got {list(shapes)}"
                )
            unknown = None in sizes and not (axis == 0 and known)
            out.append(None if unknown else known.pop() if known else 1)
        return tuple(out)

    def compute_mask(self, x: Inputs, mask: Masks = None) -> Array | None:
        # a step is valid if it is valid in any input; no mask if an input has none
        if mask is None or any(each is None for each in mask):
            return None
        return valid_in_any([np.asarray(each, bool) for each in mask])


def valid_in_any(masks: Sequence[Array]) -> Array:
    """Return where any of the masks is True."""
    valid = masks[0]
    for mask in masks[1:]:
        valid = valid | mask
    return valid


def _with_rank(rank: int, shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a shape extended to `rank` axes by axes of size 1 after the batch axis."""
    return (*shape[:1], *(1,) * (rank - len(shape)), *shape[1:])


def broadcastable(mask: Any, rank: int) -> Array:
    """Return a mask extended to `rank` axes by axes of size 1 at its end."""
    valid: Array = np.asarray(mask, bool)
    return valid.reshape(valid.shape + (1,) * (rank - valid.ndim))


def _sum_repeated(dx: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which an input of this shape was repeated."""
    if dx.shape == shape:
        return dx
    repeated = [i for i, (size, full) in enumerate(zip(_with_rank(dx.ndim, shape), dx.shape)) if size != full]
    total: Array = dx.sum(tuple(repeated))
    return total.reshape(shape)
