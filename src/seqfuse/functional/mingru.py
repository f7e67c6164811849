"""minGRU (minimal gated recurrent unit): forward and backward functions."""

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
    """Tape of `mingru_forward` for `mingru_backward`, with methods `states` and `gates`.

    It keeps references to x, W and y; do not modify them before the backward function is called.
    """

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
    """Run a minimal GRU (minGRU) over a sequence.

    The equations are those of `mingru_forward`. This function keeps no tape.

    Parameters
    ----------
    x : array_like, shape (T, B, I)
        Inputs; (B, T, I) with `batch_first`. Any strides; no copy if the last axis is contiguous.
    W : array_like, shape (I, 2*H)
        Input weights; columns z, n.
    b : array_like, shape (2*H,) or (2, 2*H), optional
        Bias. Two rows are summed. Zeros by default.
    h0 : array_like, shape (B, H), optional
        Initial hidden state. Zeros by default.
    lengths : array_like of int, shape (B,), optional
        Number of valid steps of each sequence, in 0..T. The steps after them are padding. All steps are valid by
        default.
    mask : array_like of bool, shape (T, B), optional
        True at valid steps; (B, T) with `batch_first`. With `lengths`, a step is valid if both say so.
    reverse : bool, default False
        Process the steps from T-1 to 0. y has the order of x.
    batch_first : bool, default False
        Exchange the first two axes of x, y and mask.
    return_sequences : bool, default True
        Whether to return y. If False, y is None.
    activation : str or tuple, default "linear"
        Activation function of the candidate: a name, or a name and its constants; see Notes.
    recurrent_activation : str or tuple, default "sigmoid"
        Activation function of the gates, in place of sigmoid.
    clip : float, optional
        Limit of the pre-activations: an activation is applied to min(clip, max(-clip, a)). No limit by default.

    Returns
    -------
    MinGRUOutput
        ``y`` (T, B, H), the hidden state after every step, and ``h`` (B, H), the final hidden state: that after the
        last processed valid step.

    Raises
    ------
    ValueError
        If a shape or a value does not fit. The message names the argument, what it must be and what it is.
    TypeError
        If the type of an array is not supported.

    Notes
    -----
    Half, bool and integer arrays are computed in float32, others in the widest type of x, W and b. At a
    padding step the state is carried over and y is 0; the values of x there do not affect the result.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple sets
    constants: ``("hard_sigmoid", alpha, beta)`` is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ``("elu",
    alpha)`` is alpha * (exp(a) - 1) for a < 0, 1 by default; ``("leaky_relu", alpha)`` is alpha * a for a < 0, 0.2 by
    default.

    References
    ----------
    Feng et al. 2024, arXiv:2410.01201, section 3.1, with a linear candidate.

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
    """Run a minimal GRU (minGRU) over a sequence and keep the tape for `mingru_backward`.

    For every step ::

        z = sigmoid(x Wz + bz)            update gate
        n = x Wn + bn                     candidate
        h = (1 - z) * h_prev + z * n

    Parameters
    ----------
    x : array_like, shape (T, B, I)
        Inputs; (B, T, I) with `batch_first`. Any strides; no copy if the last axis is contiguous.
    W : array_like, shape (I, 2*H)
        Input weights; columns z, n.
    b : array_like, shape (2*H,) or (2, 2*H), optional
        Bias. Two rows are summed. Zeros by default.
    h0 : array_like, shape (B, H), optional
        Initial hidden state. Zeros by default.
    lengths : array_like of int, shape (B,), optional
        Number of valid steps of each sequence, in 0..T. The steps after them are padding. All steps are valid by
        default.
    mask : array_like of bool, shape (T, B), optional
        True at valid steps; (B, T) with `batch_first`. With `lengths`, a step is valid if both say so.
    reverse : bool, default False
        Process the steps from T-1 to 0. y has the order of x.
    batch_first : bool, default False
        Exchange the first two axes of x, y and mask.
    return_sequences : bool, default True
        Whether to return y. If False, y is None.
    activation : str or tuple, default "linear"
        Activation function of the candidate: a name, or a name and its constants; see Notes.
    recurrent_activation : str or tuple, default "sigmoid"
        Activation function of the gates, in place of sigmoid.
    clip : float, optional
        Limit of the pre-activations: an activation is applied to min(clip, max(-clip, a)). No limit by default.
    checkpoint : int, optional
        Interval k: the tape keeps only the states before every k-th processed step, and not y. The backward function
        recomputes k steps at a time, with bitwise equal results. By default the tape keeps every step.

    Returns
    -------
    out : MinGRUOutput
        ``y`` (T, B, H), the hidden state after every step, and ``h`` (B, H), the final hidden state: that after the
        last processed valid step. The same bits as those of `mingru`.
    tape : MinGRUTape
        For `mingru_backward`. It keeps references to x, W and y; do not modify them in between.

    Raises
    ------
    ValueError
        If a shape or a value does not fit. The message names the argument, what it must be and what it is.
    TypeError
        If the type of an array is not supported.

    Notes
    -----
    The tape keeps the activated gates of every step, so the backward function evaluates no exponential.

    Half, bool and integer arrays are computed in float32, others in the widest type of x, W and b. At a padding step
    the state is carried over and y is 0; the values of x there do not affect the result.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple sets
    constants: ``("hard_sigmoid", alpha, beta)`` is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ``("elu",
    alpha)`` is alpha * (exp(a) - 1) for a < 0, 1 by default; ``("leaky_relu", alpha)`` is alpha * a for a < 0, 0.2 by
    default.

    References
    ----------
    Feng et al. 2024, arXiv:2410.01201, section 3.1, with a linear candidate.

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
    """Compute the gradients of `mingru_forward` by back-propagation through time.

    With dh including dy of the step ::

        dz = dh * (n - h_prev),    dn = dh * z
        da = [dz * z * (1 - z),  dn]
        dx = da W^T
        dh_prev = dh * (1 - z)
        dW += x^T da,    db += da

    For another activation, its derivative replaces z * (1 - z) or 1. With `clip`, da is 0 where the limit is active.

    Parameters
    ----------
    tape : MinGRUTape
        Tape of `mingru_forward`. It is not changed and can be used again.
    dy : array_like, shape (T, B, H), optional
        Gradient of y; (B, T, H) with `batch_first`. Values at padding steps are ignored. Zeros by default.
    dh : array_like, shape (B, H), optional
        Gradient of the final hidden state. Zeros by default.
    need_dx : bool, default True
        Whether to compute dx. If False, dx is None and costs nothing.
    into : tuple of ndarray, (dW, db), optional
        Arrays that these gradients are added to, and that are returned; db is None if there is no bias. If Ctrl-C
        cancels the call, they are unchanged.

    Returns
    -------
    MinGRUGrads
        Gradients dx, dW, db, dh0, each with the shape of what it differentiates. The gradient of an argument that was
        not given (b) is None.

    Raises
    ------
    ValueError
        If a shape does not fit, or the arrays of `into` overlap.
    TypeError
        If the tape is that of another function, or the type of an array is not supported.

    Notes
    -----
    dx is 0 at padding steps.

    References
    ----------
    Werbos 1990, "Backpropagation through time: what it does and how to do it", Proceedings of the IEEE 78.

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
