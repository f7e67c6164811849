"""Gated recurrent unit layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import functional as F
from seqfuse.functional.gru import select_cell
from seqfuse.layers import activations
from seqfuse.layers._recurrent import Recurrent

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike

    from seqfuse.layers._argument_types import ActivationLike, InitializerLike, RegularizerLike, ShapeLike


class GRU(Recurrent):
    """Gated recurrent unit layer.

    Parameters
    ----------
    units : int
        Number of hidden units, H.
    activation : str, tuple or None, default "tanh"
        Function of the candidate: a name, or a name and its constants; see `seqfuse.functional.gru`. None means linear.
    recurrent_activation : str, tuple or None, default "sigmoid"
        Function of both gates, given in the same way.
    use_bias : bool, default True
        Whether there is a bias.
    reset_after : bool, default True
        True: the reset gate multiplies the product of h_prev and the recurrent weights. False: it multiplies h_prev.
    update_gate : "previous" or "candidate", default "previous"
        What the update gate z multiplies. "previous": h = z * h_prev + (1 - z) * n. "candidate":
        h = (1 - z) * h_prev + z * n.
    kernel_initializer : str, Initializer or callable, default "glorot_uniform"
        Initial values of the weights of x.
    recurrent_initializer : str, Initializer or callable, default "orthogonal"
        Initial values of the weights of h.
    bias_initializer : str, Initializer or callable, default "zeros"
        Initial values of the bias.
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
    `seqfuse.functional.gru_forward` has the equations. Weights: kernel (I, 3*units), recurrent_kernel (units, 3*units)
    and bias, with columns in the order z, r, n: update gate, reset gate, candidate. The bias is (2, 3*units): row 0 is
    added to the product with x, row 1 to the product with h_prev. With reset_after=False it is (3*units,).

    Call the layer as ``layer(x, initial_state=None, training=False, mask=None)`` with x of shape (batch, T, I), mask of
    shape (batch, T), True at valid steps, and initial_state of shape (batch, units).
    With return_state it returns ``[y, h]``.

    Reset after the product: Cho et al. 2014, arXiv:1406.1078v1; version 3 of the paper resets before it.
    update_gate="candidate": Chung et al. 2014, arXiv:1412.3555.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import GRU
    >>> GRU(4)(np.ones((2, 5, 3))).shape
    (2, 4)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        reset_after: bool = True,
        update_gate: str = "previous",
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
            "GRU", "recurrent_activation", recurrent_activation
        )
        select_cell("GRU", reset_after, update_gate)
        self.reset_after, self.update_gate = reset_after, update_gate

    def bias_shape(self) -> tuple[int, ...]:
        """Return the shape of the weight ``bias``.

        Returns
        -------
        tuple of int
            (2, 3*units) with reset_after, else (3*units,).
        """
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def functions(self) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
        """Return `gru`, `gru_forward` and `gru_backward`.

        Returns
        -------
        tuple of callable
            The functions.
        """
        return F.gru, F.gru_forward, F.gru_backward

    def cell_options(self) -> dict[str, Any]:
        """Return the keyword arguments that the functions of the cell need.

        Returns
        -------
        dict
            Both activations, reset_after and update_gate.
        """
        return {
            "activation": self.activation,
            "recurrent_activation": self.recurrent_activation,
            "reset_after": self.reset_after,
            "update_gate": self.update_gate,
        }
