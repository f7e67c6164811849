"""Record the calls of recurrent and attention layers, at any depth, while a model runs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from seqfuse.layers._base_attention import BaseAttention
from seqfuse.layers._recurrent import recurrent_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from seqfuse._arrays import Array
    from seqfuse.functional._tape import Tape
    from seqfuse.layers._layer import Layer
    from seqfuse.layers._recurrent import Recurrent

    Value = TypeVar("Value")


@dataclass
class RecurrentCall:
    """Arguments and results of one call of a recurrent layer's functions in `seqfuse.functional`.

    Attributes
    ----------
    layer : Recurrent
        Layer that was called.
    forward, backward : callable
        Its functions with a tape, such as `lstm_forward` and `lstm_backward`.
    x : ndarray, shape (B, T, I)
        Inputs.
    weights : tuple
        W, U and b.
    states : tuple
        Initial states (B, H): h0, and c0 of an LSTM. None stands for zeros.
    options : dict
        Keyword arguments of the forward function.
    tape : Tape
        Tape that the forward function returned.
    gradients : tuple, optional
        Gradients that the backward function received: dy (B, T, H), dh (B, H), and dc (B, H) of an LSTM. An entry that
        is None stands for zeros. The attribute itself is None if backward was not called.
    """

    layer: Recurrent
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    x: Array
    weights: tuple[Any, Any, Any]
    states: tuple[Any, ...]
    options: dict[str, Any]
    tape: Tape
    gradients: tuple[Any, ...] | None = None

    @property
    def mask(self) -> Any:
        """Mask of valid steps, bool (B, T); None if every step is valid."""
        return self.options["mask"]


@contextlib.contextmanager
def recurrent_calls(model: Layer) -> Iterator[list[RecurrentCall]]:
    """Record every call of a recurrent layer inside the context, in order, and restore stateful layers at its end."""
    calls: list[RecurrentCall] = []
    layers = recurrent_layers(model)
    saved_states = [layer._state for layer in layers]

    def recording(layer: Recurrent) -> Callable[[], tuple[Any, Any, Any]]:
        infer, run_forward, run_backward = layer.functions()

        def forward(x: Any, W: Any, U: Any, b: Any, *states: Any, **options: Any) -> Any:
            out, tape = run_forward(x, W, U, b, *states, **options)
            calls.append(RecurrentCall(layer, run_forward, run_backward, x, (W, U, b), states, options, tape))
            return out, tape

        def backward(tape: Any, *gradients: Any, **options: Any) -> Any:
            for call in calls:
                if call.tape is tape:
                    call.gradients = gradients
            return run_backward(tape, *gradients, **options)

        return lambda: (infer, forward, backward)

    with contextlib.ExitStack() as stack:
        for layer in layers:
            stack.enter_context(_overridden(layer, "functions", recording(layer)))
        try:
            yield calls
        finally:
            for layer, state in zip(layers, saved_states):
                layer._state = state


@contextlib.contextmanager
def attention_calls(model: Layer) -> Iterator[list[tuple[Layer, Array]]]:
    """Record every call of an attention layer inside the context, in order: the layer and its attention weights."""
    calls: list[tuple[Layer, Array]] = []

    def recording(layer: Layer) -> Callable[..., Any]:
        run = layer.forward

        def forward(x: Any, *arguments: Any, return_attention_scores: bool = False, **options: Any) -> Any:
            (y, weights), tape = run(x, *arguments, return_attention_scores=True, **options)  # type: ignore[call-arg]
            calls.append((layer, weights))
            return ([y, weights] if return_attention_scores else y), tape

        return forward

    with contextlib.ExitStack() as stack:
        for layer in [model, *model.all_sublayers()]:
            if isinstance(layer, BaseAttention):
                stack.enter_context(_overridden(layer, "forward", recording(layer)))
        yield calls


@contextlib.contextmanager
def _overridden(layer: Layer, name: str, method: Callable[..., Any]) -> Iterator[None]:
    """Replace a method of this one layer inside the context."""
    vars(layer)[name] = method
    try:
        yield
    finally:
        del vars(layer)[name]


def number_repeats(named: Sequence[tuple[str, Value]]) -> dict[str, Value]:
    """Return a dict of (name, value) pairs in which repeated names are numbered: "lstm", "lstm (2)", "lstm (3)"."""
    found: dict[str, Value] = {}
    for name, value in named:
        key, n = name, 1
        while key in found:
            n += 1
            key = f"{name} ({n})"
        found[key] = value
    return found
