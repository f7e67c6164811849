"""GRU (gated recurrent unit): forward and backward functions, both reset variants and both updates."""

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
    """Tape of `gru_forward` for `gru_backward`, with methods `states` and `gates`.

    It keeps references to x, W, U and y; do not modify them before the backward function is called.
    """

    __slots__ = ()


def select_cell(function: str, reset_after: Any, update_gate: Any) -> Cell:
    """Return the cell for one of the four combinations of reset and update."""
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

    The equations are those of `gru_forward`. This function keeps no tape.

    Parameters
    ----------
    x : array_like, shape (T, B, I)
        Inputs; (B, T, I) with `batch_first`. Any strides; no copy if the last axis is contiguous.
    W, U : array_like, shapes (I, 3*H) and (H, 3*H)
        Input weights and recurrent weights; columns z, r, n.
    b : array_like, shape (3*H,) or (2, 3*H), optional
        Bias. Row 0, b, is added to x W; row 1, b', to h_prev U. Zeros by default.
    h0 : array_like, shape (B, H), optional
        Initial hidden state. Zeros by default.
    reset_after : bool, default True
        Whether the reset gate is applied after the recurrent product or before it.
    update_gate : {"previous", "candidate"}, default "previous"
        Factor of the update gate z: the previous state or the candidate.
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
    clip : float, optional
        Limit of the pre-activations: an activation is applied to min(clip, max(-clip, a)). No limit by default.
    recurrent_mask : array_like, shape (B, H), optional
        Factor of h_prev in the product with U, not in z * h_prev (recurrent dropout).

    Returns
    -------
    GRUOutput
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

    The defaults are those of Keras, PyTorch and cuDNN; ONNX resets before the product. PyTorch stores the gates in the
    order r, z, n. `weights_from_pytorch` converts them.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple sets
    constants: ``("hard_sigmoid", alpha, beta)`` is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ``("elu",
    alpha)`` is alpha * (exp(a) - 1) for a < 0, 1 by default; ``("leaky_relu", alpha)`` is alpha * a for a < 0, 0.2 by
    default.

    References
    ----------
    Cho et al. 2014, arXiv:1406.1078v1 (reset after the product; version 3 of the paper resets before it). Update with
    z * n: Chung et al. 2014, arXiv:1412.3555.

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

    For every step ::

        z = sigmoid(x Wz + h_prev Uz + bz + b'z)           update gate
        r = sigmoid(x Wr + h_prev Ur + br + b'r)           reset gate
        n = tanh(x Wn + bn + r * (h_prev Un + b'n))        candidate, reset_after=True
        n = tanh(x Wn + bn + b'n + (r * h_prev) Un)        candidate, reset_after=False
        h = z * h_prev + (1 - z) * n                       update_gate="previous"
        h = (1 - z) * h_prev + z * n                       update_gate="candidate"

    Parameters
    ----------
    x : array_like, shape (T, B, I)
        Inputs; (B, T, I) with `batch_first`. Any strides; no copy if the last axis is contiguous.
    W, U : array_like, shapes (I, 3*H) and (H, 3*H)
        Input weights and recurrent weights; columns z, r, n.
    b : array_like, shape (3*H,) or (2, 3*H), optional
        Bias. Row 0, b, is added to x W; row 1, b', to h_prev U. Zeros by default.
    h0 : array_like, shape (B, H), optional
        Initial hidden state. Zeros by default.
    reset_after : bool, default True
        Whether the reset gate is applied after the recurrent product or before it.
    update_gate : {"previous", "candidate"}, default "previous"
        Factor of the update gate z: the previous state or the candidate.
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
    clip : float, optional
        Limit of the pre-activations: an activation is applied to min(clip, max(-clip, a)). No limit by default.
    recurrent_mask : array_like, shape (B, H), optional
        Factor of h_prev in the product with U, not in z * h_prev (recurrent dropout).
    checkpoint : int, optional
        Interval k: the tape keeps only the states before every k-th processed step, and not y. The backward function
        recomputes k steps at a time, with bitwise equal results. By default the tape keeps every step.

    Returns
    -------
    out : GRUOutput
        ``y`` (T, B, H), the hidden state after every step, and ``h`` (B, H), the final hidden state: that after the
        last processed valid step. The same bits as those of `gru`.
    tape : GRUTape
        For `gru_backward`. It keeps references to x, W, U and y; do not modify them in between.

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

    The defaults are those of Keras, PyTorch and cuDNN; ONNX resets before the product. PyTorch stores the gates in the
    order r, z, n. `weights_from_pytorch` converts them.

    The activations are tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu and leaky_relu. A tuple sets
    constants: ``("hard_sigmoid", alpha, beta)`` is min(1, max(0, alpha * a + beta)), 1/6 and 0.5 by default; ``("elu",
    alpha)`` is alpha * (exp(a) - 1) for a < 0, 1 by default; ``("leaky_relu", alpha)`` is alpha * a for a < 0, 0.2 by
    default.

    References
    ----------
    Cho et al. 2014, arXiv:1406.1078v1 (reset after the product; version 3 of the paper resets before it). Update with
    z * n: Chung et al. 2014, arXiv:1412.3555.

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
    """Compute the gradients of `gru_forward` by back-propagation through time.

    With dh including dy of the step, for reset_after=True and update_gate="previous" ::

        dz = dh * (h_prev - n),    dn = dh * (1 - z)
        da_n = dn * (1 - n^2)
        dr = da_n * (h_prev Un + b'n)
        da = [dz * z * (1 - z),  dr * r * (1 - r),  da_n]          gradient of x W + b
        dq = [dz * z * (1 - z),  dr * r * (1 - r),  da_n * r]      gradient of h_prev U + b'
        dx = da W^T
        dh_prev = dh * z + dq U^T
        dW += x^T da,    dU += h_prev^T dq,    db += da,    db' += dq

    The other forms are analogous. For another activation, its derivative replaces 1 - n^2 or z * (1 - z). With `clip`,
    da is 0 where the limit is active. With `recurrent_mask` m, m * h_prev replaces h_prev in dU, and dq U^T is
    multiplied by m.

    Parameters
    ----------
    tape : GRUTape
        Tape of `gru_forward`. It is not changed and can be used again.
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
    GRUGrads
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
    >>> x, W, U, b = (rng.normal(size=s) for s in [(5, 2, 3), (3, 12), (4, 12), (12,)])
    >>> out, tape = F.gru_forward(x, W, U, b)
    >>> grads = F.gru_backward(tape, dy=np.ones_like(out.y))
    >>> grads.dW.shape, grads.dU.shape, grads.db.shape
    ((3, 12), (4, 12), (12,))
    """
    d = _recurrent.backward("gru_backward", GRUTape, tape, dy, dh, None, need_dx, into)
    return GRUGrads(d.dx, d.dW, d.dU, d.db, d.dh0)
