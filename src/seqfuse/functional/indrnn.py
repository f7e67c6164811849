"""IndRNN (independently recurrent network): forward and backward functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse._results import IndRNNGrads, IndRNNOutput
from seqfuse.functional import _recurrent
from seqfuse.functional._cell import KERNEL_CELLS, RELU, SIGMOID, with_options
from seqfuse.functional._tape import Tape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._activations import ActivationLike
    from seqfuse._arrays import Array

INDRNN = with_options("indrnn", KERNEL_CELLS["indrnn"], RELU)


class IndRNNTape(Tape):
    """Tape of `indrnn_forward` for `indrnn_backward`, with methods `states` and `gates`.

    It keeps references to x, W, U and y; do not modify them before the backward function is called.
    """

    __slots__ = ()


def indrnn(
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
    activation: ActivationLike = RELU,
    clip: float | None = None,
    recurrent_mask: ArrayLike | None = None,
) -> IndRNNOutput:
    """Run an independently recurrent network (IndRNN) over a sequence.

    The equations are those of `indrnn_forward`. This function keeps no tape.

    Parameters
    ----------
    x : array_like, shape (T, B, I)
        Inputs; (B, T, I) with `batch_first`. Any strides; no copy if the last axis is contiguous.
    W : array_like, shape (I, H)
        Input weights.
    U : array_like, shape (H,)
        Recurrent weight of each unit.
    b : array_like, shape (H,) or (2, H), optional
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
    activation : str or tuple, default "relu"
        Activation function in place of relu: a name, or a name and its constants; see Notes.
    clip : float, optional
        Limit of the pre-activation: the activation is applied to min(clip, max(-clip, a)). No limit by default.
    recurrent_mask : array_like, shape (B, H), optional
        Factor of h_prev in h_prev * U, the same at every step (recurrent dropout).

    Returns
    -------
    IndRNNOutput
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
    Half, bool and integer arrays are computed in float32, others in the widest type of x, W, U and b. At a
    padding step the state is carried over and y is 0; the values of x there do not affect the result.

    IndRNN layers are stacked, so that the units interact through the W of the next layer. If abs(U) is at most
    2**(1 / T), h and its gradient stay bounded.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple sets
    constants: ``("hard_sigmoid", alpha, beta)`` is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ``("elu",
    alpha)`` is alpha * (exp(a) - 1) for a < 0, 1 by default; ``("leaky_relu", alpha)`` is alpha * a for a < 0, 0.2 by
    default.

    References
    ----------
    Li et al. 2018, arXiv:1803.04831.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(5, 2, 3))
    >>> W, U = rng.normal(size=(3, 4)), rng.normal(size=4)
    >>> out = F.indrnn(x, W, U, lengths=[5, 2])
    >>> out.y.shape
    (5, 2, 4)
    >>> bool((out.h[1] == out.y[1, 1]).all()), bool((out.y[2:, 1] == 0).all())
    (True, True)
    """
    cell = INDRNN
    if activation is not RELU or clip is not None:
        cell = with_options("indrnn", KERNEL_CELLS["indrnn"], activation, SIGMOID, clip)
    weights, sequence = _recurrent.read_call(
        "indrnn", cell, x, W, U, b, h0=h0, lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        return_sequences=return_sequences, recurrent_mask=recurrent_mask,
    )  # fmt: skip
    y, h, _ = _recurrent.run(cell, weights, sequence)
    return IndRNNOutput(y, h)


def indrnn_forward(
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
    activation: ActivationLike = RELU,
    clip: float | None = None,
    recurrent_mask: ArrayLike | None = None,
    checkpoint: int | None = None,
) -> tuple[IndRNNOutput, IndRNNTape]:
    """Run an independently recurrent network (IndRNN) over a sequence and keep the tape for `indrnn_backward`.

    For every step ::

        h = relu(x W + h_prev * U + b)

    Parameters
    ----------
    x : array_like, shape (T, B, I)
        Inputs; (B, T, I) with `batch_first`. Any strides; no copy if the last axis is contiguous.
    W : array_like, shape (I, H)
        Input weights.
    U : array_like, shape (H,)
        Recurrent weight of each unit.
    b : array_like, shape (H,) or (2, H), optional
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
    activation : str or tuple, default "relu"
        Activation function in place of relu: a name, or a name and its constants; see Notes.
    clip : float, optional
        Limit of the pre-activation: the activation is applied to min(clip, max(-clip, a)). No limit by default.
    recurrent_mask : array_like, shape (B, H), optional
        Factor of h_prev in h_prev * U, the same at every step (recurrent dropout).
    checkpoint : int, optional
        Interval k: the tape keeps only the states before every k-th processed step, and not y. The backward function
        recomputes k steps at a time, with bitwise equal results. By default the tape keeps every step.

    Returns
    -------
    out : IndRNNOutput
        ``y`` (T, B, H), the hidden state after every step, and ``h`` (B, H), the final hidden state: that after the
        last processed valid step. The same bits as those of `indrnn`.
    tape : IndRNNTape
        For `indrnn_backward`. It keeps references to x, W, U and y; do not modify them in between.

    Raises
    ------
    ValueError
        If a shape or a value does not fit. The message names the argument, what it must be and what it is.
    TypeError
        If the type of an array is not supported.

    Notes
    -----
    The tape keeps h after every step and the derivative of the activation.

    Half, bool and integer arrays are computed in float32, others in the widest type of x, W, U and b. At a padding step
    the state is carried over and y is 0; the values of x there do not affect the result.

    IndRNN layers are stacked, so that the units interact through the W of the next layer. If abs(U) is at most
    2**(1 / T), h and its gradient stay bounded.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple sets
    constants: ``("hard_sigmoid", alpha, beta)`` is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ``("elu",
    alpha)`` is alpha * (exp(a) - 1) for a < 0, 1 by default; ``("leaky_relu", alpha)`` is alpha * a for a < 0, 0.2 by
    default.

    References
    ----------
    Li et al. 2018, arXiv:1803.04831.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x, W, U = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)
    >>> out, tape = F.indrnn_forward(x, W, U)
    >>> tape
    <IndRNNTape T=5 B=2 H=4 float64>
    """
    cell = INDRNN
    if activation is not RELU or clip is not None:
        cell = with_options("indrnn_forward", KERNEL_CELLS["indrnn"], activation, SIGMOID, clip)
    weights, sequence = _recurrent.read_call(
        "indrnn_forward", cell, x, W, U, b, h0=h0, lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        return_sequences=return_sequences, recurrent_mask=recurrent_mask,
    )  # fmt: skip
    y, h, _, tape = _recurrent.run_forward("indrnn_forward", IndRNNTape, cell, weights, sequence, checkpoint)
    return IndRNNOutput(y, h), tape


def indrnn_backward(
    tape: IndRNNTape,
    dy: ArrayLike | None = None,
    dh: ArrayLike | None = None,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array, Array | None] | None = None,
) -> IndRNNGrads:
    """Compute the gradients of `indrnn_forward` by back-propagation through time.

    With dh including dy of the step and a = x W + h_prev * U + b ::

        da = dh where a > 0, else 0
        dx = da W^T
        dh_prev = da * U
        dW += x^T da,    dU += h_prev * da,    db += da

    For another activation f, da = dh * f'(a). With `clip`, da is 0 where the limit is active. With `recurrent_mask` m,
    m * h_prev replaces h_prev in dU, and dh_prev is multiplied by m.

    Parameters
    ----------
    tape : IndRNNTape
        Tape of `indrnn_forward`. It is not changed and can be used again.
    dy : array_like, shape (T, B, H), optional
        Gradient of y; (B, T, H) with `batch_first`. Values at padding steps are ignored. Zeros by default.
    dh : array_like, shape (B, H), optional
        Gradient of the final hidden state. Zeros by default.
    need_dx : bool, default True
        Whether to compute dx. If False, dx is None and costs nothing.
    into : tuple of ndarray, (dW, dU, db), optional
        Arrays that these gradients are added to, and that are returned; db is None if there is no bias. If Ctrl-C
        cancels the call, they are unchanged.

    Returns
    -------
    IndRNNGrads
        Gradients dx, dW, dU, db, dh0, each with the shape of what it differentiates. The gradient of an argument that
        was not given (b) is None.

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
    >>> x, W, U, b = (rng.normal(size=s) for s in [(5, 2, 3), (3, 4), (4,), (4,)])
    >>> out, tape = F.indrnn_forward(x, W, U, b)
    >>> grads = F.indrnn_backward(tape, dy=np.ones_like(out.y))
    >>> grads.dW.shape, grads.dU.shape, grads.db.shape
    ((3, 4), (4,), (4,))
    """
    d = _recurrent.backward("indrnn_backward", IndRNNTape, tape, dy, dh, None, need_dx, into)
    return IndRNNGrads(d.dx, d.dW, d.dU, d.db, d.dh0)
