"""Elman's recurrent network, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse._results import RNNGrads, RNNOutput
from seqfuse.functional import _recurrent
from seqfuse.functional._cell import KERNEL_CELLS, SIGMOID, TANH, with_options
from seqfuse.functional._tape import Tape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._activations import ActivationLike
    from seqfuse._arrays import Array

RNN = KERNEL_CELLS["rnn"]


class RNNTape(Tape):
    """What `rnn_backward` reads, with `states()` and `gates()`; refers to x, W, U and y of its `rnn_forward`."""

    __slots__ = ()


def rnn(
    x: ArrayLike,
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = TANH,
    clip: float | None = None,
    recurrent_mask: ArrayLike | None = None,
) -> RNNOutput:
    """Run an RNN over a sequence.

        h = tanh(x W + h_prev U + b)

    Parameters
    ----------
    x : (T, B, I)        inputs; (B, T, I) with batch_first. Any strides; no copy where the last axis is contiguous
    W, U : (I, H), (H, H)        input and recurrent weights
    b : (H,) or (2, H)        joins x W; two rows are summed; zeros by default
    h0 : (B, H)        initial state, zeros by default
    lengths : (B,)        integers in 0..T: row n is real for its first lengths[n] steps
    mask : (T, B)        bool: which steps are real; (B, T) with batch_first. With lengths: real where both say so
    reverse : bool        read steps T-1 to 0; y stays in the order of x
    batch_first : bool        exchange the first two axes of x, y and mask
    return_sequences : bool        False: y is None
    activation : str or tuple        what takes the place of tanh: a name, or a name and its constants, see Notes
    clip : float        limits what an activation is taken of to [-clip, clip]; None: no limit
    recurrent_mask : (B, H)        multiplies h_prev where it enters U, the same at every step: recurrent dropout

    Returns
    -------
    RNNOutput        y (T, B, H), h after every step; h (B, H), the last real step's, in the order of reading

    Raises
    ------
    ValueError        a shape or a value disagrees; the message names the argument, what it needs and what it got
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Half, bool and integers are computed in float32, else the widest type of x, W, U and b. At an unreal step the
    state is carried over and y is 0; what x holds there reaches nothing. J. L. Elman,
    "Finding structure in time", Cognitive Science 1990.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple gives
    constants: ("hard_sigmoid", alpha, beta) is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ("elu", alpha)
    is alpha * (exp(a) - 1) below 0, 1 by default; ("leaky_relu", alpha) is alpha * a below 0, 0.2 by default.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(5, 2, 3))
    >>> W, U = rng.normal(size=(3, 4)), rng.normal(size=(4, 4))
    >>> out = F.rnn(x, W, U, lengths=[5, 2])
    >>> out.y.shape
    (5, 2, 4)
    >>> bool((out.h[1] == out.y[1, 1]).all()), bool((out.y[2:, 1] == 0).all())
    (True, True)
    """
    cell = RNN
    if activation is not TANH or clip is not None:
        cell = with_options("rnn", cell, activation, SIGMOID, clip)
    weights, sequence = _recurrent.read_call(
        "rnn", cell, x, W, U, b, h0=h0, lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        return_sequences=return_sequences, recurrent_mask=recurrent_mask,
    )  # fmt: skip
    y, h, _ = _recurrent.run(cell, weights, sequence)
    return RNNOutput(y, h)


def rnn_forward(
    x: ArrayLike,
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = TANH,
    clip: float | None = None,
    recurrent_mask: ArrayLike | None = None,
    checkpoint: int | None = None,
) -> tuple[RNNOutput, RNNTape]:
    """Run an RNN over a sequence and keep the tape for `rnn_backward`.

        h = tanh(x W + h_prev U + b)

    Parameters
    ----------
    x, W, U, b, h0, lengths, mask, ...        as in `rnn`
    checkpoint : int        k: the tape keeps the states before every k-th step that is read, and not y; what reads it
        computes k steps at a time again, to the same bits. None: it keeps every step

    Returns
    -------
    RNNOutput        as `rnn` gives it, the same bits
    RNNTape        for `rnn_backward`; refers to x, W, U and y: change none of them in between

    Raises
    ------
    ValueError, TypeError        as `rnn`

    Notes
    -----
    The tape keeps the activated gates of every step, so that backward takes no exponential. J. L. Elman,
    "Finding structure in time", Cognitive Science 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x, W, U = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(4, 4))
    >>> out, tape = F.rnn_forward(x, W, U)
    >>> tape
    <RNNTape T=5 B=2 H=4 float64>
    """
    cell = RNN
    if activation is not TANH or clip is not None:
        cell = with_options("rnn_forward", cell, activation, SIGMOID, clip)
    weights, sequence = _recurrent.read_call(
        "rnn_forward", cell, x, W, U, b, h0=h0, lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        return_sequences=return_sequences, recurrent_mask=recurrent_mask,
    )  # fmt: skip
    y, h, _, tape = _recurrent.run_forward("rnn_forward", RNNTape, cell, weights, sequence, checkpoint)
    return RNNOutput(y, h), tape


def rnn_backward(
    tape: RNNTape,
    dy: ArrayLike | None = None,
    dh: ArrayLike | None = None,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array, Array | None] | None = None,
) -> RNNGrads:
    """Carry the gradients of a loss back through `rnn_forward`: back-propagation through time.

        da = (dy + dh) * (1 - h * h)
        dx, dh = da W^T, da U^T                  dh: for the step before
        dW, dU, db += x^T da, h_prev^T da, da

    Another activation f has f'(a) in the place of 1 - h * h; with clip, da is 0 where a is beyond it. With
    recurrent_mask m, h_prev is m * h_prev and da U^T is m * (da U^T).

    Parameters
    ----------
    tape : RNNTape        from `rnn_forward`; not changed, it may be read again
    dy : (T, B, H)        gradient of y, (B, T, H) with batch_first; ignored at unreal steps. None: zeros
    dh : (B, H)        gradient of the final state. None: zeros
    need_dx : bool        False: dx is None and costs nothing
    into : (dW, dU, db)        arrays that the gradients are added to, and that are returned; db None where b was.
        They stay as they were where Ctrl-C stops the call

    Returns
    -------
    RNNGrads        dx, dW, dU, db, dh0: of the shapes of what they differentiate; db None where b was

    Raises
    ------
    ValueError        a shape disagrees, or arrays of into overlap
    TypeError        a tape of another function, a kind of number that is not computed with, a wrong type in into

    Notes
    -----
    dx is 0 at unreal steps. P. J. Werbos, "Backpropagation through time: what it does and how to do it",
    Proc. IEEE 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x, W, U, b = (rng.normal(size=s) for s in [(5, 2, 3), (3, 4), (4, 4), (4,)])
    >>> out, tape = F.rnn_forward(x, W, U, b)
    >>> grads = F.rnn_backward(tape, dy=np.ones_like(out.y))
    >>> grads.dW.shape, grads.dU.shape, grads.db.shape
    ((3, 4), (4, 4), (4,))
    """
    d = _recurrent.backward("rnn_backward", RNNTape, tape, dy, dh, None, need_dx, into)
    return RNNGrads(d.dx, d.dW, d.dU, d.db, d.dh0)
