"""Streams of a causal convolution, whose state is the inputs of the earlier steps in its window."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class Conv1DStream:
    """Causal `Conv1D` layer that runs one step at a time.

    Parameters
    ----------
    layer : Conv1D
        The layer. The stream uses a copy of it.
    inputs : ndarray, shape (batch, steps, features)
        Inputs before the first step, the oldest first: as many steps as a window has before its last step.
    """

    def __init__(self, layer: Any, inputs: Array) -> None:
        self._layer, self._inputs = copy.deepcopy(layer), inputs

    def step(self, x: Any) -> Any:
        """Return the output (batch, filters) for the input (batch, features) at the next step."""
        inputs = np.concatenate([self._inputs, np.asarray(x, self._inputs.dtype)[:, None]], axis=1)
        y = self._layer.forward(inputs, keep=False)[0][:, -1]
        self._inputs = inputs[:, 1:]
        return y

    def reset(self, rows: ArrayLike | None = None) -> None:
        """Set the earlier inputs to zeros: in some rows of the batch (indices or bool), or by default in all."""
        self._inputs = self._inputs.copy()
        self._inputs[slice(None) if rows is None else _checks.rows_of_batch("stream", rows, len(self._inputs))] = 0

    @property
    def state(self) -> Array:
        """Copy of the earlier inputs, (batch, steps, features), the oldest first."""
        return self._inputs.copy()

    @state.setter
    def state(self, value: ArrayLike) -> None:
        state = np.array(value, self._inputs.dtype)
        _checks.shape("stream", "state", "(batch, steps, features)", self._inputs.shape, state.shape)
        self._inputs = state
