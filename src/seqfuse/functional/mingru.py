"""The minimal gated recurrent unit, forward and backward: no gate sees the past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse._results import MinGRUGrads, MinGRUOutput
from seqfuse.functional import _recurrent
from seqfuse.functional._cell import KERNEL_CELLS, LINEAR, SIGMOID, with_options
from seqfuse.functional._tape import Tape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._activations import ActivationLike
    from seqfuse._arrays import Array

MINGRU = with_options("mingru", KERNEL_CELLS["mingru"], LINEAR)


class MinGRUTape(Tape):
    """What `mingru_backward` reads, with `states()` and `gates()`; refers to x, W and y of its `mingru_forward`."""

    __slots__ = ()


def mingru(
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = LINEAR,
    recurrent_activation: ActivationLike = SIGMOID,
    clip: float | None = None,
) -> MinGRUOutput:
    """Run a minimal GRU over a sequence.

        z = sigmoid(x Wz + bz)            update gate
        n = x Wn + bn                     candidate
        h = (1 - z) * h_prev + z * n

    Parameters
    ----------
    x : (T, B, I)        inputs; (B, T, I) with batch_first. Any strides; no copy where the last axis is contiguous
    W : (I, 2*H)        columns z, n
    b : (2*H,) or (2, 2*H)        joins x W; two rows are summed; zeros by default
    h0 : (B, H)        initial state, zeros by default
    lengths : (B,)        integers in 0..T: row n is real for its first lengths[n] steps
    mask : (T, B)        bool: which steps are real; (B, T) with batch_first. With lengths: real where both say so
    reverse : bool        read steps T-1 to 0; y stays in the order of x
    batch_first : bool        exchange the first two axes of x, y and mask
    return_sequences : bool        False: y is None
    activation : str or tuple        taken of the candidate: a name, or a name and its constants, see Notes
    recurrent_activation : str or tuple        what takes the place of sigmoid, likewise
    clip : float        limits what an activation is taken of to [-clip, clip]; None: no limit

    Returns
    -------
    MinGRUOutput        y (T, B, H), h after every step; h (B, H), the last real step's, in the order of reading

    Raises
    ------
    ValueError        a shape or a value disagrees; the message names the argument, what it needs and what it got
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Half, bool and integers are computed in float32, else the widest type of x, W and b. At an unreal step the
    state is carried over and y is 0; what x holds there reaches nothing. Feng et al. 2024,
    arXiv:2410.01201, section 3.1: a linear candidate.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple gives
    constants: ("hard_sigmoid", alpha, beta) is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ("elu", alpha)
    is alpha * (exp(a) - 1) below 0, 1 by default; ("leaky_relu", alpha) is alpha * a below 0, 0.2 by default.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(5, 2, 3))
    >>> W = rng.normal(size=(3, 8))
    >>> out = F.mingru(x, W, lengths=[5, 2])
    >>> out.y.shape
    (5, 2, 4)
    >>> bool((out.h[1] == out.y[1, 1]).all()), bool((out.y[2:, 1] == 0).all())
    (True, True)
    """
    cell = MINGRU
    if activation is not LINEAR or recurrent_activation is not SIGMOID or clip is not None:
        cell = with_options("mingru", KERNEL_CELLS["mingru"], activation, recurrent_activation, clip)
    weights, sequence = _recurrent.read_call(
        "mingru", cell, x, W, None, b, h0=h0, lengths=lengths, mask=mask, reverse=reverse,
        batch_first=batch_first, return_sequences=return_sequences, recurrent_mask=None,
    )  # fmt: skip
    y, h, _ = _recurrent.run(cell, weights, sequence)
    return MinGRUOutput(y, h)


def mingru_forward(
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = LINEAR,
    recurrent_activation: ActivationLike = SIGMOID,
    clip: float | None = None,
    checkpoint: int | None = None,
) -> tuple[MinGRUOutput, MinGRUTape]:
    """Run a minimal GRU over a sequence and keep the tape for `mingru_backward`.

        z = sigmoid(x Wz + bz)            update gate
        n = x Wn + bn                     candidate
        h = (1 - z) * h_prev + z * n

    Parameters
    ----------
    x, W, b, h0, lengths, mask, ...        as in `mingru`
    checkpoint : int        k: the tape keeps the states before every k-th step that is read, and not y; what reads it
        computes k steps at a time again, to the same bits. None: it keeps every step

    Returns
    -------
    MinGRUOutput        as `mingru` gives it, the same bits
    MinGRUTape        for `mingru_backward`; refers to x, W and y: change none of them in between

    Raises
    ------
    ValueError, TypeError        as `mingru`

    Notes
    -----
    The tape keeps the activated gates of every step, so that backward takes no exponential. Feng et al. 2024,
    arXiv:2410.01201.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x, W = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 8))
    >>> out, tape = F.mingru_forward(x, W)
    >>> tape
    <MinGRUTape T=5 B=2 H=4 float64>
    """
    cell = MINGRU
    if activation is not LINEAR or recurrent_activation is not SIGMOID or clip is not None:
        cell = with_options("mingru_forward", KERNEL_CELLS["mingru"], activation, recurrent_activation, clip)
    weights, sequence = _recurrent.read_call(
        "mingru_forward", cell, x, W, None, b, h0=h0, lengths=lengths, mask=mask, reverse=reverse,
        batch_first=batch_first, return_sequences=return_sequences, recurrent_mask=None,
    )  # fmt: skip
    y, h, _, tape = _recurrent.run_forward("mingru_forward", MinGRUTape, cell, weights, sequence, checkpoint)
    return MinGRUOutput(y, h), tape


def mingru_backward(
    tape: MinGRUTape,
    dy: ArrayLike | None = None,
    dh: ArrayLike | None = None,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array | None] | None = None,
) -> MinGRUGrads:
    """Carry the gradients of a loss back through `mingru_forward`: back-propagation through time.

        dz, dn = dh * (n - h_prev), dh * z       dh with dy added
        da = dz * z * (1 - z), dn                f'(a) for other activations f
        dx, dh = da W^T, dh * (1 - z)            dh: for the step before
        dW, db += x^T da, da

    With clip, da is 0 where a is beyond it.

    Parameters
    ----------
    tape : MinGRUTape        from `mingru_forward`; not changed, it may be read again
    dy : (T, B, H)        gradient of y, (B, T, H) with batch_first; ignored at unreal steps. None: zeros
    dh : (B, H)        gradient of the final state. None: zeros
    need_dx : bool        False: dx is None and costs nothing
    into : (dW, db)        arrays that the gradients are added to, and that are returned; db None where b was.
        They stay as they were where Ctrl-C stops the call

    Returns
    -------
    MinGRUGrads        dx, dW, db, dh0: of the shapes of what they differentiate; db None where b was

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
    >>> x, W, b = (rng.normal(size=s) for s in [(5, 2, 3), (3, 8), (8,)])
    >>> out, tape = F.mingru_forward(x, W, b)
    >>> grads = F.mingru_backward(tape, dy=np.ones_like(out.y))
    >>> grads.dW.shape, grads.db.shape
    ((3, 8), (8,))
    """
    d = _recurrent.backward("mingru_backward", MinGRUTape, tape, dy, dh, None, need_dx, into)
    return MinGRUGrads(d.dx, d.dW, d.db, d.dh0)
