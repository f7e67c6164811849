"""The GRU over a sequence, in both forms of its reset and of its update: forward and backward."""

from __future__ import annotations

from typing import Literal

import numpy.typing as npt

from seqfuse._activations import ActivationLike
from seqfuse._cells import CELLS, Array
from seqfuse._results import GRUGrads, GRUOutput
from seqfuse.reference.recurrent import RecurrentTape, recurrent_backward, recurrent_forward


def gru(
    x: npt.ArrayLike,
    W: npt.ArrayLike,
    U: npt.ArrayLike,
    b: npt.ArrayLike | None = None,
    h0: npt.ArrayLike | None = None,
    *,
    reset_after: bool = True,
    update_gate: Literal["previous", "candidate"] = "previous",
    lengths: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = "tanh",
    recurrent_activation: ActivationLike = "sigmoid",
    clip: float | None = None,
    recurrent_mask: npt.ArrayLike | None = None,
) -> GRUOutput:
    """Run a GRU over a sequence.

        z = sigmoid(x Wz + h Uz + bz)               update gate
        r = sigmoid(x Wr + h Ur + br)               reset gate
        n = tanh(x Wn + bn + r * (h Un + b'n))      candidate
        h' = z * h + (1 - z) * n

        reset_after=False:           n = tanh(x Wn + (r * h) Un + bn + b'n)
        update_gate="candidate":     h' = (1 - z) * h + z * n

    Parameters
    ----------
    x : (T, B, I)        inputs; (B, T, I) with `batch_first`, and so are `y` and `mask`
    W, U : (I, 3*H), (H, 3*H)        columns z, r, n
    b : (3*H,) or (2, 3*H)        row 0 joins x W, row 1 (b' above) joins h U; zeros by default
    h0 : (B, H)        initial state; zeros by default
    reset_after : bool        whether the reset gate acts after the recurrent product, or before it
    update_gate : str        what z = 1 keeps, the previous state or the candidate
    lengths : (B,)        row n is real for its first lengths[n] steps; every step by default
    mask : (T, B)        bool, the steps that are real; with `lengths`, those that both call real
    reverse : bool        read steps T-1 to 0; `y` stays in the order of `x`
    return_sequences : bool        whether `y` is wanted
    activation : str or (str, alpha, beta)        what stands for tanh
    recurrent_activation : str or (str, alpha, beta)        what stands for sigmoid
    clip : float        what an activation is taken of is clamped to [-clip, clip] first
    recurrent_mask : (B, H)        multiplies h where it enters U, the same at every step: recurrent dropout

    Returns
    -------
    GRUOutput        y (T, B, H), every step, 0 at unreal ones; h (B, H), the state after the last real step

    Raises
    ------
    ValueError        an activation that does not exist, or has no such constants
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Cho et al. 2014, arXiv:1406.1078: its first versions reset after the product, as cuDNN, PyTorch and Keras do,
    the last before it, as ONNX does by default. Chung et al. 2014, arXiv:1412.3555, has the "candidate" update.
    Negating the z columns of W, U and b turns one update into the other. An unreal step carries the state over,
    and nothing in it is read.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1.0]], [[0.0]]])  # T = 2, B = 1, I = 1
    >>> W, U = np.array([[0.0, 0.0, 1.0]]), np.zeros((1, 3))  # z = r = 0.5
    >>> gru(x, W, U).y.ravel().round(4)
    array([0.3808, 0.1904])
    """
    return gru_forward(
        x, W, U, b, h0, reset_after=reset_after, update_gate=update_gate,
        lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first, return_sequences=return_sequences,
        activation=activation, recurrent_activation=recurrent_activation, clip=clip, recurrent_mask=recurrent_mask,
    )[0]  # fmt: skip


def gru_forward(
    x: npt.ArrayLike,
    W: npt.ArrayLike,
    U: npt.ArrayLike,
    b: npt.ArrayLike | None = None,
    h0: npt.ArrayLike | None = None,
    *,
    reset_after: bool = True,
    update_gate: Literal["previous", "candidate"] = "previous",
    lengths: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = "tanh",
    recurrent_activation: ActivationLike = "sigmoid",
    clip: float | None = None,
    recurrent_mask: npt.ArrayLike | None = None,
    checkpoint: int | None = None,
) -> tuple[GRUOutput, RecurrentTape]:
    """Run `gru` and keep the tape for `gru_backward`.

    Parameters, equations and errors are those of `gru`. `checkpoint` saves memory in the kernels, and nothing here.

    Returns
    -------
    GRUOutput        as `gru`
    RecurrentTape        for `gru_backward`, with `states()` and `gates()`; refers to x, W and U

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = gru_forward(np.ones((2, 1, 1)), W=np.ones((1, 3)), U=np.ones((1, 3)))
    >>> out.h.round(4)
    array([[0.3468]])
    """
    y, (h,), tape = recurrent_forward(
        CELLS["gru"], x, W, U, b, (h0,), lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        reset_after=reset_after, update_gate=update_gate,
        activation=activation, recurrent_activation=recurrent_activation, clip=clip, recurrent_mask=recurrent_mask,
    )  # fmt: skip
    return GRUOutput(y if return_sequences else None, h), tape


def gru_backward(
    tape: RecurrentTape,
    dy: npt.ArrayLike | None = None,
    dh: npt.ArrayLike | None = None,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array, Array | None] | None = None,
) -> GRUGrads:
    """Differentiate `gru`: back-propagation through time.

    With d = dy + dh', for reset_after=True and update_gate="previous":

        daz = d * (h - n) * z * (1 - z)        dan = d * (1 - z) * (1 - n * n)
        dar = dan * (h Un + b'n) * r * (1 - r)
        dx = [daz, dar, dan] W^T        dh = d * z + [daz, dar, dan * r] U^T
        dW = sum over t of x^T [daz, dar, dan]        dU = sum over t of h^T [daz, dar, dan * r]
        db = sum over t and rows of [daz, dar, dan], row 1 of [daz, dar, dan * r]

    With reset_after=False the candidate's product takes r * h, so that d(r * h) = dan Un^T. Other activations put their
    slope f'(a) in the place of s * (1 - s) and 1 - n * n; a clip puts 0 where |a| > clip. A recurrent_mask m stands
    before every h above but those of h - n and d * z: m * h for h, and m times what reaches h through U.

    Parameters
    ----------
    tape : RecurrentTape        of `gru_forward`; not changed, and may be used again
    dy : (T, B, H)        gradient of `y`; zeros by default, not read at unreal steps
    dh : (B, H)        gradient of the final state; zeros by default
    need_dx : bool        whether `dx` is wanted
    into : (dW, dU, db)        arrays that the gradients are added to and that are returned; new ones by default

    Returns
    -------
    GRUGrads        dx (T, B, I) or None; dW (I, 3*H); dU (H, 3*H); db, as b was given; dh0 (B, H)

    Notes
    -----
    Werbos 1990, "Backpropagation through time", https://doi.org/10.1109/5.58337.

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = gru_forward(np.ones((2, 1, 1)), W=np.ones((1, 3)), U=np.ones((1, 3)))
    >>> gru_backward(tape, dh=np.ones((1, 1))).dW.round(4)
    array([[-0.2172,  0.0027,  0.1569]])
    """
    return GRUGrads(**recurrent_backward(tape, dy, (dh,), need_dx=need_dx, into=into))
