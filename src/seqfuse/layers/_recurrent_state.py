"""States of a recurrent layer: initial states, the state that a stateful layer keeps, and streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Inputs
    from seqfuse.layers._stream_step import StreamCall, StreamStep
    from seqfuse.layers.weight import Weight


class RecurrentState(Layer):
    """Base class of `Recurrent` that handles its states."""

    state_names: ClassVar[tuple[str, ...]] = ("h",)

    units: int
    stateful: bool
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    kernel: Weight
    recurrent_kernel: Weight
    bias: Weight | None
    functions: Any  # these two are methods of Recurrent
    cell_options: Any
    carries: bool  # whether the next call starts from the final state of this one; a model sets it for chunks of time
    _state: tuple[Array, ...] | None  # the final state of the last call, if the next one starts from it

    def arguments(
        self, x: Inputs, initial_state: ArrayLike | Sequence[ArrayLike] | None = None, **options: Any
    ) -> tuple[Inputs, dict[str, Any]]:
        """Convert the arguments of a call to arguments of `forward`: the initial states follow x in a list.

        Parameters
        ----------
        x : array_like or Tensor, shape (batch, T, I)
            Inputs.
        initial_state : array_like or Tensor, shape (batch, units), or a list of them, optional
            Initial state; for an LSTM the list ``[h0, c0]``. Zeros by default.
        **options : Any
            Further keyword arguments of the call.

        Returns
        -------
        inputs : array_like or Tensor, or a list of them
            ``x``, or ``[x, h0, ...]``.
        options : dict
            The further keyword arguments.
        """
        if initial_state is None:
            return x, options
        states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        return [x, *states], options

    def _initial_states(self, batch: int, given: Sequence[Any]) -> Sequence[Any]:
        """Return the states that a call starts from: those given, those kept, or None for zeros."""
        if given:
            self._check_states(batch, [np.shape(state) for state in given])
            return given
        if self._state is not None and (self.stateful or self.carries):
            if self._state[0].shape[0] != batch:
                raise ValueError(
                    f"{self.name}: the batch must have {self._state[0].shape[0]} rows, as the state of the last call; "
                    f"got {batch}. Call reset_state() before a batch of another size"
                )
            return self._state
        return (None,) * len(self.state_names)

    def _check_states(self, batch: int | None, shapes: Sequence[Any]) -> None:
        """Check the number and the shapes of initial states; None for a batch of any size."""
        names = self.state_names
        if len(shapes) != len(names):
            needed = f"{len(names)} arrays ({', '.join(names)})"
            raise ValueError(f"{self.name}: initial_state must be {needed}; got {len(shapes)}")
        for name, got in zip(names, shapes):
            rows: Any = got[0] if got and None in (batch, got[0]) else batch
            _checks.shape(self.name, f"{name} of initial_state", "(batch, units)", (rows, self.units), tuple(got))

    def reset_state(self) -> None:
        """Forget the state of a stateful layer, so that the next call starts from zeros."""
        self._state = None

    reset_states = reset_state

    @property
    def states(self) -> list[Array] | None:
        """Copies of the final states of the last call of a stateful layer; None before the first call."""
        return None if self._state is None else [state.copy() for state in self._state]

    # ---- one step at a time --------------------------------------------------------------------------------------

    def stream_step(self, call: StreamCall) -> StreamStep:
        """Return a function that runs one call of the layer in a stream.

        Parameters
        ----------
        call : StreamCall
            The call. Initial states cannot be inputs of the model.

        Returns
        -------
        step : callable
            Function from the inputs of one step to the outputs of that step.
        timed : list of bool
            For each output, whether it has a value at every step.

        Raises
        ------
        ValueError
            If the layer cannot run one step at a time.
        """
        if any(call.timed) and call.several_in:
            call.refuse(self, "its initial states are inputs; set stream.state")
        return super().stream_step(call)

    def timed_step(self, call: StreamCall) -> StreamStep:
        """Return a function that runs one step of the cell and keeps its state.

        Parameters
        ----------
        call : StreamCall
            The call.

        Returns
        -------
        step : callable
            Function from the input of one step to the output, or to the output and the states with return_state.
        timed : list of bool
            For each output, whether it has a value at every step.

        Raises
        ------
        ValueError
            If the layer has go_backwards=True.
        """
        if self.go_backwards:
            call.refuse(self, "go_backwards begins with the last step")
        weights = [
            None if weight is None else weight.value for weight in (self.kernel, self.recurrent_kernel, self.bias)
        ]
        pack = getattr(F, f"pack_{self.functions()[0].__name__}")
        stream = pack(*weights, **self.cell_options()).stream(call.plan.batch)
        call.plan.states.append(stream)
        dtype, advance = self._dtype, stream.step

        def step(x: Any) -> Any:
            return advance(x if x.dtype is dtype else np.asarray(x, dtype))

        def step_with_states(x: Any) -> list[Any]:
            y, states = step(x), stream.state
            return [y, *(states if isinstance(states, tuple) else (states,))]

        timed = [self.return_sequences] + [False] * (call.outputs - 1)
        return step_with_states if self.return_state else step, timed
