"""Layer normalization: mean 0 and variance 1 over the features."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, InitializerLike, Into, RegularizerLike, ShapeLike, Tape
    from seqfuse.layers._tensor import Shape


class LayerNormalization(Layer):
    """Layer normalization: y = (x - mean(x)) / sqrt(var(x) + epsilon) * gamma + beta, over the last axes of x.

    Parameters
    ----------
    axis : int or list of int, default -1
        The last axis, or several axes that end with it.
    epsilon : float, default 1e-3
        Added to the variance. At least 0.
    center : bool, default True
        Whether there is a beta.
    scale : bool, default True
        Whether there is a gamma.
    beta_initializer : str, Initializer or callable, default "zeros"
        Initial values of beta.
    gamma_initializer : str, Initializer or callable, default "ones"
        Initial values of gamma.
    beta_regularizer, gamma_regularizer : str, Regularizer or None, default None
        Penalties on the weights.
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
        If epsilon is negative, or the axes are not the last ones.
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    Weights: gamma and beta, of the sizes of the axes. The mask of the input is also the mask of the output.
    J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016, arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import LayerNormalization
    >>> LayerNormalization(epsilon=0)(np.array([[1.0, 3.0], [5.0, 1.0]]))
    array([[-1.,  1.],
           [ 1., -1.]], dtype=float32)
    """

    supports_masking = True
    stepwise = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        for one in self.axis if isinstance(self.axis, list) else [self.axis]:
            if _checks.index(one) is None:
                raise TypeError(f"LayerNormalization: axis must be an integer or a list of them; got {axis!r}")
        self.epsilon = _checks.real("LayerNormalization", "epsilon", epsilon, 0)
        self.center, self.scale = center, scale
        self.beta_initializer, self.gamma_initializer = beta_initializer, gamma_initializer
        self.beta_regularizer, self.gamma_regularizer = beta_regularizer, gamma_regularizer
        self._sizes: tuple[int, ...] = ()  # sizes of the normalized axes

    def build(self, input_shape: ShapeLike) -> None:
        """Create the weights ``gamma`` and ``beta``.

        Parameters
        ----------
        input_shape : tuple of int or None
            Shape of the input, (batch, ..., I); None for an axis of any size.

        Raises
        ------
        ValueError
            If the axes are not the last ones.
        """
        rank = len(input_shape)
        axis: Any = self.axis if isinstance(self.axis, list) else [self.axis]
        axes = sorted(one + rank if one < 0 else one for one in axis)
        if not axes or axes != list(range(rank - len(axes), rank)):
            raise ValueError(
                f"{self.name}: axis must be the last axis or axes of the input {tuple(input_shape)}; got {self.axis}"
            )
        self._sizes = tuple(self.require_size(input_shape, one) for one in axes)
        self.gamma = (
            self.add_weight("gamma", self._sizes, self.gamma_initializer, self.gamma_regularizer)
            if self.scale
            else None
        )
        self.beta = (
            self.add_weight("beta", self._sizes, self.beta_initializer, self.beta_regularizer) if self.center else None
        )
        super().build(input_shape)

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        """Return the normalized input, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, ..., I)
            Inputs.
        training : bool, optional
            Not used.
        mask : array_like, optional
            Not used.
        keep : bool, optional
            False if `backward` will not be called.

        Returns
        -------
        y : ndarray
            Outputs, in the shape of x.
        tape : object
            First argument of `backward`. None if ``keep`` is False.
        """
        x = self.prepare_input(x)
        sizes, shape = self._sizes, x.shape
        gamma = None if self.gamma is None else self.gamma.value
        beta = None if self.beta is None else self.beta.value
        if len(sizes) > 1:
            _checks.shape(self.name, "the input", "(batch, ..., *sizes), sizes", sizes, shape[-len(sizes) :])
            x = x.reshape(*shape[: -len(sizes)], math.prod(sizes))
            gamma, beta = (None if one is None else one.reshape(-1) for one in (gamma, beta))
        if not keep:
            return F.layer_norm(x, gamma, beta, epsilon=self.epsilon).reshape(shape), None
        y, tape = F.layer_norm_forward(x, gamma, beta, epsilon=self.epsilon)
        return y.reshape(shape), tape

    def backward(self, tape: Tape, dy: Array, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradients of the input, of gamma and of beta.

        Parameters
        ----------
        tape : object
            The second result of `forward`. It is not changed, so it can be used again.
        dy : ndarray
            Gradient of the output.
        need_dx : bool, optional
            Not used: dx is always computed.
        into : list of ndarray, optional
            One array for each entry of `trainable_weights`. The gradients are added to them.

        Returns
        -------
        dx : ndarray
            Gradient of the input, in its shape.
        grads : list of ndarray
            Gradients of `trainable_weights`: the arrays of ``into`` if it is given.
        """
        into = self.targets(into)
        several = len(self._sizes) > 1
        shape = dy.shape
        if several:
            dy = dy.reshape(*shape[: -len(self._sizes)], math.prod(self._sizes))
        dgamma = into[0] if self.scale else None
        dbeta = into[-1] if self.center else None
        grads = F.layer_norm_backward(tape, dy, into=None if several else (dgamma, dbeta))
        if several:
            for target, gradient in ((dgamma, grads.dgamma), (dbeta, grads.dbeta)):
                if target is not None and gradient is not None:
                    target += gradient.reshape(self._sizes)
        return grads.dx.reshape(shape), self.gradients(into)

    def mixes_steps(self, shapes: list[Shape]) -> str | None:
        """Return why the layer is not stepwise for inputs of these shapes: its axes may include the time axis.

        Parameters
        ----------
        shapes : list of tuple
            Shapes of the inputs.

        Returns
        -------
        str or None
            The reason, for an error message. None if the layer is stepwise for these shapes.
        """
        return "its axes include the time axis" if len(self._sizes) > len(shapes[0]) - 2 else None
