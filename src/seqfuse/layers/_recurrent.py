"""What SimpleRNN, LSTM and GRU share: weights, states, masks, dropout; their mathematics is `seqfuse.functional`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse._deprecation import renamed_method
from seqfuse._seeds import SeedGenerator
from seqfuse.layers import activations
from seqfuse.layers._carry_forward import carry_forward, carry_forward_backward
from seqfuse.layers._layer import Grads, Into, Layer
from seqfuse.layers.weight import Gradients

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seqfuse._arrays import Array
    from seqfuse.layers._stream_step import StreamCall, StreamStep


class RecurrentTape(NamedTuple):
    """What `Recurrent.backward` reads."""

    cell: Any  # of the functional forward
    dropped: Array | None  # (B, 1, I), what x was multiplied with
    held: Array | None  # (B, T), the mask where y repeats the state at unreal steps; (B, 1): y is 0 where it is False
    given_states: int  # how many initial states were inputs


class Recurrent(Layer):
    """A recurrent layer, made with Keras's arguments; see `SimpleRNN`, `LSTM` and `GRU`."""

    gates: ClassVar[int]
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    supports_masking = True
    ranks = (3,)
    symbols = "(batch, T, I)"

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        zero_output_for_mask: bool = False,
        checkpoint: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        kind = type(self).__name__
        self.units = _checks.integer(kind, "units", units, 1)
        self.activation = activations.check_cell_activation(kind, "activation", activation)
        self.use_bias = use_bias
        self.kernel_initializer, self.recurrent_initializer = kernel_initializer, recurrent_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer, self.recurrent_regularizer = kernel_regularizer, recurrent_regularizer
        self.bias_regularizer = bias_regularizer
        self.dropout = _checks.fraction(kind, "dropout", dropout)
        self.recurrent_dropout = _checks.fraction(kind, "recurrent_dropout", recurrent_dropout)
        self.seed = seed
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful = go_backwards, stateful
        self.zero_output_for_mask = zero_output_for_mask
        self.checkpoint = checkpoint
        self.carries = False  # whether the next call goes on from this one's state; a model sets it for chunks of time
        self._seeds = SeedGenerator(seed) if dropout or recurrent_dropout else None
        self._state: tuple[Array, ...] | None = None

    def build(self, input_shape: Any) -> None:
        """Make kernel, recurrent_kernel and bias."""
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        features, columns = self.require_size(shape, -1), self.gates * self.units
        self.kernel = self.add_weight("kernel", (features, columns), self.kernel_initializer, self.kernel_regularizer)
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", (self.units, columns), self.recurrent_initializer, self.recurrent_regularizer
        )
        self.bias = (
            self.add_weight("bias", self.bias_shape(), self.initial_bias(), self.bias_regularizer)
            if self.use_bias
            else None
        )
        super().build(input_shape)

    def bias_shape(self) -> tuple[int, ...]:
        """Of the weight `bias`."""
        return (self.gates * self.units,)

    def initial_bias(self) -> Any:
        """What `bias` starts from."""
        return self.bias_initializer

    # ---- the pair ------------------------------------------------------------------------------------------------

    def functions(self) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
        """The functions of `seqfuse.functional`: without a tape, forward, backward."""
        raise NotImplementedError

    pair = renamed_method("pair", "functions")

    def cell_options(self) -> dict[str, Any]:
        """What this cell's functions are told beyond what all are."""
        return {"activation": self.activation}

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y, or [y, h, ...] with return_state; x, or [x, h0, ...] with initial states."""
        given: Sequence[Any] = ()
        if isinstance(x, (list, tuple)):
            x, *given = x
            mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        x = self.prepare_input(x)
        if mask is not None:
            mask = np.asarray(mask, bool)
            _checks.shape(self.name, "mask", "(batch, T)", x.shape[:2], mask.shape)
        states = self._initial(x.shape[0], given)
        options = self.cell_options()
        dropped = None
        if training and self._seeds is not None:
            if self.dropout:
                dropped = self._drop((x.shape[0], 1, x.shape[2]), self.dropout)
                x = x * dropped
            if self.recurrent_dropout:
                options["recurrent_mask"] = self._drop((x.shape[0], self.units), self.recurrent_dropout)
        infer, forward, _ = self.functions()
        if keep:
            infer = forward
            options["checkpoint"] = self.checkpoint
        bias = None if self.bias is None else self.bias.value
        out = infer(
            x, self.kernel.value, self.recurrent_kernel.value, bias, *states, mask=mask, batch_first=True,
            reverse=self.go_backwards, return_sequences=self.return_sequences, **options,
        )  # fmt: skip
        out, cell = out if keep else (out, None)
        held = None
        if self.return_sequences:
            y = out.y
            if mask is not None and not self.zero_output_for_mask:
                held = mask
                y = carry_forward(y, held, states[0], self.go_backwards)
            if self.go_backwards:
                y = y[:, ::-1]
        else:
            y = out.h
            if mask is not None and self.zero_output_for_mask and mask.size:
                held = self._last_step(mask)
                y = np.where(held, y, 0)
        final = out[1:]
        y = y.copy() if y is out.h and self.return_state else y  # who writes to one output does not change another
        if self.stateful or self.carries:
            self._state = tuple(state.copy() for state in final)  # y may be one of them, and is the caller's
        return ([y, *final] if self.return_state else y), RecurrentTape(cell, dropped, held, len(given))

    def backward(self, tape: RecurrentTape, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx, or [dx, dh0, ...] with initial states."""
        into = self.targets(into)
        dy, *dstates = dy if self.return_state else (dy,)
        dstates = dstates or [None] * len(self.state_names)
        dh0 = None
        if self.return_sequences:
            if dy is not None:
                dy = dy[:, ::-1] if self.go_backwards else dy
                if tape.held is not None:
                    dy, dh0 = carry_forward_backward(dy, tape.held, self.go_backwards)
        else:
            if dy is not None and tape.held is not None:
                dy = np.where(tape.held, dy, 0)
            if dy is not None:
                dstates[0] = dy if dstates[0] is None else dy + dstates[0]
            dy = None
        _, _, backward = self.functions()
        db = into[2] if self.use_bias else None
        given = Gradients.checked(into, (into[0], into[1], db))
        grads = backward(tape.cell, dy, *dstates, need_dx=need_dx, into=given)
        dx = grads.dx
        if dx is not None and tape.dropped is not None:
            dx = dx * tape.dropped
        if tape.given_states:
            of_states = [grads.dh0 if dh0 is None else grads.dh0 + dh0]
            of_states += [grads.dc0] if len(self.state_names) == 2 else []
            dx = [dx, *of_states]
        return dx, self.gradients(into)

    def _last_step(self, mask: Array) -> Array:
        """(B, 1): whether the step that is read last is real."""
        return mask[:, 0 if self.go_backwards else -1, None]

    def _drop(self, shape: tuple[int, ...], rate: float) -> Array:
        """One pattern for all steps of a sequence, scaled."""
        assert self._seeds is not None
        return F.dropout(np.ones(shape, self._dtype), rate, seed=self._seeds.next())

    # ---- states --------------------------------------------------------------------------------------------------

    def _initial(self, batch: int, given: Sequence[Any]) -> Sequence[Any]:
        """The states that a call starts from: those given, those kept, or zeros (None)."""
        names = self.state_names
        if given:
            self._check_states(batch, [np.shape(state) for state in given])
            return given
        if self._state is not None and (self.stateful or self.carries):
            if self._state[0].shape[0] != batch:
                raise ValueError(
                    f"{self.name}: a batch must have {self._state[0].shape[0]} rows, as the one whose state is carried "
                    f"on; got {batch}. Call reset_state() before another batch"
                )
            return self._state
        return (None,) * len(names)

    def _check_states(self, batch: int | None, shapes: Sequence[Any]) -> None:
        """Refuse initial states that are too many or too few, or of other shapes."""
        names = self.state_names
        if len(shapes) != len(names):
            needed = f"{len(names)} arrays ({', '.join(names)})"
            raise ValueError(f"{self.name}: initial_state must be {needed}; got {len(shapes)}")
        for name, got in zip(names, shapes):
            rows: Any = got[0] if got and None in (batch, got[0]) else batch  # symbolic ones may leave the batch open
            _checks.shape(self.name, f"{name} of initial_state", "(batch, units)", (rows, self.units), tuple(got))

    def reset_state(self) -> None:
        """Forget the state that a stateful layer carries on: the next call starts from zeros."""
        self._state = None

    reset_states = reset_state

    @property
    def states(self) -> list[Array] | None:
        """Copies of the states that a stateful layer carries on; None before the first call."""
        return None if self._state is None else [state.copy() for state in self._state]

    # ---- one step at a time --------------------------------------------------------------------------------------

    def stream_step(self, call: StreamCall) -> StreamStep:
        """As for `Layer`; the initial states cannot be inputs."""
        if any(call.timed) and call.several_in:
            call.refuse(self, "its initial states are inputs; set stream.state")
        return super().stream_step(call)

    def timed_step(self, call: StreamCall) -> StreamStep:
        """The stream of its packed cell, whose state is carried on."""
        if self.go_backwards:
            call.refuse(self, "go_backwards begins with the last step")
        weights = [
            None if weight is None else weight.value for weight in (self.kernel, self.recurrent_kernel, self.bias)
        ]
        pack = getattr(F, f"pack_{self.functions()[0].__name__}")
        stream = pack(*weights, **self.cell_options()).stream(call.plan.batch)
        call.plan.states.append(stream)
        dtype, take = self._dtype, stream.step

        def h(x: Any) -> Any:
            return take(x if x.dtype is dtype else np.asarray(x, dtype))

        def h_and_states(x: Any) -> list[Any]:
            y, states = h(x), stream.state
            return [y, *(states if isinstance(states, tuple) else (states,))]

        return h_and_states if self.return_state else h, [self.return_sequences] + [False] * (call.outputs - 1)

    # ---- shapes, masks, calls ------------------------------------------------------------------------------------

    def arguments(self, x: Any, initial_state: Any = None, **options: Any) -> tuple[Any, dict[str, Any]]:
        """The initial states are inputs, behind x."""
        if initial_state is None:
            return x, options
        states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        return [x, *states], options

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, T, units) with return_sequences, else (batch, units); a list with return_state."""
        given: Sequence[Any] = ()
        if isinstance(input_shape, list):
            input_shape, *given = input_shape
        batch, steps, _ = input_shape
        if given:
            self._check_states(batch, given)
        y = (batch, steps, self.units) if self.return_sequences else (batch, self.units)
        return [y, *[(batch, self.units)] * len(self.state_names)] if self.return_state else y

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """The mask of x, where there is an output for every step; final states have none."""
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        mask = mask if self.return_sequences else None
        return [mask, *[None] * len(self.state_names)] if self.return_state else mask

    def advice(self, shape: Any, source: Layer | None) -> str:
        """An Embedding adds an axis of its own: what the article's third program, as printed, runs into."""
        if source is not None and type(source).__name__ == "Embedding" and len(shape) == 4:
            return (
                "Embedding adds an axis to its input: (1) write Input((None,)) for Input((None, 1)). If Attention is "
                f"next, (2) it looks at every step: {type(self).__name__}({self.units}, return_sequences=True); and "
                "(3) for one output a sequence a pooling, such as GlobalAveragePooling1D(), goes between it and the "
                "Dense"
            )
        return super().advice(shape, source)


def recurrent_layers(model: Layer) -> list[Recurrent]:
    """The recurrent layers of a model, those inside others too."""
    return [layer for layer in model.all_sublayers() if isinstance(layer, Recurrent)]
