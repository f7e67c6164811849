"""Masking layer: marks steps as padding if all of their features have one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Into, ShapeLike


class Masking(Layer):
    """Masking layer: a step is padding if all of its features equal mask_value.

    The output is 0 at padding and equals the input at valid steps. Its mask is ``any(x != mask_value, axis=-1)``.

    Parameters
    ----------
    mask_value : float, default 0.0
        Value of all features at padding.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    The input and the output are (batch, T, I), the mask is (batch, T). It replaces the mask of the input, as in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Masking
    >>> layer, x = Masking(-1), np.array([[[1.0, -1.0], [-1.0, -1.0]]])
    >>> layer(x)
    array([[[ 1., -1.],
            [ 0.,  0.]]], dtype=float32)
    >>> layer.compute_mask(x)
    array([[ True, False]])
    """

    supports_masking = makes_mask = stepwise = True

    def __init__(
        self,
        mask_value: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.mask_value = _checks.real("Masking", "mask_value", mask_value)
        self._value = self._dtype.type(
            self.mask_value
        )  # in the dtype of x, so that mask_value=0.1 equals a float32 0.1

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Array]:
        """Return the outputs, and the mask as the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, T, I)
            Inputs.
        training : bool, optional
            Not used.
        mask : array_like, optional
            Not used.
        keep : bool, optional
            False if `backward` will not be called.

        Returns
        -------
        y : ndarray, shape (batch, T, I)
            Outputs.
        tape : ndarray of bool, shape (batch, T)
            True at valid steps.
        """
        x = self.prepare_input(x)
        valid = (x != self._value).any(-1)
        return np.where(valid[..., None], x, self._dtype.type(0)), valid

    def backward(self, tape: Array, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradient of the input: dx = dy at valid steps, 0 at padding.

        Parameters
        ----------
        tape : ndarray of bool, shape (batch, T)
            The second result of `forward`.
        dy : array_like, shape (batch, T, I)
            Gradient of the output.
        need_dx : bool, optional
            Not used: dx is always computed.
        into : list of ndarray, optional
            Not used: the layer has no weights.

        Returns
        -------
        dx : ndarray, shape (batch, T, I)
            Gradient of the input.
        grads : list of ndarray
            Empty.
        """
        return np.where(tape[..., None], dy, self._dtype.type(0)), []

    def compute_mask(self, x: ArrayLike, mask: ArrayLike | None = None) -> Array:
        """Return the mask of the output.

        Parameters
        ----------
        x : array_like, shape (batch, T, I)
            Inputs.
        mask : array_like, optional
            Not used.

        Returns
        -------
        ndarray of bool, shape (batch, T)
            True at valid steps.
        """
        valid: Array = (np.asarray(x, self._dtype) != self._value).any(-1)
        return valid

    def mask_after(self, tape: Array, x: ArrayLike, mask: ArrayLike | None) -> Array:
        """Return the mask of the output after `forward`: the tape.

        Parameters
        ----------
        tape : ndarray of bool, shape (batch, T)
            The second result of `forward`.
        x : array_like, shape (batch, T, I)
            Not used.
        mask : array_like or None
            Not used.

        Returns
        -------
        ndarray of bool, shape (batch, T)
            True at valid steps.
        """
        return tape
