"""LSTM (long short-term memory): forward and backward functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse._results import LSTMGrads, LSTMOutput
from seqfuse.functional import _recurrent
from seqfuse.functional._cell import KERNEL_CELLS, SIGMOID, TANH, with_options
from seqfuse.functional._tape import Tape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._activations import ActivationLike
    from seqfuse._arrays import Array

LSTM = KERNEL_CELLS["lstm"]


class LSTMTape(Tape):
    """Tape of `lstm_forward` for `lstm_backward`, with methods `states` and `gates`.

    It keeps references to x, W, U and y; do not modify them before the backward function is called.
    """

    __slots__ = ()


def lstm(
    x: ArrayLike,
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    *,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = TANH,
    recurrent_activation: ActivationLike = SIGMOID,
    peephole: ArrayLike | None = None,
    clip: float | None = None,
    recurrent_mask: ArrayLike | None = None,
) -> LSTMOutput:
    """Run an LSTM over a sequence.

    The equations are those of `lstm_forward`. This function keeps no tape.

    Parameters
    ----------
    x : array_like, shape (T, B, I)
        Inputs; (B, T, I) with `batch_first`. Any strides; no copy if the last axis is contiguous.
    W, U : array_like, shapes (I, 4*H) and (H, 4*H)
        Input weights and recurrent weights; columns i, f, g, o.
    b : array_like, shape (4*H,) or (2, 4*H), optional
        Bias. Two rows are summed. Zeros by default.
    h0, c0 : array_like, shape (B, H), optional
        Initial states h and c. Zeros by default.
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
    activation : str or tuple, default "tanh"
        Activation function in place of tanh: a name, or a name and its constants; see Notes.
    recurrent_activation : str or tuple, default "sigmoid"
        Activation function of the gates, in place of sigmoid.
    peephole : array_like, shape (3, H), optional
        Peephole weights: of c_prev in the input and forget gates, and of c in the output gate.
    clip : float, optional
        Limit of the pre-activations: an activation is applied to min(clip, max(-clip, a)), except tanh(c). No limit by
        default.
    recurrent_mask : array_like, shape (B, H), optional
        Factor of h_prev in the product with U, the same at every step (recurrent dropout).

    Returns
    -------
    LSTMOutput
        ``y`` (T, B, H), the hidden state after every step, ``h`` (B, H), the final hidden state, and ``c`` (B, H), the
        final cell state. The final states are those after the last processed valid step.

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

    The order of the gates is that of Keras and PyTorch. `weights_from_pytorch` converts the weights of a module.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple sets
    constants: ``("hard_sigmoid", alpha, beta)`` is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ``("elu",
    alpha)`` is alpha * (exp(a) - 1) for a < 0, 1 by default; ``("leaky_relu", alpha)`` is alpha * a for a < 0, 0.2 by
    default.

    References
    ----------
    Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and Cummins 2000; peepholes: Gers, Schraudolph and
    Schmidhuber 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(5, 2, 3))
    >>> W, U = rng.normal(size=(3, 16)), rng.normal(size=(4, 16))
    >>> out = F.lstm(x, W, U, lengths=[5, 2])
    >>> out.y.shape
    (5, 2, 4)
    >>> bool((out.h[1] == out.y[1, 1]).all()), bool((out.y[2:, 1] == 0).all())
    (True, True)
    """
    cell = LSTM
    if activation is not TANH or recurrent_activation is not SIGMOID or clip is not None or peephole is not None:
        cell = with_options("lstm", cell, activation, recurrent_activation, clip, peephole)
    weights, sequence = _recurrent.read_call(
        "lstm", cell, x, W, U, b, h0=h0, c0=c0, lengths=lengths, mask=mask, reverse=reverse,
        batch_first=batch_first, return_sequences=return_sequences, recurrent_mask=recurrent_mask, peephole=peephole,
    )  # fmt: skip
    return LSTMOutput(*_recurrent.run(cell, weights, sequence))


def lstm_forward(
    x: ArrayLike,
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    *,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = TANH,
    recurrent_activation: ActivationLike = SIGMOID,
    peephole: ArrayLike | None = None,
    clip: float | None = None,
    recurrent_mask: ArrayLike | None = None,
    checkpoint: int | None = None,
) -> tuple[LSTMOutput, LSTMTape]:
    """Run an LSTM over a sequence and keep the tape for `lstm_backward`.

    For every step ::

        i = sigmoid(x Wi + h_prev Ui + bi)        input gate
        f = sigmoid(x Wf + h_prev Uf + bf)        forget gate
        g = tanh(x Wg + h_prev Ug + bg)           candidate
        o = sigmoid(x Wo + h_prev Uo + bo)        output gate
        c = f * c_prev + i * g
        h = o * tanh(c)

    Parameters
    ----------
    x : array_like, shape (T, B, I)
        Inputs; (B, T, I) with `batch_first`. Any strides; no copy if the last axis is contiguous.
    W, U : array_like, shapes (I, 4*H) and (H, 4*H)
        Input weights and recurrent weights; columns i, f, g, o.
    b : array_like, shape (4*H,) or (2, 4*H), optional
        Bias. Two rows are summed. Zeros by default.
    h0, c0 : array_like, shape (B, H), optional
        Initial states h and c. Zeros by default.
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
    activation : str or tuple, default "tanh"
        Activation function in place of tanh: a name, or a name and its constants; see Notes.
    recurrent_activation : str or tuple, default "sigmoid"
        Activation function of the gates, in place of sigmoid.
    peephole : array_like, shape (3, H), optional
        Peephole weights: of c_prev in the input and forget gates, and of c in the output gate.
    clip : float, optional
        Limit of the pre-activations: an activation is applied to min(clip, max(-clip, a)), except tanh(c). No limit by
        default.
    recurrent_mask : array_like, shape (B, H), optional
        Factor of h_prev in the product with U, the same at every step (recurrent dropout).
    checkpoint : int, optional
        Interval k: the tape keeps only the states before every k-th processed step, and not y. The backward function
        recomputes k steps at a time, with bitwise equal results. By default the tape keeps every step.

    Returns
    -------
    out : LSTMOutput
        ``y`` (T, B, H), the hidden state after every step, ``h`` (B, H), the final hidden state, and ``c`` (B, H), the
        final cell state. The final states are those after the last processed valid step.
        The same bits as those of `lstm`.
    tape : LSTMTape
        For `lstm_backward`. It keeps references to x, W, U and y; do not modify them in between.

    Raises
    ------
    ValueError
        If a shape or a value does not fit. The message names the argument, what it must be and what it is.
    TypeError
        If the type of an array is not supported.

    Notes
    -----
    The tape keeps the activated gates of every step, so the backward function evaluates no exponential.

    Half, bool and integer arrays are computed in float32, others in the widest type of x, W, U and b. At a padding step
    the state is carried over and y is 0; the values of x there do not affect the result.

    The order of the gates is that of Keras and PyTorch. `weights_from_pytorch` converts the weights of a module.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple sets
    constants: ``("hard_sigmoid", alpha, beta)`` is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ``("elu",
    alpha)`` is alpha * (exp(a) - 1) for a < 0, 1 by default; ``("leaky_relu", alpha)`` is alpha * a for a < 0, 0.2 by
    default.

    References
    ----------
    Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and Cummins 2000; peepholes: Gers, Schraudolph and
    Schmidhuber 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x, W, U = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 16)), rng.normal(size=(4, 16))
    >>> out, tape = F.lstm_forward(x, W, U)
    >>> tape
    <LSTMTape T=5 B=2 H=4 float64>
    """
    cell = LSTM
    if activation is not TANH or recurrent_activation is not SIGMOID or clip is not None or peephole is not None:
        cell = with_options("lstm_forward", cell, activation, recurrent_activation, clip, peephole)
    weights, sequence = _recurrent.read_call(
        "lstm_forward", cell, x, W, U, b, h0=h0, c0=c0, lengths=lengths, mask=mask, reverse=reverse,
        batch_first=batch_first, return_sequences=return_sequences, recurrent_mask=recurrent_mask, peephole=peephole,
    )  # fmt: skip
    y, h, c, tape = _recurrent.run_forward("lstm_forward", LSTMTape, cell, weights, sequence, checkpoint)
    return LSTMOutput(y, h, c), tape


def lstm_backward(
    tape: LSTMTape,
    dy: ArrayLike | None = None,
    dh: ArrayLike | None = None,
    dc: ArrayLike | None = None,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array, Array | None] | None = None,
) -> LSTMGrads:
    """Compute the gradients of `lstm_forward` by back-propagation through time.

    With dh including dy of the step ::

        do = dh * tanh(c)
        dc = dc + dh * o * (1 - tanh(c)^2)
        di = dc * g,    df = dc * c_prev,    dg = dc * i
        da = [di * i * (1 - i),  df * f * (1 - f),  dg * (1 - g^2),  do * o * (1 - o)]
        dx = da W^T
        dh_prev = da U^T,    dc_prev = dc * f
        dW += x^T da,    dU += h_prev^T da,    db += da

    For another activation, its derivative replaces 1 - tanh^2 or s * (1 - s). With `clip`, da is 0 where the limit is
    active. With `peephole` P, dc += P_o * da_o before its use, dc_prev = dc * f + P_i * da_i + P_f * da_f, and
    dpeephole is the sum of da_i * c_prev, da_f * c_prev and da_o * c. With `recurrent_mask` m, m * h_prev replaces
    h_prev in dU, and dh_prev is multiplied by m.

    Parameters
    ----------
    tape : LSTMTape
        Tape of `lstm_forward`. It is not changed and can be used again.
    dy : array_like, shape (T, B, H), optional
        Gradient of y; (B, T, H) with `batch_first`. Values at padding steps are ignored. Zeros by default.
    dh, dc : array_like, shape (B, H), optional
        Gradients of the final states. Zeros by default.
    need_dx : bool, default True
        Whether to compute dx. If False, dx is None and costs nothing.
    into : tuple of ndarray, (dW, dU, db), optional
        Arrays that these gradients are added to, and that are returned; db is None if there is no bias. If Ctrl-C
        cancels the call, they are unchanged.

    Returns
    -------
    LSTMGrads
        Gradients dx, dW, dU, db, dh0, dc0, dpeephole, each with the shape of what it differentiates. The gradient of an
        argument that was not given (b, peephole) is None.

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
    >>> x, W, U, b = (rng.normal(size=s) for s in [(5, 2, 3), (3, 16), (4, 16), (16,)])
    >>> out, tape = F.lstm_forward(x, W, U, b)
    >>> grads = F.lstm_backward(tape, dy=np.ones_like(out.y))
    >>> grads.dW.shape, grads.dU.shape, grads.db.shape
    ((3, 16), (4, 16), (16,))
    """
    d = _recurrent.backward("lstm_backward", LSTMTape, tape, dy, dh, dc, need_dx, into)
    return LSTMGrads(d.dx, d.dW, d.dU, d.db, d.dh0, d.dc0, d.dpeephole)
