"""The independently recurrent cell over a sequence, units that do not see each other: forward and backward."""

from __future__ import annotations

import numpy.typing as npt

from seqfuse._activations import ActivationLike
from seqfuse._cells import CELLS, Array
from seqfuse._results import IndRNNGrads, IndRNNOutput
from seqfuse.reference.recurrent import RecurrentTape, recurrent_backward, recurrent_forward


def indrnn(
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
    activation: ActivationLike = "relu",
    clip: float | None = None,
    recurrent_mask: npt.ArrayLike | None = None,
) -> IndRNNOutput:
    """Run an independently recurrent cell over a sequence.

        h' = relu(x W + U * h + b)

    Parameters
    ----------
    x : (T, B, I)        inputs; (B, T, I) with `batch_first`, and so are `y` and `mask`
    W : (I, H)        input weights
    U : (H,)        recurrent weights, one a unit
    b : (H,) or (2, H)        row 0 joins x W, row 1 joins U * h; zeros by default
    h0 : (B, H)        initial state; zeros by default
    lengths : (B,)        row n is real for its first lengths[n] steps; every step by default
    mask : (T, B)        bool, the steps that are real; with `lengths`, those that both call real
    reverse : bool        read steps T-1 to 0; `y` stays in the order of `x`
    return_sequences : bool        whether `y` is wanted
    activation : str or (str, alpha, beta)        what stands for relu
    clip : float        what an activation is taken of is clamped to [-clip, clip] first
    recurrent_mask : (B, H)        multiplies h where it enters U, the same at every step: recurrent dropout

    Returns
    -------
    IndRNNOutput        y (T, B, H), every step, 0 at unreal ones; h (B, H), the state after the last real step

    Raises
    ------
    ValueError        an activation that does not exist, or has no such constants
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Li, Li, Cook, Zhu and Gao 2018, "Independently recurrent neural network", arXiv:1803.04831. An unreal step
    carries the state over, and nothing in it is read.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1.0]], [[0.0]]])  # T = 2, B = 1, I = 1
    >>> indrnn(x, W=np.array([[1.0]]), U=np.array([2.0])).y.ravel()
    array([1., 2.])
    """
    return indrnn_forward(
        x, W, U, b, h0,
        lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first, return_sequences=return_sequences,
        activation=activation, clip=clip, recurrent_mask=recurrent_mask,
    )[0]  # fmt: skip


def indrnn_forward(
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
    activation: ActivationLike = "relu",
    clip: float | None = None,
    recurrent_mask: npt.ArrayLike | None = None,
    checkpoint: int | None = None,
) -> tuple[IndRNNOutput, RecurrentTape]:
    """Run `indrnn` and keep the tape for `indrnn_backward`.

    Parameters, equation and errors are those of `indrnn`. `checkpoint` saves memory in the kernels, and nothing here.

    Returns
    -------
    IndRNNOutput        as `indrnn`
    RecurrentTape        for `indrnn_backward`, with `states()` and `gates()`; refers to x, W and U

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = indrnn_forward(np.ones((2, 1, 1)), W=np.ones((1, 1)), U=np.ones(1))
    >>> out.h
    array([[2.]])
    """
    y, (h,), tape = recurrent_forward(
        CELLS["indrnn"], x, W, U, b, (h0,), lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        activation=activation, clip=clip, recurrent_mask=recurrent_mask,
    )  # fmt: skip
    return IndRNNOutput(y if return_sequences else None, h), tape


def indrnn_backward(
    tape: RecurrentTape,
    dy: npt.ArrayLike | None = None,
    dh: npt.ArrayLike | None = None,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array, Array | None] | None = None,
) -> IndRNNGrads:
    """Differentiate `indrnn`: back-propagation through time.

        da = (dy + dh') * (h' > 0)        dh = da * U        dx = da W^T
        dW = sum over t of x^T da        dU = sum over t and rows of da * h        db = sum over t and rows of da

    Another activation puts its slope f'(a) in the place of h' > 0; a clip puts 0 where |a| > clip. With a
    recurrent_mask m, dh = m * da * U and dU = sum over t and rows of da * m * h.

    Parameters
    ----------
    tape : RecurrentTape        of `indrnn_forward`; not changed, and may be used again
    dy : (T, B, H)        gradient of `y`; zeros by default, not read at unreal steps
    dh : (B, H)        gradient of the final state; zeros by default
    need_dx : bool        whether `dx` is wanted
    into : (dW, dU, db)        arrays that the gradients are added to and that are returned; new ones by default

    Returns
    -------
    IndRNNGrads        dx (T, B, I) or None; dW (I, H); dU (H,); db, as b was given; dh0 (B, H)

    Notes
    -----
    Werbos 1990, "Backpropagation through time", https://doi.org/10.1109/5.58337.

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = indrnn_forward(np.ones((2, 1, 1)), W=np.ones((1, 1)), U=np.ones(1))
    >>> grads = indrnn_backward(tape, dh=np.ones((1, 1)))
    >>> grads.dW, grads.db is None
    (array([[2.]]), True)
    """
    return IndRNNGrads(**recurrent_backward(tape, dy, (dh,), need_dx=need_dx, into=into))
