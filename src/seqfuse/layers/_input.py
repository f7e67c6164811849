"""Inputs of a model: symbolic tensors with a shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse.layers._layer import Layer
from seqfuse.layers._tensor import Node, Tensor

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse.layers._argument_types import ShapeLike


class InputLayer(Layer):
    """Layer that an input of a model belongs to; `Input` creates it together with its symbolic tensor.

    Parameters
    ----------
    shape : tuple of int or None, default ()
        Shape without the batch axis; None for an axis of any size.
    batch_size : int, optional
        Size of the batch axis, if it is fixed.
    dtype : str, optional
        The dtype of the input, which summaries show. Every layer casts its inputs to its own dtype. "float32" by
        default.
    name : str, optional
        Name of the layer, by which a dict of inputs refers to it. By default it follows from the class.
    trainable : bool, default True
        Not used: the layer has no weights.
    input_shape : tuple of int or None, optional
        Not used.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If the shape is not a tuple of sizes.

    Examples
    --------
    >>> from seqfuse.layers import InputLayer
    >>> InputLayer((10, 1), name="series").shape
    (10, 1)
    """

    def __init__(
        self,
        shape: ShapeLike = (),
        batch_size: int | None = None,
        dtype: str | None = None,
        name: str | None = None,
        *,
        trainable: bool = True,
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, input_shape=input_shape, **keras_options)
        if isinstance(shape, (int, str)):
            raise ValueError(f"Input: shape must be a tuple; got {shape!r}. Write ({shape},)")
        for size in shape:
            if size is not None and (isinstance(size, bool) or not hasattr(size, "__index__") or size < 0):
                raise ValueError(f"Input: shape must be a tuple of sizes, or None for any; got {tuple(shape)}")
        self.shape = tuple(shape)
        self.batch_size = batch_size
        self.dtype = "float32" if dtype is None else str(dtype)
        self.built = True

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Any, None]:
        """Return the input, and no tape.

        Parameters
        ----------
        x : array_like
            Input.
        training : bool, optional
            Not used.
        mask : array_like, optional
            Not used.
        keep : bool, optional
            Not used.

        Returns
        -------
        y : array_like
            The input.
        tape : None
            There is no tape.
        """
        return x, None


def Input(
    shape: ShapeLike | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    name: str | None = None,
    batch_shape: ShapeLike | None = None,
) -> Tensor:
    """Create a symbolic input of a model.

    Parameters
    ----------
    shape : tuple of int or None, optional
        Shape without the batch axis, such as (10, 1); None for an axis of any size, such as (None,) for sequences of
        tokens of any length.
    batch_size : int, optional
        Size of the batch axis, if it is fixed.
    dtype : str, optional
        The dtype of the input, which summaries show. Every layer casts its inputs to its own dtype. "float32" by
        default.
    name : str, optional
        Name of the input, by which a dict of inputs refers to it.
    batch_shape : tuple of int or None, optional
        Shape with the batch axis, instead of `shape` and `batch_size`.

    Returns
    -------
    Tensor
        The symbolic input. Call a layer on it.

    Raises
    ------
    ValueError
        If there is no shape, or it is not a tuple of sizes.

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
