"""Every row moved to mean 0 and scaled to variance 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse.layers._layer import Grads, Into, Layer

if TYPE_CHECKING:
    from collections.abc import Sequence


class LayerNormalization(Layer):
    """y = (x - mean(x)) / sqrt(var(x) + epsilon) * gamma + beta, over the last axis or axes of x.

    Parameters
    ----------
    axis : int or list of int        the last axis, or several that end with it
    epsilon : float        at least 0
    center, scale : bool        whether there is beta; gamma
    beta_initializer, gamma_initializer : str, Initializer or callable
    beta_regularizer, gamma_regularizer : str, Regularizer or None
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Weights: gamma, beta, of the sizes of those axes. Masks pass. Ba, Kiros and Hinton 2016, arXiv:1607.06450.

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
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        for one in self.axis if isinstance(self.axis, list) else [self.axis]:
            if _checks.index(one) is None:
                raise TypeError(f"LayerNormalization: axis must be an integer or a list of them; got {axis!r}")
        self.epsilon = _checks.real("LayerNormalization", "epsilon", epsilon, 0)
        self.center, self.scale = center, scale
        self.beta_initializer, self.gamma_initializer = beta_initializer, gamma_initializer
        self.beta_regularizer, self.gamma_regularizer = beta_regularizer, gamma_regularizer
        self._sizes: tuple[int, ...] = ()  # of the axes

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta."""
        rank = len(input_shape)
        axes: Any = self.axis if isinstance(self.axis, list) else [self.axis]
        wanted = sorted(one + rank if one < 0 else one for one in axes)
        if not wanted or wanted != list(range(rank - len(wanted), rank)):
            raise ValueError(
                f"{self.name}: axis must be the last axis or axes of the input {tuple(input_shape)}; got {self.axis}"
            )
        self._sizes = tuple(self.require_size(input_shape, one) for one in wanted)
        self.gamma = (
            self.add_weight("gamma", self._sizes, self.gamma_initializer, self.gamma_regularizer)
            if self.scale
            else None
        )
        self.beta = (
            self.add_weight("beta", self._sizes, self.beta_initializer, self.beta_regularizer) if self.center else None
        )
        super().build(input_shape)

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y, in the shape of x."""
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

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx, and dgamma and dbeta where there are such weights."""
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

    def mixes_steps(self, shapes: list[Any]) -> str | None:
        """The axes must leave out that of time."""
        return "its axes have that of time among them" if len(self._sizes) > len(shapes[0]) - 2 else None
