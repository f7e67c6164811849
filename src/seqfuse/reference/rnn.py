"""The simple recurrent cell over a sequence: forward and backward."""

from __future__ import annotations

import numpy.typing as npt

from seqfuse._activations import ActivationLike
from seqfuse._cells import CELLS, Array
from seqfuse._results import RNNGrads, RNNOutput
from seqfuse.reference.recurrent import RecurrentTape, recurrent_backward, recurrent_forward


def rnn(
    x: npt.ArrayLike,
    W: npt.ArrayLike,
    U: npt.ArrayLike,
    b: npt.ArrayLike | None = None,
    h0: npt.ArrayLike | None = None,
    *,
    lengths: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = "tanh",
    clip: float | None = None,
    recurrent_mask: npt.ArrayLike | None = None,
) -> RNNOutput:
    """Run a simple recurrent cell over a sequence.

        h' = tanh(x W + h U + b)

    Parameters
    ----------
    x : (T, B, I)        inputs; (B, T, I) with `batch_first`, and so are `y` and `mask`
    W, U : (I, H), (H, H)        input and recurrent weights
    b : (H,) or (2, H)        row 0 joins x W, row 1 joins h U; zeros by default
    h0 : (B, H)        initial state; zeros by default
    lengths : (B,)        row n is real for its first lengths[n] steps; every step by default
    mask : (T, B)        bool, the steps that are real; with `lengths`, those that both call real
    reverse : bool        read steps T-1 to 0; `y` stays in the order of `x`
    return_sequences : bool        whether `y` is wanted
    activation : str or (str, alpha, beta)        what stands for tanh
    clip : float        what an activation is taken of is clamped to [-clip, clip] first
    recurrent_mask : (B, H)        multiplies h where it enters U, the same at every step: recurrent dropout

    Returns
    -------
    RNNOutput        y (T, B, H), every step, 0 at unreal ones; h (B, H), the state after the last real step

    Raises
    ------
    ValueError        an activation that does not exist, or has no such constants
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Elman 1990, "Finding structure in time", https://doi.org/10.1207/s15516709cog1402_1. An unreal step carries
    the state over, and nothing in it is read.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1.0]], [[0.0]]])  # T = 2, B = 1, I = 1
    >>> rnn(x, W=np.array([[1.0]]), U=np.array([[2.0]])).y.ravel().round(4)
    array([0.7616, 0.9093])
    """
    return rnn_forward(
        x, W, U, b, h0,
        lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first, return_sequences=return_sequences,
        activation=activation, clip=clip, recurrent_mask=recurrent_mask,
    )[0]  # fmt: skip


def rnn_forward(
    x: npt.ArrayLike,
    W: npt.ArrayLike,
    U: npt.ArrayLike,
    b: npt.ArrayLike | None = None,
    h0: npt.ArrayLike | None = None,
    *,
    lengths: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = "tanh",
    clip: float | None = None,
    recurrent_mask: npt.ArrayLike | None = None,
    checkpoint: int | None = None,
) -> tuple[RNNOutput, RecurrentTape]:
    """Run `rnn` and keep the tape for `rnn_backward`.

    Parameters, equation and errors are those of `rnn`. `checkpoint` saves memory in the kernels, and nothing here.

    Returns
    -------
    RNNOutput        as `rnn`
    RecurrentTape        for `rnn_backward`, with `states()` and `gates()`; refers to x, W and U

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = rnn_forward(np.ones((2, 1, 1)), W=np.ones((1, 1)), U=np.ones((1, 1)))
    >>> out.h.round(4)
    array([[0.9427]])
    """
    y, (h,), tape = recurrent_forward(
        CELLS["rnn"], x, W, U, b, (h0,), lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        activation=activation, clip=clip, recurrent_mask=recurrent_mask,
    )  # fmt: skip
    return RNNOutput(y if return_sequences else None, h), tape


def rnn_backward(
    tape: RecurrentTape,
    dy: npt.ArrayLike | None = None,
    dh: npt.ArrayLike | None = None,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array, Array | None] | None = None,
) -> RNNGrads:
    """Differentiate `rnn`: back-propagation through time.

        da = (dy + dh') * (1 - h' * h')        dh = da U^T        dx = da W^T
        dW = sum over t of x^T da        dU = sum over t of h^T da        db = sum over t and rows of da

    Another activation puts its slope f'(a) in the place of 1 - h' * h'; a clip puts 0 where |a| > clip. With a
    recurrent_mask m, dh = m * (da U^T) and dU = sum over t of (m * h)^T da.

    Parameters
    ----------
    tape : RecurrentTape        of `rnn_forward`; not changed, and may be used again
    dy : (T, B, H)        gradient of `y`; zeros by default, not read at unreal steps
    dh : (B, H)        gradient of the final state; zeros by default
    need_dx : bool        whether `dx` is wanted
    into : (dW, dU, db)        arrays that the gradients are added to and that are returned; new ones by default

    Returns
    -------
    RNNGrads        dx (T, B, I) or None; dW (I, H); dU (H, H); db, as b was given; dh0 (B, H)

    Notes
    -----
    Werbos 1990, "Backpropagation through time", https://doi.org/10.1109/5.58337.

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = rnn_forward(np.ones((2, 1, 1)), W=np.ones((1, 1)), U=np.ones((1, 1)))
    >>> grads = rnn_backward(tape, dh=np.ones((1, 1)))
    >>> grads.dW.round(4), grads.db is None
    (array([[0.1581]]), True)
    """
    return RNNGrads(**recurrent_backward(tape, dy, (dh,), need_dx=need_dx, into=into))
