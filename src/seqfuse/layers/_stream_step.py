"""How layers run one step at a time in `Model.stream`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn, TypeAlias

# A function from the inputs to the outputs of one step, and for each output whether it has a value at every step.
StreamStep: TypeAlias = tuple[Callable[[Any], Any], list[bool]]


@dataclass
class StreamPlan:
    """Data that all calls of a stream share.

    Attributes
    ----------
    model : str
        Name of the model, for messages.
    batch : int
        Number of sequences in the batch.
    states : list
        States of the layers in the order of their calls. Each has a method ``reset(rows)`` and an attribute ``state``
        that can be set.
    must_undo : bool
        Whether a layer may refuse a step after the state of another layer has changed. The stream then restores the
        states.
    """

    model: str
    batch: int
    states: list[Any] = field(default_factory=list)
    must_undo: bool = False

    def may_refuse(self) -> None:
        """Note that the call which is being planned may raise an error at any step."""
        self.must_undo = self.must_undo or bool(self.states)


class StreamCall(NamedTuple):
    """One call of a layer in a stream."""

    plan: StreamPlan
    shapes: list[Any]  # of the inputs; (batch, T, ...) for an input that has a value at every step
    timed: list[bool]  # for each input whether it has a value at every step
    options: dict[str, Any]  # keyword arguments for the forward of the layer
    outputs: int  # number of outputs
    several_in: bool  # whether forward accepts a list of inputs
    several_out: bool  # whether forward returns a list of outputs

    def refuse(self, layer: Any, reason: str) -> NoReturn:
        """Raise a ValueError that names the layer and the reason why it cannot run one step at a time."""
        raise ValueError(
            f"{self.plan.model}: stream needs layers whose output at a step depends on no later step; got "
            f"{layer.name} ({type(layer).__name__}): {reason}"
        )


class Streamable:
    """Base class of `Layer` with the methods for `Model.stream`."""

    stepwise = False  # whether the output at each step depends only on the input at that step
    not_stepwise = "it is not known to do that"  # the reason why not, for the error message
    makes_mask: bool
    name: str

    def stream_step(self, call: StreamCall) -> StreamStep:
        """Return a function that runs one call of the layer in a stream.

        Parameters
        ----------
        call : StreamCall
            The call.

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
        if any(call.timed):
            if not all(call.timed):
                call.refuse(self, "one of its inputs has steps, and another one has none")
            return self.timed_step(call)
        own: Any = copy.deepcopy(self)  # the inputs have no time axis, so any layer can run as it is
        return lambda x: own.forward(x, keep=False, **call.options)[0], [False] * call.outputs

    def timed_step(self, call: StreamCall) -> StreamStep:
        """Return a function like `stream_step` for a call whose inputs all have a value at every step.

        By default it runs the layer on sequences of one step. A layer that carries a state from step to step overrides
        this method.

        Parameters
        ----------
        call : StreamCall
            The call.

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
        reason = self.not_stepwise if not self.stepwise else None
        if reason is None and len({shape[1] for shape in call.shapes}) > 1:
            reason = "its inputs have different numbers of steps"
        reason = reason or self.mixes_steps(call.shapes)
        if reason is not None:
            call.refuse(self, reason)
        own: Any = copy.deepcopy(self)
        masks, options, several = self.makes_mask, call.options, call.several_in
        if masks:
            call.plan.may_refuse()

        def step(x: Any) -> Any:
            x = [value[:, None] for value in x] if several else x[:, None]
            if masks and not own.compute_mask(x).all():
                raise ValueError(
                    f"{own.name}: a step must be valid in every row; got padding. Leave padding out of the stream"
                )
            return own.forward(x, keep=False, **options)[0][:, 0]

        return step, [True]

    def mixes_steps(self, shapes: list[Any]) -> str | None:
        """Return why a stepwise layer is not stepwise for inputs of these shapes.

        Parameters
        ----------
        shapes : list of tuple
            Shapes of the inputs.

        Returns
        -------
        str or None
            The reason, for an error message. None if the layer is stepwise for these shapes.
        """
        return None


def without_features(shape: tuple[Any, ...]) -> str | None:
    """Return why a product over the last axis mixes steps if that axis is the time axis; None if it is not."""
    return f"the last axis of its input is the time axis; got {shape}" if len(shape) < 3 else None
