"""How a layer goes one step at a time in `Model.stream`: what it is told of its call, and what most layers do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn, TypeAlias

# A function of the inputs at a step that gives the outputs at that step; and whether there is an output for every step.
StreamStep: TypeAlias = tuple[Callable[[Any], Any], list[bool]]


@dataclass
class StreamPlan:
    """What all calls of a stream share.

    Attributes
    ----------
    model : str        the name of the model, for messages
    batch : int        how many sequences go side by side
    states : list        objects with `reset(rows)` and a `state` that can be set, in the order of the calls
    must_undo : bool        whether a step may be refused after a state has moved on
    """

    model: str
    batch: int
    states: list[Any] = field(default_factory=list)
    must_undo: bool = False

    def may_refuse(self) -> None:
        """Say that the call that is planned now may refuse an input at any step."""
        self.must_undo = self.must_undo or bool(self.states)


class StreamCall(NamedTuple):
    """One call of a layer in a stream."""

    plan: StreamPlan
    shapes: list[Any]  # of the inputs, (batch, T, ...) where there is one for every step
    timed: list[bool]  # of which inputs there is one for every step
    options: dict[str, Any]  # of the call, as the layer's forward takes them
    outputs: int  # how many
    several_in: bool  # whether forward takes a list
    several_out: bool

    def refuse(self, layer: Any, reason: str) -> NoReturn:
        """Raise an error that names the layer and the reason why it cannot run one step at a time."""
        raise ValueError(
            f"{self.plan.model}: stream needs layers that give a step from that step and those before; got "
            f"{layer.name} ({type(layer).__name__}): {reason}"
        )


class Streamable:
    """What a layer has for `Model.stream`; a layer that carries a state from step to step overrides `timed_step`."""

    stepwise = False  # whether its output at a step follows from its input at that step
    not_stepwise = "it is not known to do that"  # why it does not
    makes_mask: bool
    name: str

    def stream_step(self, call: StreamCall) -> StreamStep:
        """How the layer does a call in a stream.

        Raises
        ------
        ValueError        it cannot be taken step by step
        """
        if any(call.timed):
            if not all(call.timed):
                call.refuse(self, "one of its inputs has steps, and another one has none")
            return self.timed_step(call)
        own: Any = copy.deepcopy(self)  # after what has no steps any more, whatever it is
        return lambda x: own.forward(x, keep=False, **call.options)[0], [False] * call.outputs

    def timed_step(self, call: StreamCall) -> StreamStep:
        """The same where there is one of every input for every step: by default the layer, given sequences of one."""
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

        def one(x: Any) -> Any:
            x = [value[:, None] for value in x] if several else x[:, None]
            if masks and not own.compute_mask(x).all():
                raise ValueError(
                    f"{own.name}: a step must be real in every row; got padding. Leave it out of the stream"
                )
            return own.forward(x, keep=False, **options)[0][:, 0]

        return one, [True]

    def mixes_steps(self, shapes: list[Any]) -> str | None:
        """Why a layer that is stepwise is not so for inputs of these shapes; None where it is."""
        return None


def without_features(shape: tuple[Any, ...]) -> str | None:
    """Why a product over the last axis mixes steps: where that is the axis of time."""
    return f"its input has no axis of time but the last; got {shape}" if len(shape) < 3 else None
