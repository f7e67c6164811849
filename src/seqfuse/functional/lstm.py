"""Long short-term memory, forward and backward."""

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
    """What `lstm_backward` reads, with `states()` and `gates()`; refers to x, W, U and y of its `lstm_forward`."""

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

        i, f, o = sigmoid(x W + h_prev U + b)        input, forget and output gate, each its columns
        g = tanh(x W + h_prev U + b)                  candidate
        c = f * c_prev + i * g
        h = o * tanh(c)

    Parameters
    ----------
    x : (T, B, I)        inputs; (B, T, I) with batch_first. Any strides; no copy where the last axis is contiguous
    W, U : (I, 4*H), (H, 4*H)        columns i, f, g, o
    b : (4*H,) or (2, 4*H)        joins x W; two rows are summed; zeros by default
    h0, c0 : (B, H)        initial state, zeros by default
    lengths : (B,)        integers in 0..T: row n is real for its first lengths[n] steps
    mask : (T, B)        bool: which steps are real; (B, T) with batch_first. With lengths: real where both say so
    reverse : bool        read steps T-1 to 0; y stays in the order of x
    batch_first : bool        exchange the first two axes of x, y and mask
    return_sequences : bool        False: y is None
    activation : str or tuple        what takes the place of tanh: a name, or a name and its constants, see Notes
    recurrent_activation : str or tuple        what takes the place of sigmoid, likewise
    peephole : (3, H)        weights of c_prev in the pre-activations of i and f, and of c in that of o
    clip : float        limits what an activation is taken of, tanh(c) excepted, to [-clip, clip]; None: no limit
    recurrent_mask : (B, H)        multiplies h_prev where it enters U, the same at every step: recurrent dropout

    Returns
    -------
    LSTMOutput        y (T, B, H), h after every step; h (B, H), the last real step's; c (B, H) likewise

    Raises
    ------
    ValueError        a shape or a value disagrees; the message names the argument, what it needs and what it got
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Half, bool and integers are computed in float32, else the widest type of x, W, U and b. At an unreal step the
    state is carried over and y is 0; what x holds there reaches nothing. Hochreiter and Schmidhuber
    1997, with the forget gate of Gers, Schmidhuber and Cummins 2000; the gates in the order of Keras and PyTorch.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple gives
    constants: ("hard_sigmoid", alpha, beta) is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ("elu", alpha)
    is alpha * (exp(a) - 1) below 0, 1 by default; ("leaky_relu", alpha) is alpha * a below 0, 0.2 by default.

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

        i, f, o = sigmoid(x W + h_prev U + b)        input, forget and output gate, each its columns
        g = tanh(x W + h_prev U + b)                  candidate
        c = f * c_prev + i * g
        h = o * tanh(c)

    Parameters
    ----------
    x, W, U, b, h0, c0, lengths, mask, ...        as in `lstm`
    checkpoint : int        k: the tape keeps the states before every k-th step that is read, and not y; what reads it
        computes k steps at a time again, to the same bits. None: it keeps every step

    Returns
    -------
    LSTMOutput        as `lstm` gives it, the same bits
    LSTMTape        for `lstm_backward`; refers to x, W, U and y: change none of them in between

    Raises
    ------
    ValueError, TypeError        as `lstm`

    Notes
    -----
    The tape keeps the activated gates of every step, so that backward takes no exponential. Hochreiter and Schmidhuber
    1997, with the forget gate of Gers, Schmidhuber and Cummins 2000; the gates in the order of Keras and PyTorch.

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
    """Carry the gradients of a loss back through `lstm_forward`: back-propagation through time.

        do, dc = dh * tanh(c), dc + dh * o * (1 - tanh(c)^2)        dh with dy added
        di, df, dg = dc * g, dc * c_prev, dc * i
        da = di * i * (1 - i), df * f * (1 - f), dg * (1 - g^2), do * o * (1 - o)
        dx, dh, dc = da W^T, da U^T, dc * f                            dh, dc: for the step before
        dW, dU, db += x^T da, h_prev^T da, da

    Other activations f have f'(a) in the places of 1 - tanh^2 and s * (1 - s); with clip, da is 0 where a is beyond it.
    With peephole P, dc += P_o * da_o before it is used and dc_prev = dc * f + P_i * da_i + P_f * da_f; dpeephole is the
    sum of da_i * c_prev, da_f * c_prev, da_o * c. With recurrent_mask m, h_prev is m * h_prev and da U^T m * (da U^T).

    Parameters
    ----------
    tape : LSTMTape        from `lstm_forward`; not changed, it may be read again
    dy : (T, B, H)        gradient of y, (B, T, H) with batch_first; ignored at unreal steps. None: zeros
    dh, dc : (B, H)        gradient of the final state. None: zeros
    need_dx : bool        False: dx is None and costs nothing
    into : (dW, dU, db)        arrays that the gradients are added to, and that are returned; db None where b was.
        They stay as they were where Ctrl-C stops the call

    Returns
    -------
    LSTMGrads        dx, dW, dU, db, dh0, dc0, dpeephole: of the shapes of what they differentiate; db and dpeephole
        are None where b and peephole were

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
    >>> x, W, U, b = (rng.normal(size=s) for s in [(5, 2, 3), (3, 16), (4, 16), (16,)])
    >>> out, tape = F.lstm_forward(x, W, U, b)
    >>> grads = F.lstm_backward(tape, dy=np.ones_like(out.y))
    >>> grads.dW.shape, grads.dU.shape, grads.db.shape
    ((3, 16), (4, 16), (16,))
    """
    d = _recurrent.backward("lstm_backward", LSTMTape, tape, dy, dh, dc, need_dx, into)
    return LSTMGrads(d.dx, d.dW, d.dU, d.db, d.dh0, d.dc0, d.dpeephole)
