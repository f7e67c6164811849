"""Functions that pack the weights of a cell, one per cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse.functional._cell import KERNEL_CELLS, LINEAR, RELU, SIGMOID, TANH, with_options
from seqfuse.functional.gru import select_cell
from seqfuse.functional.packed import Packed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._activations import ActivationLike
    from seqfuse._results import GRUOutput, IndRNNOutput, LSTMOutput, MinGRUOutput, RNNOutput


def pack_rnn(
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    *,
    activation: ActivationLike = TANH,
    clip: float | None = None,
) -> Packed[RNNOutput]:
    """Pack the weights of an RNN (Elman network) for many calls or for single steps.

    Parameters
    ----------
    W, U : array_like, shapes (I, H) and (H, H)
        Input weights and recurrent weights.
    b : array_like, shape (H,) or (2, H), optional
        Bias. Two rows are summed. Zeros by default.
    activation : str or tuple, default "tanh"
        Activation function; see `rnn`.
    clip : float, optional
        Limit of the pre-activations. No limit by default.

    Returns
    -------
    Packed
        Packed copies of the weights, which are called like `rnn` without the arguments above.

    Raises
    ------
    ValueError
        If a shape or a value does not fit.
    TypeError
        If the type of an array is not supported.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.pack_rnn(np.zeros((3, 4), np.float32), np.zeros((4, 4), np.float32))
    <Packed rnn I=3 H=4 float32>
    """
    return Packed(with_options("pack_rnn", KERNEL_CELLS["rnn"], activation, SIGMOID, clip), W, U, b)


def pack_lstm(
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    *,
    activation: ActivationLike = TANH,
    recurrent_activation: ActivationLike = SIGMOID,
    peephole: ArrayLike | None = None,
    clip: float | None = None,
) -> Packed[LSTMOutput]:
    """Pack the weights of an LSTM for many calls or for single steps.

    Parameters
    ----------
    W, U : array_like, shapes (I, 4*H) and (H, 4*H)
        Input weights and recurrent weights; columns i, f, g, o.
    b : array_like, shape (4*H,) or (2, 4*H), optional
        Bias. Two rows are summed. Zeros by default.
    activation : str or tuple, default "tanh"
        Activation function; see `lstm`.
    recurrent_activation : str or tuple, default "sigmoid"
        Activation function of the gates; see `lstm`.
    peephole : array_like, shape (3, H), optional
        Peephole weights of the input, forget and output gates.
    clip : float, optional
        Limit of the pre-activations. No limit by default.

    Returns
    -------
    Packed
        Packed copies of the weights, which are called like `lstm` without the arguments above.

    Raises
    ------
    ValueError
        If a shape or a value does not fit.
    TypeError
        If the type of an array is not supported.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.pack_lstm(np.zeros((3, 16), np.float32), np.zeros((4, 16), np.float32))
    <Packed lstm I=3 H=4 float32>
    """
    cell = with_options("pack_lstm", KERNEL_CELLS["lstm"], activation, recurrent_activation, clip, peephole)
    return Packed(cell, W, U, b, peephole)


def pack_gru(
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    *,
    reset_after: bool = True,
    update_gate: str = "previous",
    activation: ActivationLike = TANH,
    recurrent_activation: ActivationLike = SIGMOID,
    clip: float | None = None,
) -> Packed[GRUOutput]:
    """Pack the weights of a GRU for many calls or for single steps.

    Parameters
    ----------
    W, U : array_like, shapes (I, 3*H) and (H, 3*H)
        Input weights and recurrent weights; columns z, r, n.
    b : array_like, shape (3*H,) or (2, 3*H), optional
        Bias. Row 0, b, is added to x W; row 1, b', to h_prev U. Zeros by default.
    reset_after : bool, default True
        Whether the reset gate is applied after the recurrent product or before it.
    update_gate : {"previous", "candidate"}, default "previous"
        Factor of the update gate z: the previous state or the candidate.
    activation : str or tuple, default "tanh"
        Activation function; see `gru`.
    recurrent_activation : str or tuple, default "sigmoid"
        Activation function of the gates; see `gru`.
    clip : float, optional
        Limit of the pre-activations. No limit by default.

    Returns
    -------
    Packed
        Packed copies of the weights, which are called like `gru` without the arguments above.

    Raises
    ------
    ValueError
        If a shape or a value does not fit.
    TypeError
        If the type of an array is not supported.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.pack_gru(np.zeros((3, 12), np.float32), np.zeros((4, 12), np.float32))
    <Packed gru I=3 H=4 float32>
    """
    cell = select_cell("pack_gru", reset_after, update_gate)
    return Packed(with_options("pack_gru", cell, activation, recurrent_activation, clip), W, U, b)


def pack_indrnn(
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    *,
    activation: ActivationLike = RELU,
    clip: float | None = None,
) -> Packed[IndRNNOutput]:
    """Pack the weights of an independently recurrent network (IndRNN) for many calls or for single steps.

    Parameters
    ----------
    W : array_like, shape (I, H)
        Input weights.
    U : array_like, shape (H,)
        Recurrent weight of each unit.
    b : array_like, shape (H,) or (2, H), optional
        Bias. Two rows are summed. Zeros by default.
    activation : str or tuple, default "relu"
        Activation function; see `indrnn`.
    clip : float, optional
        Limit of the pre-activations. No limit by default.

    Returns
    -------
    Packed
        Packed copies of the weights, which are called like `indrnn` without the arguments above.

    Raises
    ------
    ValueError
        If a shape or a value does not fit.
    TypeError
        If the type of an array is not supported.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.pack_indrnn(np.zeros((3, 4), np.float32), np.zeros(4, np.float32))
    <Packed indrnn I=3 H=4 float32>
    """
    return Packed(with_options("pack_indrnn", KERNEL_CELLS["indrnn"], activation, SIGMOID, clip), W, U, b)


def pack_mingru(
    W: ArrayLike,
    b: ArrayLike | None = None,
    *,
    activation: ActivationLike = LINEAR,
    recurrent_activation: ActivationLike = SIGMOID,
    clip: float | None = None,
) -> Packed[MinGRUOutput]:
    """Pack the weights of a minimal GRU (minGRU) for many calls or for single steps.

    Parameters
    ----------
    W : array_like, shape (I, 2*H)
        Input weights; columns z, n.
    b : array_like, shape (2*H,) or (2, 2*H), optional
        Bias. Two rows are summed. Zeros by default.
    activation : str or tuple, default "linear"
        Activation function; see `mingru`.
    recurrent_activation : str or tuple, default "sigmoid"
        Activation function of the gates; see `mingru`.
    clip : float, optional
        Limit of the pre-activations. No limit by default.

    Returns
    -------
    Packed
        Packed copies of the weights, which are called like `mingru` without the arguments above.

    Raises
    ------
    ValueError
        If a shape or a value does not fit.
    TypeError
        If the type of an array is not supported.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.pack_mingru(np.zeros((3, 8), np.float32))
    <Packed mingru I=3 H=4 float32>
    """
    cell = with_options("pack_mingru", KERNEL_CELLS["mingru"], activation, recurrent_activation, clip)
    return Packed(cell, W, None, b)
