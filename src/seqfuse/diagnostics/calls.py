"""What the layers of a model are called with, however deep they lie: written down while the model runs."""

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

    One = TypeVar("One")


@dataclass
class RecurrentCall:
    """One call of a recurrent layer, as its functions of `seqfuse.functional` saw it."""

    layer: Recurrent
    pair: tuple[Callable[..., Any], Callable[..., Any]]  # forward and backward
    x: Array  # (B, T, I)
    weights: tuple[Any, Any, Any]  # W, U, b
    states: tuple[Any, ...]  # (B, H), initial ones: h0, c0 with an LSTM; None for zeros
    options: dict[str, Any]
    tape: Tape
    gradients: tuple[Any, ...] | None = None  # dy (B, T, H), dh, dc with an LSTM: what has come back; None for zeros

    @property
    def mask(self) -> Any:
        """(B, T), bool; None where every step is real."""
        return self.options["mask"]


@contextlib.contextmanager
def recurrent_calls(model: Layer) -> Iterator[list[RecurrentCall]]:
    """Within it, the calls of recurrent layers in their order; states that are carried on are afterwards as before."""
    calls: list[RecurrentCall] = []
    layers = recurrent_layers(model)
    carried = [layer._state for layer in layers]

    def watched(layer: Recurrent) -> Callable[[], tuple[Any, Any, Any]]:
        infer, run, back = layer.functions()

        def forward(x: Any, W: Any, U: Any, b: Any, *states: Any, **options: Any) -> Any:
            out, tape = run(x, W, U, b, *states, **options)
            calls.append(RecurrentCall(layer, (run, back), x, (W, U, b), states, options, tape))
            return out, tape

        def backward(tape: Any, *gradients: Any, **options: Any) -> Any:
            for call in calls:
                if call.tape is tape:
                    call.gradients = gradients
            return back(tape, *gradients, **options)

        return lambda: (infer, forward, backward)

    with contextlib.ExitStack() as stack:
        for layer in layers:
            stack.enter_context(_instead(layer, "functions", watched(layer)))
        try:
            yield calls
        finally:
            for layer, state in zip(layers, carried):
                layer._state = state


@contextlib.contextmanager
def attention_calls(model: Layer) -> Iterator[list[tuple[Layer, Array]]]:
    """Within it, the attention layers in the order of their calls, each with the weights that it found."""
    calls: list[tuple[Layer, Array]] = []

    def watched(layer: Layer) -> Callable[..., Any]:
        run = layer.forward

        def forward(x: Any, *arguments: Any, return_attention_scores: bool = False, **options: Any) -> Any:
            (y, weights), tape = run(x, *arguments, return_attention_scores=True, **options)  # type: ignore[call-arg]
            calls.append((layer, weights))
            return ([y, weights] if return_attention_scores else y), tape

        return forward

    with contextlib.ExitStack() as stack:
        for layer in [model, *model.all_sublayers()]:
            if isinstance(layer, BaseAttention):
                stack.enter_context(_instead(layer, "forward", watched(layer)))
        yield calls


@contextlib.contextmanager
def _instead(layer: Layer, name: str, method: Callable[..., Any]) -> Iterator[None]:
    """Within it, another function in the place of a method of this one layer."""
    vars(layer)[name] = method
    try:
        yield
    finally:
        del vars(layer)[name]


def by_name(pairs: Sequence[tuple[str, One]]) -> dict[str, One]:
    """By the names of layers; where a name comes again, its number stands behind it: "lstm", "lstm (2)"."""
    found: dict[str, One] = {}
    for name, one in pairs:
        key, n = name, 1
        while key in found:
            n += 1
            key = f"{name} ({n})"
        found[key] = one
    return found
