"""The minimal GRU over a sequence, gates that see the input alone: forward and backward."""

from __future__ import annotations

import numpy.typing as npt

from seqfuse._activations import ActivationLike
from seqfuse._cells import CELLS, Array
from seqfuse._results import MinGRUGrads, MinGRUOutput
from seqfuse.reference.recurrent import RecurrentTape, recurrent_backward, recurrent_forward


def mingru(
    x: npt.ArrayLike,
    W: npt.ArrayLike,
    b: npt.ArrayLike | None = None,
    h0: npt.ArrayLike | None = None,
    *,
    lengths: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = "linear",
    recurrent_activation: ActivationLike = "sigmoid",
    clip: float | None = None,
) -> MinGRUOutput:
    """Run a minimal GRU over a sequence.

        z = sigmoid(x Wz + bz)            update gate
        n = x Wn + bn                     candidate
        h' = (1 - z) * h + z * n

    Parameters
    ----------
    x : (T, B, I)        inputs; (B, T, I) with `batch_first`, and so are `y` and `mask`
    W : (I, 2*H)        columns z, n
    b : (2*H,) or (2, 2*H)        joins x W, two rows are added up; zeros by default
    h0 : (B, H)        initial state; zeros by default
    lengths : (B,)        row n is real for its first lengths[n] steps; every step by default
    mask : (T, B)        bool, the steps that are real; with `lengths`, those that both call real
    reverse : bool        read steps T-1 to 0; `y` stays in the order of `x`
    return_sequences : bool        whether `y` is wanted
    activation : str or (str, alpha, beta)        of the candidate
    recurrent_activation : str or (str, alpha, beta)        what stands for sigmoid
    clip : float        what an activation is taken of is clamped to [-clip, clip] first

    Returns
    -------
    MinGRUOutput        y (T, B, H), every step, 0 at unreal ones; h (B, H), the state after the last real step

    Raises
    ------
    ValueError        an activation that does not exist, or has no such constants
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Feng, Tung, Ahmed, Bengio and Hajimirsadeghi 2024, "Were RNNs all we needed?", arXiv:2410.01201, section 3.1.
    An unreal step carries the state over, and nothing in it is read.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1.0]], [[0.0]]])  # T = 2, B = 1, I = 1
    >>> mingru(x, W=np.array([[0.0, 1.0]])).y.ravel()  # z = 0.5
    array([0.5 , 0.25])
    """
    return mingru_forward(
        x, W, b, h0,
        lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first, return_sequences=return_sequences,
        activation=activation, recurrent_activation=recurrent_activation, clip=clip,
    )[0]  # fmt: skip


def mingru_forward(
    x: npt.ArrayLike,
    W: npt.ArrayLike,
    b: npt.ArrayLike | None = None,
    h0: npt.ArrayLike | None = None,
    *,
    lengths: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = "linear",
    recurrent_activation: ActivationLike = "sigmoid",
    clip: float | None = None,
    checkpoint: int | None = None,
) -> tuple[MinGRUOutput, RecurrentTape]:
    """Run `mingru` and keep the tape for `mingru_backward`.

    Parameters, equations and errors are those of `mingru`. `checkpoint` saves memory in the kernels, and nothing here.

    Returns
    -------
    MinGRUOutput        as `mingru`
    RecurrentTape        for `mingru_backward`, with `states()` and `gates()`; refers to x and W

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = mingru_forward(np.ones((2, 1, 1)), W=np.ones((1, 2)))
    >>> out.h.round(4)
    array([[0.9277]])
    """
    y, (h,), tape = recurrent_forward(
        CELLS["mingru"], x, W, None, b, (h0,), lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        activation=activation, recurrent_activation=recurrent_activation, clip=clip,
    )  # fmt: skip
    return MinGRUOutput(y if return_sequences else None, h), tape


def mingru_backward(
    tape: RecurrentTape,
    dy: npt.ArrayLike | None = None,
    dh: npt.ArrayLike | None = None,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array | None] | None = None,
) -> MinGRUGrads:
    """Differentiate `mingru`: back-propagation through time.

    With d = dy + dh':

        daz = d * (n - h) * z * (1 - z)        dan = d * z        dh = d * (1 - z)
        dx = [daz, dan] W^T        dW = sum over t of x^T [daz, dan]        db = sum over t and rows of [daz, dan]

    Other activations put their slope f'(a) in the place of z * (1 - z), and behind d * z; a clip puts 0 where
    |a| > clip.

    Parameters
    ----------
    tape : RecurrentTape        of `mingru_forward`; not changed, and may be used again
    dy : (T, B, H)        gradient of `y`; zeros by default, not read at unreal steps
    dh : (B, H)        gradient of the final state; zeros by default
    need_dx : bool        whether `dx` is wanted
    into : (dW, db)        arrays that the gradients are added to and that are returned; new ones by default

    Returns
    -------
    MinGRUGrads        dx (T, B, I) or None; dW (I, 2*H); db, as b was given; dh0 (B, H)

    Notes
    -----
    Werbos 1990, "Backpropagation through time", https://doi.org/10.1109/5.58337.

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = mingru_forward(np.ones((2, 1, 1)), W=np.ones((1, 2)))
    >>> grads = mingru_backward(tape, dh=np.ones((1, 1)))
    >>> grads.dW.round(4), grads.db is None
    (array([[0.1058, 0.9277]]), True)
    """
    return MinGRUGrads(**recurrent_backward(tape, dy, (dh,), need_dx=need_dx, into=into))
