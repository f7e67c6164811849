"""Lay out the weights of a cell once: one function a cell."""

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
    """Lay out the weights of an RNN once, for many calls or for single steps.

    Parameters
    ----------
    W, U, b, activation, clip        as in `rnn`; W, U and b are copied

    Returns
    -------
    Packed        called as `rnn` without its weights and their options

    Raises
    ------
    ValueError, TypeError        as `rnn`

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
    """Lay out the weights of an LSTM once, for many calls or for single steps.

    Parameters
    ----------
    W, U, b, activation, recurrent_activation, peephole, clip        as in `lstm`; W, U, b and peephole are copied

    Returns
    -------
    Packed        called as `lstm` without its weights and their options

    Raises
    ------
    ValueError, TypeError        as `lstm`

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
    """Lay out the weights of a GRU once, for many calls or for single steps.

    Parameters
    ----------
    W, U, b, reset_after, update_gate, activation, recurrent_activation, clip        as in `gru`; W, U and b are copied

    Returns
    -------
    Packed        called as `gru` without its weights and their options

    Raises
    ------
    ValueError, TypeError        as `gru`

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
    """Lay out the weights of an independently recurrent network once, for many calls or for single steps.

    Parameters
    ----------
    W, U, b, activation, clip        as in `indrnn`; W, U and b are copied

    Returns
    -------
    Packed        called as `indrnn` without its weights and their options

    Raises
    ------
    ValueError, TypeError        as `indrnn`

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
    """Lay out the weights of a minimal GRU once, for many calls or for single steps.

    Parameters
    ----------
    W, b, activation, recurrent_activation, clip        as in `mingru`; W and b are copied

    Returns
    -------
    Packed        called as `mingru` without its weights and their options

    Raises
    ------
    ValueError, TypeError        as `mingru`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.pack_mingru(np.zeros((3, 8), np.float32))
    <Packed mingru I=3 H=4 float32>
    """
    cell = with_options("pack_mingru", KERNEL_CELLS["mingru"], activation, recurrent_activation, clip)
    return Packed(cell, W, None, b)
