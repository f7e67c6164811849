"""Long short-term memory layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import functional as F
from seqfuse import initializers
from seqfuse.layers import activations
from seqfuse.layers._recurrent import Recurrent

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import ActivationLike, InitializerLike, RegularizerLike, ShapeLike


class LSTM(Recurrent):
    """Long short-term memory layer.

    Parameters
    ----------
    units : int
        Number of hidden units, H.
    activation : str, tuple or None, default "tanh"
        Function of the candidate and of the cell state: a name, or a name and its constants; see
        `seqfuse.functional.lstm`. None means linear.
    recurrent_activation : str, tuple or None, default "sigmoid"
        Function of the three gates, given in the same way.
    use_bias : bool, default True
        Whether there is a bias.
    unit_forget_bias : bool, default True
        Whether the bias of the forget gate starts from 1.
    kernel_initializer : str, Initializer or callable, default "glorot_uniform"
        Initial values of the weights of x.
    recurrent_initializer : str, Initializer or callable, default "orthogonal"
        Initial values of the weights of h.
    bias_initializer : str, Initializer or callable, default "zeros"
        Initial values of the bias. With unit_forget_bias, not of the forget gate.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str, Regularizer or None, default None
        Penalties on the weights.
    dropout : float, default 0.0
        Fraction of the features of x that training sets to 0, in [0, 1). The same features at all steps.
    recurrent_dropout : float, default 0.0
        Fraction of the units of h_prev that training sets to 0 before the product with the recurrent weights, in
        [0, 1). The same units at all steps.
    seed : int, optional
        Seed of the dropout masks, in [0, 2**64). By default it follows from the seed of the process.
    return_sequences : bool, default False
        True: return the hidden state at every step, (batch, T, units). False: return the final one, (batch, units).
    return_state : bool, default False
        Whether to return the final states too.
    go_backwards : bool, default False
        Whether to process the steps from the last to the first. The outputs are in the order of processing.
    stateful : bool, default False
        Whether each call starts from the final state of the previous call. `reset_state` resets it to zeros.
    zero_output_for_mask : bool, default False
        True: the outputs at padding are 0. False: they repeat the hidden state of the last valid step.
    checkpoint : int, optional
        Keep only the states before every checkpoint-th step for `backward`, which recomputes the steps in between to
        the same bits. This saves memory and costs time. By default every step is kept.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape (T, I) of the input without the batch axis; None for any number of steps.
    **keras_options : Any
        Arguments of Keras that select an implementation, such as ``unroll`` and ``use_cudnn``, are ignored. Arguments
        of Keras that are not supported, such as ``kernel_constraint``, must be None.

    Raises
    ------
    ValueError
        If a number is out of range, or an activation is unknown.
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    `seqfuse.functional.lstm_forward` has the equations. Weights: kernel (I, 4*units), recurrent_kernel (units, 4*units)
    and bias (4*units,), with columns in the order i, f, g, o: input gate, forget gate, candidate, output gate.

    Call the layer as ``layer(x, initial_state=None, training=False, mask=None)`` with x of shape (batch, T, I), mask of
    shape (batch, T), True at valid steps, and initial_state the list ``[h0, c0]``.
    With return_state it returns ``[y, h, c]``.

    S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997; forget gate: F. A. Gers, J. Schmidhuber and
    F. Cummins, "Learning to forget: continual prediction with LSTM", 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import LSTM
    >>> (y, h, c), tape = LSTM(4, return_sequences=True, return_state=True).forward(np.ones((2, 5, 3)))
    >>> y.shape, bool((h == y[:, -1]).all())
    ((2, 5, 4), True)
    """

    gates = 4
    state_names = ("h", "c")

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        unit_forget_bias: bool = True,
        *,
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
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            zero_output_for_mask=zero_output_for_mask,
            checkpoint=checkpoint,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            **keras_options,
        )
        self.recurrent_activation = activations.check_cell_activation(
            "LSTM", "recurrent_activation", recurrent_activation
        )
        self.unit_forget_bias = unit_forget_bias

    def initial_bias(self) -> InitializerLike:
        """Return the initializer of the weight ``bias``: bias_initializer, with ones for the forget gate if requested.

        Returns
        -------
        str, Initializer, callable or None
            The initializer.
        """
        if not self.unit_forget_bias:
            return self.bias_initializer
        initial: Any = initializers.get(self.bias_initializer)
        H = self.units

        def with_ones(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
            i, rest = initial((H,), dtype=dtype), initial((2 * H,), dtype=dtype)
            return np.concatenate([i, np.ones(H, dtype), rest])

        return with_ones

    def functions(self) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
        """Return `lstm`, `lstm_forward` and `lstm_backward`.

        Returns
        -------
        tuple of callable
            The functions.
        """
        return F.lstm, F.lstm_forward, F.lstm_backward

    def cell_options(self) -> dict[str, Any]:
        """Return the keyword arguments that the functions of the cell need.

        Returns
        -------
        dict
            Both activations.
        """
        return {"activation": self.activation, "recurrent_activation": self.recurrent_activation}
