"""The LSTM over a sequence: forward and backward."""

from __future__ import annotations

import numpy.typing as npt

from seqfuse._activations import ActivationLike
from seqfuse._cells import CELLS, Array
from seqfuse._results import LSTMGrads, LSTMOutput
from seqfuse.reference.recurrent import RecurrentTape, recurrent_backward, recurrent_forward


def lstm(
    x: npt.ArrayLike,
    W: npt.ArrayLike,
    U: npt.ArrayLike,
    b: npt.ArrayLike | None = None,
    h0: npt.ArrayLike | None = None,
    c0: npt.ArrayLike | None = None,
    *,
    lengths: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = "tanh",
    recurrent_activation: ActivationLike = "sigmoid",
    peephole: npt.ArrayLike | None = None,
    clip: float | None = None,
    recurrent_mask: npt.ArrayLike | None = None,
) -> LSTMOutput:
    """Run an LSTM over a sequence.

        i = sigmoid(x Wi + h Ui + bi)        input gate
        f = sigmoid(x Wf + h Uf + bf)        forget gate
        g = tanh(x Wg + h Ug + bg)           candidate
        o = sigmoid(x Wo + h Uo + bo)        output gate
        c' = f * c + i * g
        h' = o * tanh(c')

    Parameters
    ----------
    x : (T, B, I)        inputs; (B, T, I) with `batch_first`, and so are `y` and `mask`
    W, U : (I, 4*H), (H, 4*H)        columns i, f, g, o
    b : (4*H,) or (2, 4*H)        row 0 joins x W, row 1 joins h U; zeros by default
    h0, c0 : (B, H)        initial state; zeros by default
    lengths : (B,)        row n is real for its first lengths[n] steps; every step by default
    mask : (T, B)        bool, the steps that are real; with `lengths`, those that both call real
    reverse : bool        read steps T-1 to 0; `y` stays in the order of `x`
    return_sequences : bool        whether `y` is wanted
    activation : str or (str, alpha, beta)        what stands for tanh, of g and of c'
    recurrent_activation : str or (str, alpha, beta)        what stands for sigmoid
    peephole : (3, H)        rows pi, pf, po, which add pi * c, pf * c and po * c' to what i, f and o are taken of
    clip : float        what an activation is taken of, activation(c') excepted, is clamped to [-clip, clip] first
    recurrent_mask : (B, H)        multiplies h where it enters U, the same at every step: recurrent dropout

    Returns
    -------
    LSTMOutput        y (T, B, H), every step, 0 at unreal ones; h, c (B, H), the state after the last real step

    Raises
    ------
    ValueError        an activation that does not exist, or has no such constants
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735, with the forget gate of Gers,
    Schmidhuber and Cummins 2000 and the peepholes of Gers, Schraudolph and Schmidhuber 2002,
    https://jmlr.org/papers/v3/gers02a.html. A mask for the whole sequence is that of Gal and Ghahramani 2016,
    arXiv:1512.05287. An unreal step carries the state over, and nothing in it is read.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1.0]], [[0.0]]])  # T = 2, B = 1, I = 1
    >>> out = lstm(x, W=np.array([[0.0, 0.0, 1.0, 0.0]]), U=np.zeros((1, 4)))  # every gate half open
    >>> out.c.round(4)  # 0.5 * tanh(1), and half of it one step later
    array([[0.1904]])
    """
    return lstm_forward(
        x, W, U, b, h0, c0,
        lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first, return_sequences=return_sequences,
        activation=activation, recurrent_activation=recurrent_activation, peephole=peephole, clip=clip,
        recurrent_mask=recurrent_mask,
    )[0]  # fmt: skip


def lstm_forward(
    x: npt.ArrayLike,
    W: npt.ArrayLike,
    U: npt.ArrayLike,
    b: npt.ArrayLike | None = None,
    h0: npt.ArrayLike | None = None,
    c0: npt.ArrayLike | None = None,
    *,
    lengths: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = "tanh",
    recurrent_activation: ActivationLike = "sigmoid",
    peephole: npt.ArrayLike | None = None,
    clip: float | None = None,
    recurrent_mask: npt.ArrayLike | None = None,
    checkpoint: int | None = None,
) -> tuple[LSTMOutput, RecurrentTape]:
    """Run `lstm` and keep the tape for `lstm_backward`.

    Parameters, equations and errors are those of `lstm`. `checkpoint` saves memory in the kernels, and nothing here.

    Returns
    -------
    LSTMOutput        as `lstm`
    RecurrentTape        for `lstm_backward`, with `states()` and `gates()`; refers to x, W and U

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = lstm_forward(np.ones((2, 1, 1)), W=np.ones((1, 4)), U=np.ones((1, 4)))
    >>> out.h.round(4)
    array([[0.6505]])
    """
    y, (h, c), tape = recurrent_forward(
        CELLS["lstm"], x, W, U, b, (h0, c0), lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        activation=activation, recurrent_activation=recurrent_activation, peephole=peephole, clip=clip,
        recurrent_mask=recurrent_mask,
    )  # fmt: skip
    return LSTMOutput(y if return_sequences else None, h, c), tape


def lstm_backward(
    tape: RecurrentTape,
    dy: npt.ArrayLike | None = None,
    dh: npt.ArrayLike | None = None,
    dc: npt.ArrayLike | None = None,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array, Array | None] | None = None,
) -> LSTMGrads:
    """Differentiate `lstm`: back-propagation through time.

        dc' += (dy + dh') * o * (1 - tanh(c')**2)        dc = dc' * f
        dai = dc' * g * i * (1 - i)        daf = dc' * c * f * (1 - f)
        dag = dc' * i * (1 - g * g)        dao = (dy + dh') * tanh(c') * o * (1 - o)
        dx = da W^T        dh = da U^T
        dW = sum over t of x^T da        dU = sum over t of h^T da        db = sum over t and rows of da

    Other activations put their slope f'(a) in the place of s * (1 - s) and 1 - t * t; a clip puts 0 where |a| > clip.
    With peepholes dc' += dao * po, dc += dai * pi + daf * pf, and dpeephole is the sum over t and rows of dai * c,
    daf * c, dao * c'. With a recurrent_mask m, dh = m * (da U^T) and dU = sum over t of (m * h)^T da.

    Parameters
    ----------
    tape : RecurrentTape        of `lstm_forward`; not changed, and may be used again
    dy : (T, B, H)        gradient of `y`; zeros by default, not read at unreal steps
    dh, dc : (B, H)        gradients of the final state; zeros by default
    need_dx : bool        whether `dx` is wanted
    into : (dW, dU, db)        arrays that the gradients are added to and that are returned; new ones by default

    Returns
    -------
    LSTMGrads        dx (T, B, I) or None; dW (I, 4*H); dU (H, 4*H); db, as b was given; dh0, dc0 (B, H); dpeephole
        (3, H), or None where peephole was

    Notes
    -----
    Werbos 1990, "Backpropagation through time", https://doi.org/10.1109/5.58337; for the LSTM, Graves and
    Schmidhuber 2005, https://doi.org/10.1016/j.neunet.2005.06.042.

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = lstm_forward(np.ones((2, 1, 1)), W=np.ones((1, 4)), U=np.ones((1, 4)))
    >>> lstm_backward(tape, dh=np.ones((1, 1))).dW.round(4)
    array([[0.0894, 0.024 , 0.1542, 0.1559]])
    """
    return LSTMGrads(**recurrent_backward(tape, dy, (dh, dc), need_dx=need_dx, into=into))
