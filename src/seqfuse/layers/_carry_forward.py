"""Outputs at unreal steps as Keras gives them: the state that is carried over them, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from seqfuse._arrays import Array


def carry_forward(y: Array, mask: Array, h0: Any, backwards: bool) -> Array:
    """y (B, T, H), with the state in place of the zeros at unreal steps: y of the last real step read, h0 before one.

    Parameters
    ----------
    y : (B, T, H)        not changed
    mask : (B, T)        bool, which steps are real
    h0 : (B, H) or None        zeros by default
    backwards : bool        steps are read from T-1 to 0
    """
    if mask.all():
        return y
    steps = np.arange(mask.shape[1])
    if backwards:
        last = np.minimum.accumulate(np.where(mask, steps, mask.shape[1])[:, ::-1], axis=1)[:, ::-1]
    else:
        last = np.maximum.accumulate(np.where(mask, steps, -1), axis=1)
    none = (last < 0) | (last == mask.shape[1])
    held = np.take_along_axis(y, np.where(none, 0, last)[:, :, None], axis=1)
    held[none] = 0 if h0 is None else np.broadcast_to(np.asarray(h0, y.dtype)[:, None], y.shape)[none]
    return held


def carry_forward_backward(dy: Array, mask: Array, backwards: bool) -> tuple[Array, Array | None]:
    """The gradient of y from that of `carry_forward(y, ...)`, and what comes back to h0 (None: nothing)."""
    if mask.all():
        return dy, None
    steps = range(mask.shape[1]) if backwards else reversed(range(mask.shape[1]))
    out, carried = np.zeros_like(dy), np.zeros_like(dy[:, 0])
    for t in steps:  # the opposite order of reading
        carried = carried + dy[:, t]
        real = mask[:, t, None]
        out[:, t] = np.where(real, carried, 0)
        carried = np.where(real, 0, carried)
    return out, carried
