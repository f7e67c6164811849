"""Outputs at padding as in Keras: they repeat the hidden state of the last valid step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def carry_forward(y: Array, mask: Array, h0: ArrayLike | None, backwards: bool) -> Array:
    """Return a copy of y that repeats the output of the last valid step at padding; y itself if there is no padding.

    Parameters
    ----------
    y : ndarray, shape (B, T, H)
        Outputs of a cell. Not changed.
    mask : ndarray of bool, shape (B, T)
        True at valid steps.
    h0 : array_like, shape (B, H), or None
        Initial state, which is the output at padding before the first valid step. None means zeros.
    backwards : bool
        Whether the cell processes the steps from T-1 to 0.
    """
    if mask.all():
        return y
    steps = np.arange(mask.shape[1])
    if backwards:
        last = np.minimum.accumulate(np.where(mask, steps, mask.shape[1])[:, ::-1], axis=1)[:, ::-1]
    else:
        last = np.maximum.accumulate(np.where(mask, steps, -1), axis=1)
    before_first = (last < 0) | (last == mask.shape[1])
    carried = np.take_along_axis(y, np.where(before_first, 0, last)[:, :, None], axis=1)
    initial = 0 if h0 is None else np.broadcast_to(np.asarray(h0, y.dtype)[:, None], y.shape)[before_first]
    carried[before_first] = initial
    return carried


def carry_forward_backward(dy: Array, mask: Array, backwards: bool) -> tuple[Array, Array | None]:
    """Return the gradients of y and h0 from the gradient `dy` of ``carry_forward(y, mask, h0, backwards)``.

    The gradient of h0 is None if there is no padding.
    """
    if mask.all():
        return dy, None
    steps = range(mask.shape[1]) if backwards else reversed(range(mask.shape[1]))
    out, carried = np.zeros_like(dy), np.zeros_like(dy[:, 0])
    for t in steps:  # in the reverse order of processing
        # forward: carried = y[t] at a valid step, else the carried value of the step before
        carried = carried + dy[:, t]
        valid = mask[:, t, None]
        out[:, t] = np.where(valid, carried, 0)
        carried = np.where(valid, 0, carried)
    return out, carried
