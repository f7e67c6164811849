"""Where a model begins: the shape of what it will be given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse.layers._layer import Layer
from seqfuse.layers._tensor import Node, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence


class InputLayer(Layer):
    """The beginning of a model; `Input` makes it, and what it gives.

    Parameters
    ----------
    shape : tuple        without the batch; None for an axis of any size
    batch_size : int        of every batch, where a stateful layer needs it
    dtype : str        of what is given: said in summaries; every layer casts to its own
    name : str        by which a dict of inputs names it
    """

    def __init__(
        self,
        shape: Sequence[int | None] | int = (),
        batch_size: int | None = None,
        dtype: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if isinstance(shape, (int, str)):
            raise ValueError(f"Input: shape must be a tuple; got {shape!r}. Write ({shape},)")
        for size in shape:
            if size is not None and (isinstance(size, bool) or not hasattr(size, "__index__") or size < 0):
                raise ValueError(f"Input: shape must be a tuple of sizes, or None for any; got {tuple(shape)}")
        self.shape = tuple(shape)
        self.batch_size = batch_size
        self.dtype = "float32" if dtype is None else str(dtype)
        self.built = True

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """x itself."""
        return x, None


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    name: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
) -> Tensor:
    """What a model will be given, for the first layer to be called on.

    Parameters
    ----------
    shape : tuple        without the batch: (10, 1), (None,) for sequences of tokens of any length
    batch_size : int        of every batch, where a stateful layer needs it
    dtype : str        of what is given; every layer casts to its own
    name : str        by which a dict of inputs names it
    batch_shape : tuple        instead of shape: with the batch

    Returns
    -------
    Tensor        symbolic

    Raises
    ------
    ValueError        not a shape

    Examples
    --------
    >>> from seqfuse.layers import Dense, Input
    >>> x = Input((10, 1))
    >>> Dense(3)(x).shape
    (None, 10, 3)
    """
    if (shape is None) == (batch_shape is None):
        raise ValueError(f"Input: one of shape and batch_shape must be given; got {shape} and {batch_shape}")
    if batch_shape is not None:
        batch_size, *rest = batch_shape
        shape = tuple(rest)
    layer = InputLayer(shape if shape is not None else (), batch_size, dtype, name)
    return Node(layer, [], {}, False).gives((batch_size, *layer.shape))  # type: ignore[no-any-return]
