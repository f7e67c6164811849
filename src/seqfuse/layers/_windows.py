"""Windows that slide along a sequence: their positions, a strided view of them, and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _checks

if TYPE_CHECKING:
    from seqfuse._arrays import Array


class Windows(NamedTuple):
    """Windows along the time axis."""

    size: int  # number of steps of a window
    stride: int  # number of steps between the starts of two windows
    dilation: int  # distance of neighboring steps of a window
    padding: str  # "valid", "same" or "causal"

    def positions(self, steps: int) -> tuple[int, int, int]:
        """Return the number of windows, and the numbers of padding steps on the left and on the right."""
        extent = self.dilation * (self.size - 1) + 1
        if self.padding == "same":
            count = -(-steps // self.stride)
            added = max((count - 1) * self.stride + extent - steps, 0)
            return count, added // 2, added - added // 2
        left = extent - 1 if self.padding == "causal" else 0
        return max((left + steps - extent) // self.stride + 1, 0), left, 0

    def number(self, name: str, steps: int | None) -> int | None:
        """Return the number of windows; None if the number of steps is unknown.

        Raises
        ------
        ValueError
            If the sequence is shorter than one window.
        """
        if steps is None:
            return None
        count = self.positions(steps)[0]
        if count == 0 and self.padding == "valid":
            extent = self.dilation * (self.size - 1) + 1
            raise ValueError(f"{name}: the input must have at least {extent} steps, the size of a window; got {steps}")
        return count

    def view(self, x: Array, fill: float = 0.0) -> Array:
        """Return a read-only view (B, windows, size, I) of x (B, T, I), or of a copy padded with `fill`."""
        count, left, right = self.positions(x.shape[1])
        if left or right:
            padded = np.full((x.shape[0], left + x.shape[1] + right, x.shape[2]), fill, x.dtype)
            padded[:, left : left + x.shape[1]] = x
            x = padded
        row, step, feature = x.strides
        shape = x.shape[0], count, self.size, x.shape[2]
        strides = row, step * self.stride, step * self.dilation, feature
        return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)

    def gradient(self, parts: Any, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return the gradient of x (B, T, I); part j, (B, windows, I), is the gradient of ``view(x)[:, :, j]``."""
        count, left, right = self.positions(shape[1])
        dx = np.zeros((shape[0], left + shape[1] + right, shape[2]), dtype)
        if count:
            for j, part in enumerate(parts):
                first = j * self.dilation
                dx[:, first : first + (count - 1) * self.stride + 1 : self.stride] += part
        return dx[:, left : left + shape[1]]


def one_size(kind: str, name: str, value: Any) -> tuple[int]:
    """Check a size along the time axis, n or (n,), and return (n,) as Keras does."""
    if isinstance(value, (tuple, list)):
        if len(value) != 1:
            raise ValueError(f"{kind}: {name} must be an integer or a tuple of one; got {value!r}")
        (value,) = value
    return (_checks.integer(kind, name, value, 1),)


def check_padding(kind: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Check the name of a padding and return it in lower case."""
    padding = value.lower() if isinstance(value, str) else value
    if padding not in allowed:
        raise ValueError(f"{kind}: padding must be one of {', '.join(map(repr, allowed))}; got {value!r}")
    return str(padding)
