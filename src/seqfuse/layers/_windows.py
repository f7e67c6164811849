"""Windows that move along a sequence: where they lie, as a view of it, and how gradients of them come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _checks

if TYPE_CHECKING:
    from seqfuse._arrays import Array


class Windows(NamedTuple):
    """Windows of `size` steps that lie `dilation` apart; the next one begins `stride` steps later."""

    size: int
    stride: int
    dilation: int
    padding: str  # "valid", "same" or "causal"

    def along(self, steps: int) -> tuple[int, int, int]:
        """How many windows there are over so many steps, and the steps that are added on the left and on the right."""
        reach = self.dilation * (self.size - 1) + 1
        if self.padding == "same":
            count = -(-steps // self.stride)
            added = max((count - 1) * self.stride + reach - steps, 0)
            return count, added // 2, added - added // 2
        left = reach - 1 if self.padding == "causal" else 0
        return max((left + steps - reach) // self.stride + 1, 0), left, 0

    def number(self, name: str, steps: int | None) -> int | None:
        """How many windows there are over so many steps; None where that is not known.

        Raises
        ------
        ValueError        not one window of whole steps
        """
        if steps is None:
            return None
        count = self.along(steps)[0]
        if count == 0 and self.padding == "valid":
            reach = self.dilation * (self.size - 1) + 1
            raise ValueError(f"{name}: the input must have at least {reach} steps, those of a window; got {steps}")
        return count

    def of(self, x: Array, fill: float = 0.0) -> Array:
        """(B, windows, size, I): a view of x (B, T, I), or of a copy with `fill` on both sides."""
        count, left, right = self.along(x.shape[1])
        if left or right:
            padded = np.full((x.shape[0], left + x.shape[1] + right, x.shape[2]), fill, x.dtype)
            padded[:, left : left + x.shape[1]] = x
            x = padded
        row, step, feature = x.strides
        shape = x.shape[0], count, self.size, x.shape[2]
        strides = row, step * self.stride, step * self.dilation, feature
        return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)

    def back(self, parts: Any, shape: tuple[int, ...], dtype: Any) -> Array:
        """The gradient of x (B, T, I) from those of `of(x)[:, :, j]`, (B, windows, I) for j = 0, 1, ..., size-1."""
        count, left, right = self.along(shape[1])
        dx = np.zeros((shape[0], left + shape[1] + right, shape[2]), dtype)
        if count:
            for j, part in enumerate(parts):
                first = j * self.dilation
                dx[:, first : first + (count - 1) * self.stride + 1 : self.stride] += part
        return dx[:, left : left + shape[1]]


def single(kind: str, name: str, value: Any) -> tuple[int]:
    """A size along time as Keras keeps it: n and (n,) are (n,)."""
    if isinstance(value, (tuple, list)):
        if len(value) != 1:
            raise ValueError(f"{kind}: {name} must be an integer or a tuple of one; got {value!r}")
        (value,) = value
    return (_checks.integer(kind, name, value, 1),)


def padding_of(kind: str, value: Any, allowed: tuple[str, ...]) -> str:
    """One of the paddings, in lower case."""
    padding = value.lower() if isinstance(value, str) else value
    if padding not in allowed:
        raise ValueError(f"{kind}: padding must be one of {', '.join(map(repr, allowed))}; got {value!r}")
    return str(padding)
