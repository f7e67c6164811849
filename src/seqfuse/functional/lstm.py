"""Long short-term memory, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse._results import LSTMGrads, LSTMOutput
from seqfuse.functional import _recurrent

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class LSTMTape(_recurrent.Tape):
    """What `lstm_backward` reads; opaque, refers to x, W, U and y of its `lstm_forward`."""

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
    y, h, c = _recurrent.forward(
        "lstm", "lstm", x, W, U, b, h0, c0, lengths, mask, reverse, batch_first, return_sequences, None
    )
    return LSTMOutput(y, h, c)


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
) -> tuple[LSTMOutput, LSTMTape]:
    """Run an LSTM over a sequence and keep the tape for `lstm_backward`.

        i, f, o = sigmoid(x W + h_prev U + b)        input, forget and output gate, each its columns
        g = tanh(x W + h_prev U + b)                  candidate
        c = f * c_prev + i * g
        h = o * tanh(c)

    Parameters
    ----------
    x, W, U, b, h0, c0, lengths, mask, ...        as in `lstm`

    Returns
    -------
    LSTMOutput        as `lstm` gives it, the same bits
    LSTMTape        opaque, for `lstm_backward`; refers to x, W, U and y: change none of them in between

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
    tape = LSTMTape()
    y, h, c = _recurrent.forward(
        "lstm_forward", "lstm", x, W, U, b, h0, c0, lengths, mask, reverse, batch_first, return_sequences, tape
    )
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

    Parameters
    ----------
    tape : LSTMTape        from `lstm_forward`; not changed, it may be read again
    dy : (T, B, H)        gradient of y, (B, T, H) with batch_first; ignored at unreal steps. None: zeros
    dh, dc : (B, H)        gradient of the final state. None: zeros
    need_dx : bool        False: dx is None and costs nothing
    into : (dW, dU, db)        arrays that the gradients are added to, and that are returned; db None where b was

    Returns
    -------
    LSTMGrads        dx, dW, dU, db, dh0, dc0: of the shapes of what they differentiate; db None where b was

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
    dx, dW, dU, db, dh0, dc0 = _recurrent.backward("lstm_backward", LSTMTape, tape, dy, dh, dc, need_dx, into)
    return LSTMGrads(dx, dW, dU, db, dh0, dc0)
