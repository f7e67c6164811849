"""Base class of SimpleRNN, LSTM and GRU: weights, masks and dropout. `seqfuse.functional` computes the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse._deprecation import renamed_method
from seqfuse._seeds import SeedGenerator
from seqfuse.layers import activations
from seqfuse.layers._carry_forward import carry_forward, carry_forward_backward
from seqfuse.layers._recurrent_state import RecurrentState
from seqfuse.layers.weight import Gradients

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import (
        ActivationLike,
        Grads,
        InitializerLike,
        Inputs,
        Into,
        Masks,
        Outputs,
        RegularizerLike,
        ShapeLike,
        Shapes,
    )
    from seqfuse.layers._layer import Layer


class RecurrentTape(NamedTuple):
    """Results of `Recurrent.forward` that `Recurrent.backward` needs."""

    cell: Any  # the tape of the forward function of the cell
    x_mask: Array | None  # dropout mask of x, (B, 1, I)
    output_mask: Array | None  # (B, T): y repeats the last state at padding; (B, 1): y is 0 in rows that are False
    given_states: int  # number of initial states among the inputs


class Recurrent(RecurrentState):
    """Base class of the recurrent layers; see `SimpleRNN`, `LSTM` and `GRU` for the arguments."""

    gates: ClassVar[int]
    supports_masking = True
    ranks = (3,)
    symbols = "(batch, T, I)"

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        zero_output_for_mask: bool = False,
        checkpoint: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
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
        self.carries = False
        self._seeds = SeedGenerator(seed) if dropout or recurrent_dropout else None
        self._state = None

    def build(self, input_shape: Shapes) -> None:
        """Create the weights ``kernel``, ``recurrent_kernel`` and ``bias``.

        Parameters
        ----------
        input_shape : tuple of int or None, or a list of such tuples
            Shape of x, (batch, T, I), or a list of the shapes of x and of the initial states.
        """
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
        """Return the shape of the weight ``bias``.

        Returns
        -------
        tuple of int
            The shape.
        """
        return (self.gates * self.units,)

    def initial_bias(self) -> InitializerLike:
        """Return the initializer of the weight ``bias``.

        Returns
        -------
        str, Initializer, callable or None
            The initializer.
        """
        return self.bias_initializer

    # ---- forward and backward ------------------------------------------------------------------------------------

    def functions(self) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
        """Return the functions of `seqfuse.functional` that compute the cell.

        Returns
        -------
        tuple of callable
            The function without a tape, the forward function and the backward function.
        """
        raise NotImplementedError

    pair = renamed_method("pair", "functions")

    def cell_options(self) -> dict[str, Any]:
        """Return the keyword arguments that the functions of the cell need.

        Returns
        -------
        dict
            The arguments by name.
        """
        return {"activation": self.activation}

    def forward(
        self, x: Inputs, training: bool = False, mask: Masks = None, *, keep: bool = True
    ) -> tuple[Outputs, RecurrentTape]:
        """Return the outputs of the cell, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, T, I), or a list
            Inputs, or ``[x, h0, ...]`` with initial states of shape (batch, units).
        training : bool, optional
            Whether to apply dropout.
        mask : array_like, shape (batch, T), optional
            True at valid steps. At padding the state does not change. A list has the mask of x as its first entry.
        keep : bool, optional
            False if `backward` will not be called. This saves memory.

        Returns
        -------
        y : ndarray, shape (batch, T, units) or (batch, units)
            Hidden state at every step with return_sequences, else the final one. With return_state a list: y and the
            final states.
        tape : RecurrentTape
            First argument of `backward`.

        Raises
        ------
        ValueError
            If a shape does not fit.
        """
        given: Sequence[Any] = ()
        if isinstance(x, (list, tuple)):
            x, *given = x
            mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        x = self.prepare_input(x)
        if mask is not None:
            mask = np.asarray(mask, bool)
            _checks.shape(self.name, "mask", "(batch, T)", x.shape[:2], mask.shape)
        states = self._initial_states(x.shape[0], given)
        options = self.cell_options()
        x_mask = None
        if training and self._seeds is not None:
            if self.dropout:
                x_mask = self._dropout_mask((x.shape[0], 1, x.shape[2]), self.dropout)
                x = x * x_mask
            if self.recurrent_dropout:
                options["recurrent_mask"] = self._dropout_mask((x.shape[0], self.units), self.recurrent_dropout)
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
        output_mask = None
        if self.return_sequences:
            y = out.y
            if mask is not None and not self.zero_output_for_mask:
                output_mask = mask
                y = carry_forward(y, output_mask, states[0], self.go_backwards)
            if self.go_backwards:
                y = y[:, ::-1]
        else:
            y = out.h
            if mask is not None and self.zero_output_for_mask and mask.size:
                output_mask = self._final_step_mask(mask)
                y = np.where(output_mask, y, 0)
        final = out[1:]
        y = y.copy() if y is out.h and self.return_state else y  # two outputs must not share memory
        if self.stateful or self.carries:
            self._state = tuple(state.copy() for state in final)  # the caller may modify y, which may be one of them
        return ([y, *final] if self.return_state else y), RecurrentTape(cell, x_mask, output_mask, len(given))

    def backward(self, tape: RecurrentTape, dy: Outputs, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradients of the inputs and of the trainable weights.

        Parameters
        ----------
        tape : RecurrentTape
            The second result of `forward`. It is not changed, so it can be used again.
        dy : ndarray, or a list of ndarray or None
            Gradient of y. With return_state a list: the gradients of y and of the final states, or None for zeros.
        need_dx : bool, optional
            False if ``dx`` is not used. It is None then.
        into : list of ndarray, optional
            One array for each entry of `trainable_weights`. The gradients are added to them.

        Returns
        -------
        dx : ndarray, shape (batch, T, I), or a list
            Gradient of x, or ``[dx, dh0, ...]`` if the inputs were ``[x, h0, ...]``.
        grads : list of ndarray
            Gradients of `trainable_weights`: the arrays of ``into`` if it is given.
        """
        into = self.targets(into)
        dy, *dstates = dy if self.return_state else (dy,)
        dstates = dstates or [None] * len(self.state_names)
        dh0 = None
        if self.return_sequences:
            if dy is not None:
                dy = dy[:, ::-1] if self.go_backwards else dy
                if tape.output_mask is not None:
                    dy, dh0 = carry_forward_backward(dy, tape.output_mask, self.go_backwards)
        else:
            if dy is not None and tape.output_mask is not None:
                dy = np.where(tape.output_mask, dy, 0)
            if dy is not None:
                dstates[0] = dy if dstates[0] is None else dy + dstates[0]
            dy = None
        _, _, backward = self.functions()
        db = into[2] if self.use_bias else None
        given = Gradients.checked(into, (into[0], into[1], db))
        grads = backward(tape.cell, dy, *dstates, need_dx=need_dx, into=given)
        dx = grads.dx
        if dx is not None and tape.x_mask is not None:
            dx = dx * tape.x_mask
        if tape.given_states:
            dinitial = [grads.dh0 if dh0 is None else grads.dh0 + dh0]
            dinitial += [grads.dc0] if len(self.state_names) == 2 else []
            dx = [dx, *dinitial]
        return dx, self.gradients(into)

    def _final_step_mask(self, mask: Array) -> Array:
        """Return, with shape (B, 1), whether the step that the cell processes last is valid."""
        return mask[:, 0 if self.go_backwards else -1, None]

    def _dropout_mask(self, shape: tuple[int, ...], rate: float) -> Array:
        """Return a random dropout mask, 0 or 1 / (1 - rate), which is used at all steps."""
        assert self._seeds is not None
        return F.dropout(np.ones(shape, self._dtype), rate, seed=self._seeds.next())

    # ---- shapes and masks ----------------------------------------------------------------------------------------

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        """Return the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int or None, or a list of such tuples
            Shape of x, (batch, T, I), or a list of the shapes of x and of the initial states.

        Returns
        -------
        tuple of int or None, or a list of such tuples
            (batch, T, units) with return_sequences, else (batch, units). With return_state a list, in which the shapes
            of the final states follow.

        Raises
        ------
        ValueError
            If the initial states have another number or shape.
        """
        given: Sequence[Any] = ()
        if isinstance(input_shape, list):
            input_shape, *given = input_shape
        batch, steps, _ = input_shape
        if given:
            self._check_states(batch, given)
        y = (batch, steps, self.units) if self.return_sequences else (batch, self.units)
        return [y, *[(batch, self.units)] * len(self.state_names)] if self.return_state else y

    def compute_mask(self, x: Inputs, mask: Masks = None) -> Masks:
        """Return the mask of the output.

        Parameters
        ----------
        x : array_like, shape (batch, T, I), or a list
            Inputs.
        mask : array_like, shape (batch, T), or a list with one mask per input, optional
            Mask of the inputs.

        Returns
        -------
        ndarray or None, or a list of these
            The mask of x with return_sequences, else None. With return_state a list, with None for the final states.
        """
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        mask = mask if self.return_sequences else None
        return [mask, *[None] * len(self.state_names)] if self.return_state else mask

    def advice(self, shape: ShapeLike, source: Layer | None) -> str:
        """Return advice for the error message about an input that does not fit.

        The attention example of the article that seqfuse follows has an input of shape (None, 1) before an Embedding,
        which adds another axis. The message explains how to correct it.

        Parameters
        ----------
        shape : tuple of int or None
            Shape of the input.
        source : Layer or None
            The layer that the input comes from, if it is known.

        Returns
        -------
        str
            The advice without its final period, or "".
        """
        if source is not None and type(source).__name__ == "Embedding" and len(shape) == 4:
            return (
                "Embedding adds an axis to its input: (1) write Input((None,)) instead of Input((None, 1)). (2) If "
                f"Attention is next, it needs every step: {type(self).__name__}({self.units}, return_sequences=True). "
                "(3) For one output per sequence, put a pooling layer such as GlobalAveragePooling1D() between the "
                "attention and the Dense layer"
            )
        return super().advice(shape, source)


def recurrent_layers(model: Layer) -> list[Recurrent]:
    """Return all recurrent layers of a model, including nested ones."""
    return [layer for layer in model.all_sublayers() if isinstance(layer, Recurrent)]
