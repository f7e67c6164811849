"""A causal convolution step by step: its state is the inputs that the next step looks back on."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class Conv1DStream:
    """A `Conv1D` as it is now, and the inputs (batch, steps, features) before the first step."""

    def __init__(self, layer: Any, inputs: Array) -> None:
        self._layer, self._inputs = copy.deepcopy(layer), inputs

    def step(self, x: Any) -> Any:
        """The output at this step: the last one of those inputs and this one."""
        inputs = np.concatenate([self._inputs, np.asarray(x, self._inputs.dtype)[:, None]], axis=1)
        y = self._layer.forward(inputs, keep=False)[0][:, -1]
        self._inputs = inputs[:, 1:]
        return y

    def reset(self, rows: ArrayLike | None = None) -> None:
        """Zeros, as before the first step."""
        self._inputs = self._inputs.copy()
        self._inputs[slice(None) if rows is None else _checks.rows_of_batch("stream", rows, len(self._inputs))] = 0

    @property
    def state(self) -> Array:
        """(batch, steps, features), the oldest first; a copy."""
        return self._inputs.copy()

    @state.setter
    def state(self, value: ArrayLike) -> None:
        state = np.array(value, self._inputs.dtype)
        _checks.shape("stream", "state", "(batch, steps, features)", self._inputs.shape, state.shape)
        self._inputs = state
