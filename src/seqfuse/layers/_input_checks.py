"""Checks of the input of a layer: dtype, number of axes, number of features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays
from seqfuse._deprecation import renamed_method

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import ShapeLike
    from seqfuse.layers._layer import Layer


class InputChecks:
    """Base class of `Layer` that converts and checks inputs."""

    ranks: tuple[int, ...] | None = None  # allowed numbers of axes of an input; None: any number except 0
    symbols = "(batch, ...)"  # shape of the input, as error messages show it

    name: str
    built: bool
    build: Any  # a method of Layer
    _dtype: np.dtype[Any]
    _features: int | None

    def prepare_input(self, x: ArrayLike) -> Array:
        """Convert an input to the layer's dtype, check its shape, and build the layer if needed.

        Parameters
        ----------
        x : array_like
            The input.

        Returns
        -------
        ndarray
            The input in the layer's dtype. No copy if it has that dtype already.

        Raises
        ------
        TypeError
            If the input has no real numbers.
        ValueError
            If the shape does not fit; see `check_shape`.
        """
        if type(x) is not _arrays.ndarray or x.dtype is not self._dtype:
            x = self.cast(x, "x")
        if not self.built:
            self.check_shape(x.shape)
            self.build((None, *x.shape[1:]))
        elif x.shape[-1:] != (self._features,) or (self.ranks is not None and x.ndim not in self.ranks):
            self.check_shape(x.shape)
        return x

    def cast(self, x: ArrayLike, argument: str) -> Array:
        """Convert numbers to an array of the layer's dtype.

        Parameters
        ----------
        x : array_like
            Real numbers of any type.
        argument : str
            Name of the argument, for the error message.

        Returns
        -------
        ndarray
            The numbers in the layer's dtype. No copy if they are an array of that dtype already.

        Raises
        ------
        TypeError
            If they are not real numbers.
        """
        x = _arrays.asarray(self.name, argument, x)
        _arrays.compute_dtype(self.name, argument, x.dtype)
        return np.asarray(x, self._dtype)

    def check_shape(self, shape: ShapeLike, *, source: Layer | None = None) -> None:
        """Check that the layer accepts an input of this shape.

        Parameters
        ----------
        shape : tuple of int or None
            Shape of the input; None for an axis of any size.
        source : Layer, optional
            The layer that the input comes from. The error message may say how to change it.

        Raises
        ------
        ValueError
            If the number of axes is wrong, or the number of features is not the one that the layer was built for.
        """
        wrong_rank = len(shape) not in self.ranks if self.ranks is not None else len(shape) == 0
        wrong_size = not wrong_rank and self._features is not None and shape[-1] not in (None, self._features)
        if wrong_rank or wrong_size:
            needed = self.symbols.replace("I)", f"I) = (..., {self._features})") if wrong_size else self.symbols
            advice = self.advice(shape, source)
            raise ValueError(f"{self.name}: the input must be {needed}; got {tuple(shape)}{advice and '. ' + advice}")

    def require_size(self, shape: ShapeLike, axis: int) -> int:
        """Return the size of an axis that the shape of a weight depends on.

        Parameters
        ----------
        shape : tuple of int or None
            Shape of the input.
        axis : int
            Index of the axis.

        Returns
        -------
        int
            Its size.

        Raises
        ------
        ValueError
            If the size is None.
        """
        size = shape[axis]
        if size is None:
            raise ValueError(f"{self.name}: the input must have a fixed size along axis {axis}; got {tuple(shape)}")
        return int(size)

    ready, known = renamed_method("ready", "prepare_input"), renamed_method("known", "require_size")

    def advice(self, shape: ShapeLike, source: Layer | None) -> str:
        """Return advice for the error message about an input that does not fit.

        Parameters
        ----------
        shape : tuple of int or None
            Shape of the input.
        source : Layer or None
            The layer that the input comes from, if it is known.

        Returns
        -------
        str
            A sentence without its final period, or "".
        """
        if self.ranks == (3,) and len(shape) == 2:
            return "One feature per step is (batch, T, 1); a recurrent layer before it needs return_sequences=True"
        return ""
