"""Gated recurrent units, forward and backward: both places of the reset gate and both updates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse._results import GRUGrads, GRUOutput
from seqfuse.functional import _recurrent
from seqfuse.functional._cell import KERNEL_CELLS, SIGMOID, TANH, with_options
from seqfuse.functional._tape import Tape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._activations import ActivationLike
    from seqfuse._arrays import Array
    from seqfuse.functional._cell import Cell

GRUS = {  # (reset_after, update_gate) -> cell
    (after, gate): replace(KERNEL_CELLS["gru" if after else "gru_reset_before"], candidate=gate == "candidate")
    for after in (True, False)
    for gate in ("previous", "candidate")
}


class GRUTape(Tape):
    """What `gru_backward` reads, with `states()` and `gates()`; refers to x, W, U and y of its `gru_forward`."""

    __slots__ = ()


def select_cell(function: str, reset_after: Any, update_gate: Any) -> Cell:
    """Return one of the four GRUs."""
    if type(reset_after) is not bool:
        (reset_after,) = _checks.flags(function, ("reset_after",), (reset_after,))
    if not isinstance(update_gate, str) or update_gate not in ("previous", "candidate"):
        raise ValueError(f'{function}: update_gate must be "previous" or "candidate"; got {update_gate!r}')
    return GRUS[reset_after, update_gate]


def gru(
    x: ArrayLike,
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    reset_after: bool = True,
    update_gate: str = "previous",
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = TANH,
    recurrent_activation: ActivationLike = SIGMOID,
    clip: float | None = None,
    recurrent_mask: ArrayLike | None = None,
) -> GRUOutput:
    """Run a GRU over a sequence.

        z = sigmoid(x Wz + h_prev Uz + bz)                 update gate
        r = sigmoid(x Wr + h_prev Ur + br)                 reset gate
        n = tanh(x Wn + bn + r * (h_prev Un + b'n))        candidate, reset_after=True
        n = tanh(x Wn + bn + b'n + (r * h_prev) Un)        candidate, reset_after=False
        h = z * h_prev + (1 - z) * n                       update_gate="previous"
        h = (1 - z) * h_prev + z * n                       update_gate="candidate"

    Parameters
    ----------
    x : (T, B, I)        inputs; (B, T, I) with batch_first. Any strides; no copy where the last axis is contiguous
    W, U : (I, 3*H), (H, 3*H)        columns z, r, n
    b : (3*H,) or (2, 3*H)        row 0 (b) joins x W, row 1 (b') joins h U; zeros by default
    h0 : (B, H)        initial state, zeros by default
    reset_after : bool        whether the reset gate acts after the recurrent product or before it
    update_gate : "previous" or "candidate"        what the update gate lets through
    lengths : (B,)        integers in 0..T: row n is real for its first lengths[n] steps
    mask : (T, B)        bool: which steps are real; (B, T) with batch_first. With lengths: real where both say so
    reverse : bool        read steps T-1 to 0; y stays in the order of x
    batch_first : bool        exchange the first two axes of x, y and mask
    return_sequences : bool        False: y is None
    activation : str or tuple        what takes the place of tanh: a name, or a name and its constants, see Notes
    recurrent_activation : str or tuple        what takes the place of sigmoid, likewise
    clip : float        limits what an activation is taken of to [-clip, clip]; None: no limit
    recurrent_mask : (B, H)        multiplies h_prev where it enters U, not in z * h_prev: recurrent dropout

    Returns
    -------
    GRUOutput        y (T, B, H), h after every step; h (B, H), the last real step's, in the order of reading

    Raises
    ------
    ValueError        a shape or a value disagrees; the message names the argument, what it needs and what it got
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Half, bool and integers are computed in float32, else the widest type of x, W, U and b. At an unreal step the
    state is carried over and y is 0; what x holds there reaches nothing. Cho et al. 2014,
    arXiv:1406.1078: version 1 resets after the product, version 3 before it; the other update is that of Chung et al.
    2014, arXiv:1412.3555. The defaults are those of Keras, PyTorch and cuDNN; ONNX resets before the product. PyTorch
    has the gates in the order r, z, n.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple gives
    constants: ("hard_sigmoid", alpha, beta) is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ("elu", alpha)
    is alpha * (exp(a) - 1) below 0, 1 by default; ("leaky_relu", alpha) is alpha * a below 0, 0.2 by default.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(5, 2, 3))
    >>> W, U = rng.normal(size=(3, 12)), rng.normal(size=(4, 12))
    >>> out = F.gru(x, W, U, lengths=[5, 2])
    >>> out.y.shape
    (5, 2, 4)
    >>> bool((out.h[1] == out.y[1, 1]).all()), bool((out.y[2:, 1] == 0).all())
    (True, True)
    """
    cell = select_cell("gru", reset_after, update_gate)
    if activation is not TANH or recurrent_activation is not SIGMOID or clip is not None:
        cell = with_options("gru", cell, activation, recurrent_activation, clip)
    weights, sequence = _recurrent.read_call(
        "gru", cell, x, W, U, b, h0=h0, lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        return_sequences=return_sequences, recurrent_mask=recurrent_mask,
    )  # fmt: skip
    y, h, _ = _recurrent.run(cell, weights, sequence)
    return GRUOutput(y, h)


def gru_forward(
    x: ArrayLike,
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    reset_after: bool = True,
    update_gate: str = "previous",
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    return_sequences: bool = True,
    activation: ActivationLike = TANH,
    recurrent_activation: ActivationLike = SIGMOID,
    clip: float | None = None,
    recurrent_mask: ArrayLike | None = None,
    checkpoint: int | None = None,
) -> tuple[GRUOutput, GRUTape]:
    """Run a GRU over a sequence and keep the tape for `gru_backward`.

        z = sigmoid(x Wz + h_prev Uz + bz)                 update gate
        r = sigmoid(x Wr + h_prev Ur + br)                 reset gate
        n = tanh(x Wn + bn + r * (h_prev Un + b'n))        candidate, reset_after=True
        n = tanh(x Wn + bn + b'n + (r * h_prev) Un)        candidate, reset_after=False
        h = z * h_prev + (1 - z) * n                       update_gate="previous"
        h = (1 - z) * h_prev + z * n                       update_gate="candidate"

    Parameters
    ----------
    x, W, U, b, h0, lengths, mask, ...        as in `gru`
    checkpoint : int        k: the tape keeps the states before every k-th step that is read, and not y; what reads it
        computes k steps at a time again, to the same bits. None: it keeps every step

    Returns
    -------
    GRUOutput        as `gru` gives it, the same bits
    GRUTape        for `gru_backward`; refers to x, W, U and y: change none of them in between

    Raises
    ------
    ValueError, TypeError        as `gru`

    Notes
    -----
    The tape keeps the activated gates of every step, so that backward takes no exponential. Cho et al. 2014,
    arXiv:1406.1078: version 1 resets after the product, version 3 before it; the other update is that of Chung et al.
    2014, arXiv:1412.3555. The defaults are those of Keras, PyTorch and cuDNN; ONNX resets before the product. PyTorch
    has the gates in the order r, z, n.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x, W, U = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 12)), rng.normal(size=(4, 12))
    >>> out, tape = F.gru_forward(x, W, U)
    >>> tape
    <GRUTape T=5 B=2 H=4 float64>
    """
    cell = select_cell("gru_forward", reset_after, update_gate)
    if activation is not TANH or recurrent_activation is not SIGMOID or clip is not None:
        cell = with_options("gru_forward", cell, activation, recurrent_activation, clip)
    weights, sequence = _recurrent.read_call(
        "gru_forward", cell, x, W, U, b, h0=h0, lengths=lengths, mask=mask, reverse=reverse, batch_first=batch_first,
        return_sequences=return_sequences, recurrent_mask=recurrent_mask,
    )  # fmt: skip
    y, h, _, tape = _recurrent.run_forward("gru_forward", GRUTape, cell, weights, sequence, checkpoint)
    return GRUOutput(y, h), tape


def gru_backward(
    tape: GRUTape,
    dy: ArrayLike | None = None,
    dh: ArrayLike | None = None,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array, Array | None] | None = None,
) -> GRUGrads:
    """Carry the gradients of a loss back through `gru_forward`: back-propagation through time.

        dz, dn = dh * (h_prev - n), dh * (1 - z)                     dh with dy added
        dan = dn * (1 - n^2);  dr, dqn = dan * (h_prev Un + b'n), dan * r
        da = dz * z * (1 - z), dr * r * (1 - r), dan;  dq = the same with dqn in the place of dan
        dx, dh = da W^T, dh * z + dq U^T                               dh: for the step before
        dW, dU, db, db' += x^T da, h_prev^T dq, da, dq

    That is for `reset_after` and `update_gate="previous"`; the other forms likewise. Other activations f have f'(a) in
    the places of 1 - n^2 and z * (1 - z); with clip, da is 0 where a is beyond it. With recurrent_mask m, what enters U
    is m * h_prev, and the gradient dq U^T is multiplied by m.

    Parameters
    ----------
    tape : GRUTape        from `gru_forward`; not changed, it may be read again
    dy : (T, B, H)        gradient of y, (B, T, H) with batch_first; ignored at unreal steps. None: zeros
    dh : (B, H)        gradient of the final state. None: zeros
    need_dx : bool        False: dx is None and costs nothing
    into : (dW, dU, db)        arrays that the gradients are added to, and that are returned; db None where b was.
        They stay as they were where Ctrl-C stops the call

    Returns
    -------
    GRUGrads        dx, dW, dU, db, dh0: of the shapes of what they differentiate; db None where b was

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
    >>> x, W, U, b = (rng.normal(size=s) for s in [(5, 2, 3), (3, 12), (4, 12), (12,)])
    >>> out, tape = F.gru_forward(x, W, U, b)
    >>> grads = F.gru_backward(tape, dy=np.ones_like(out.y))
    >>> grads.dW.shape, grads.dU.shape, grads.db.shape
    ((3, 12), (4, 12), (12,))
    """
    d = _recurrent.backward("gru_backward", GRUTape, tape, dy, dh, None, need_dx, into)
    return GRUGrads(d.dx, d.dW, d.dU, d.db, d.dh0)
