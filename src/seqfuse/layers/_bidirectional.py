"""A recurrent layer that reads a sequence from both ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse.layers._clone import copy_of
from seqfuse.layers._layer import Grads, Into, Layer
from seqfuse.layers._recurrent import Recurrent

if TYPE_CHECKING:
    from seqfuse._arrays import Array

MODES = ("concat", "sum", "mul", "ave", None)


class BidirectionalTape(NamedTuple):
    """What `Bidirectional.backward` reads."""

    forward: Any
    backward: Any
    ys: tuple[Array, Array] | None  # both outputs in the order of time, where their product was given
    states: int  # how many initial states of each layer were inputs


class Bidirectional(Layer):
    """y = merge(what a recurrent layer gives, what another gives that reads from the last step to the first).

    Parameters
    ----------
    layer : SimpleRNN, LSTM or GRU        both are made anew with its arguments; its own weights are not used
    merge_mode : "concat", "sum", "mul", "ave" or None        over features side by side, y + y', y * y', (y + y') / 2;
        None: [y, y']
    weights : None        call `set_weights` once it is built
    backward_layer : such a layer        the other one, itself: it may differ but in `stateful`, `return_sequences` and
        `return_state`, and must have another `go_backwards`
    **kwargs : name, trainable        as for `Layer`; it computes in the type of the layer

    Raises
    ------
    ValueError        another merge_mode, or layers that do not fit together
    TypeError        no recurrent layer

    Notes
    -----
    Weights: those of `forward_layer`, then those of `backward_layer`. Outputs: (batch, T, 2*units) with
    return_sequences, both in the order of time, else (batch, 2*units); 2*units only with "concat". With return_state
    the final states of the first layer follow, then those of the other; `initial_state` has the same order. At unreal
    steps y is 0, whatever zero_output_for_mask of the layer says, as in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import LSTM, Bidirectional
    >>> layer = Bidirectional(LSTM(4, return_sequences=True, name="lstm"))
    >>> layer(np.ones((2, 5, 3))).shape
    (2, 5, 8)
    >>> [weight.path for weight in layer.weights][::3]
    ['forward_lstm/kernel', 'backward_lstm/kernel']
    """

    supports_masking = True
    not_stepwise = "it reads a sequence from both ends"

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: None = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        for argument, given in (("layer", layer), ("backward_layer", backward_layer or layer)):
            if not isinstance(given, Recurrent):
                got = type(given).__name__
                raise TypeError(f"Bidirectional: {argument} must be a recurrent layer, such as LSTM(8); got {got}")
        if merge_mode not in MODES:
            raise ValueError(f"Bidirectional: merge_mode must be one of {MODES}; got {merge_mode!r}")
        if weights is not None:
            raise ValueError("Bidirectional: weights must be None. Call set_weights once it is built")
        super().__init__(**{"dtype": layer.dtype, "input_shape": layer.input_shape} | kwargs)
        self.merge_mode = merge_mode
        self.forward_layer: Any = copy_of(layer, name="forward_" + layer.name.removeprefix("forward_"))
        self.backward_layer: Any = backward_layer or copy_of(
            layer, name="backward_" + layer.name.removeprefix("backward_"), go_backwards=True
        )
        self._check_pair()
        one: Any
        for one in (self.forward_layer, self.backward_layer):
            one.zero_output_for_mask = one.return_sequences
        self.stateful, self.return_state = layer.stateful, layer.return_state
        self.return_sequences = layer.return_sequences
        if not self._trainable:
            self.trainable = False

    def _check_pair(self) -> None:
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == other.go_backwards:
            raise ValueError(
                f"Bidirectional: one of layer and backward_layer must have go_backwards=True; got {one.go_backwards} "
                "for both"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(one, name) != getattr(other, name):
                raise ValueError(f"Bidirectional: layer and backward_layer must have the same {name}")
        if self.merge_mode not in ("concat", None) and one.units != other.units:
            raise ValueError(
                f'Bidirectional: merge_mode="{self.merge_mode}" needs layers with the same units; got {one.units} and '
                f"{other.units}"
            )

    @property
    def layer(self) -> Recurrent:
        """The layer that its config says: the forward one."""
        return self.forward_layer  # type: ignore[no-any-return]

    def get_config(self) -> dict[str, Any]:
        """As for `Layer`."""
        return {name: value for name, value in super().get_config().items() if name != "weights"}

    def build(self, input_shape: Any) -> None:
        """Build both layers."""
        for one in (self.forward_layer, self.backward_layer):
            if not one.built:
                one.build(input_shape)
        super().build(input_shape)

    # ---- the pair ------------------------------------------------------------------------------------------------

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y, or [y, y'] with merge_mode None, and with return_state the final states behind."""
        given: list[Any] = []
        if isinstance(x, (list, tuple)):
            x, *given = x
            mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        half = self._half(given)
        x = self.prepare_input(x)
        options = {"training": training, "mask": mask, "keep": keep}
        y, of_y = self.forward_layer.forward([x, *given[:half]] if half else x, **options)
        back, of_back = self.backward_layer.forward([x, *given[half:]] if half else x, **options)
        states: list[Any] = []
        if self.return_state:
            (y, *first), (back, *second) = y, back
            states = [*first, *second]
        if self.return_sequences:
            back = back[:, ::-1]
        merged: list[Any] = [y, back]
        if self.merge_mode == "concat":
            merged = [np.concatenate([y, back], -1)]
        elif self.merge_mode == "mul":
            merged = [y * back]
        elif self.merge_mode is not None:
            merged = [y + back if self.merge_mode == "sum" else (y + back) / 2]
        outputs = [*merged, *states]
        tape = BidirectionalTape(of_y, of_back, (y, back) if self.merge_mode == "mul" else None, half)
        return (outputs if len(outputs) > 1 else outputs[0]), tape

    def backward(self, tape: BidirectionalTape, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx, or [dx, gradients of the initial states]."""
        outputs = dy if self.return_state or self.merge_mode is None else [dy]
        (dy, back), states = self._apart(tape, outputs), outputs[2 if self.merge_mode is None else 1 :]
        if self.return_sequences and back is not None:
            back = back[:, ::-1]
        if self.return_state:
            half = len(states) // 2
            dy, back = [dy, *states[:half]], [back, *states[half:]]
        n = len(self.forward_layer.trainable_weights)
        of_first, of_second = (None, None) if into is None else (into[:n], into[n:])
        dx, grads = self.forward_layer.backward(tape.forward, dy, need_dx=need_dx, into=of_first)
        more, grads_of_second = self.backward_layer.backward(tape.backward, back, need_dx=need_dx, into=of_second)
        grads = [*grads, *grads_of_second] if into is None else into
        if tape.states:
            (dx, *first), (more, *second) = dx, more
            return [dx + more if need_dx else None, *first, *second], grads
        return (dx + more if need_dx else None), grads

    def _apart(self, tape: BidirectionalTape, dy: Any) -> tuple[Any, Any]:
        """The gradients of both outputs, both in the order of time."""
        if self.merge_mode is None:
            return dy[0], dy[1]
        d = dy[0]
        if d is None:
            return None, None
        if self.merge_mode == "concat":
            units = self.forward_layer.units
            return d[..., :units], d[..., units:]
        if tape.ys is not None:  # forward: y * back
            return d * tape.ys[1], d * tape.ys[0]
        half = d / 2 if self.merge_mode == "ave" else d
        return half, half

    # ---- states, shapes, masks, calls ----------------------------------------------------------------------------

    def _half(self, given: list[Any]) -> int:
        """How many initial states, or shapes of them, each layer is given."""
        half, odd = divmod(len(given), 2)
        if odd:
            raise ValueError(f"{self.name}: initial_state must be those of both layers; got {len(given)} arrays")
        return half

    def reset_state(self) -> None:
        """Forget the states that stateful layers carry on."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    @property
    def states(self) -> list[Array] | None:
        """Copies of the states that stateful layers carry on; None before the first call."""
        first, second = self.forward_layer.states, self.backward_layer.states
        return None if first is None or second is None else [*first, *second]

    def arguments(self, x: Any, initial_state: Any = None, **options: Any) -> tuple[Any, dict[str, Any]]:
        """The initial states are inputs, behind x."""
        return self.forward_layer.arguments(x, initial_state, **options)  # type: ignore[no-any-return]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the layer, with the features of both behind one another for "concat"; a list with several outputs."""
        x, *given = input_shape if isinstance(input_shape, list) else [input_shape]
        half = self._half(given)
        one = self.forward_layer.compute_output_shape([x, *given[:half]])
        other = self.backward_layer.compute_output_shape([x, *given[half:]])
        states: list[Any] = []
        if self.return_state:
            (one, *first), (other, *second) = one, other
            states = [*first, *second]
        merged = [one, other] if self.merge_mode is None else [one]
        if self.merge_mode == "concat":
            merged = [(*one[:-1], one[-1] + other[-1])]
        outputs = [*merged, *states]
        return outputs if len(outputs) > 1 else outputs[0]

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """The mask of x, where there is an output for every step; final states have none."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        states = [None] * (2 * len(self.forward_layer.state_names) if self.return_state else 0)
        masks = [mask] * (2 if self.merge_mode is None else 1) + states
        return masks if len(masks) > 1 else masks[0]

    def check_shape(self, shape: Any, *, source: Layer | None = None) -> None:
        """As the layer inside, by its name."""
        self.forward_layer.check_shape(shape, source=source)
