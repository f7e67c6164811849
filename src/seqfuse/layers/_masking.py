"""Steps whose features all have one value are padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqfuse import _checks
from seqfuse.layers._layer import Grads, Into, Layer


class Masking(Layer):
    """mask[...] = any(x[..., :] != mask_value); y = x where that is so, else 0.

    Parameters
    ----------
    mask_value : float        what a step of padding consists of
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Input and output (batch, T, I), mask (batch, T). A mask that the input had is replaced, as in Keras.

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

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = _checks.real("Masking", "mask_value", mask_value)
        self._value = self._dtype.type(self.mask_value)  # as x is after the cast: 0.1 is padding in float32 too

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y; the tape is the mask."""
        x = self.prepare_input(x)
        real = (x != self._value).any(-1)
        return np.where(real[..., None], x, self._dtype.type(0)), real

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx = dy at real steps, else 0."""
        return np.where(tape[..., None], dy, self._dtype.type(0)), []

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Where a step is not padding."""
        return (np.asarray(x, self._dtype) != self._value).any(-1)

    def mask_after(self, tape: Any, x: Any, mask: Any) -> Any:
        """As `compute_mask`, from the tape."""
        return tape
