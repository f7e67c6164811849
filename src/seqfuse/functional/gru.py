"""Gated recurrent units, forward and backward: both places of the reset gate and both updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse._results import GRUGrads, GRUOutput
from seqfuse.functional import _recurrent

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class GRUTape(_recurrent.Tape):
    """What `gru_backward` reads; opaque, refers to x, W, U and y of its `gru_forward`."""

    __slots__ = ()


def cell_options(function: str, reset_after: Any, update_gate: Any) -> tuple[bool, bool]:
    """Whether the reset acts after the product, and whether the update gate weighs the candidate."""
    if type(reset_after) is not bool:
        (reset_after,) = _checks.flags(function, ("reset_after",), (reset_after,))
    if not isinstance(update_gate, str) or update_gate not in ("previous", "candidate"):
        raise ValueError(f'{function}: update_gate must be "previous" or "candidate"; got {update_gate!r}')
    return reset_after, update_gate == "candidate"


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
    reset_after, candidate = cell_options("gru", reset_after, update_gate)
    y, h, _ = _recurrent.forward(
        "gru", "gru", x, W, U, b, h0, None, lengths, mask, reverse, batch_first, return_sequences, None,
        reset_after, candidate,
    )  # fmt: skip
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

    Returns
    -------
    GRUOutput        as `gru` gives it, the same bits
    GRUTape        opaque, for `gru_backward`; refers to x, W, U and y: change none of them in between

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
    reset_after, candidate = cell_options("gru_forward", reset_after, update_gate)
    tape = GRUTape()
    y, h, _ = _recurrent.forward(
        "gru_forward", "gru", x, W, U, b, h0, None, lengths, mask, reverse, batch_first, return_sequences, tape,
        reset_after, candidate,
    )  # fmt: skip
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

    That is for `reset_after` and `update_gate="previous"`; the other forms likewise.

    Parameters
    ----------
    tape : GRUTape        from `gru_forward`; not changed, it may be read again
    dy : (T, B, H)        gradient of y, (B, T, H) with batch_first; ignored at unreal steps. None: zeros
    dh : (B, H)        gradient of the final state. None: zeros
    need_dx : bool        False: dx is None and costs nothing
    into : (dW, dU, db)        arrays that the gradients are added to, and that are returned; db None where b was

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
    dx, dW, dU, db, dh0, _ = _recurrent.backward("gru_backward", GRUTape, tape, dy, dh, None, need_dx, into)
    return GRUGrads(dx, dW, dU, db, dh0)
