"""Named tuples that the functions of `seqfuse.functional` and `seqfuse.reference` return.

Outputs come before final states. Gradients are in the order of the forward function's inputs. With `batch_first=True`
the first two axes of `y` and `dx` are exchanged. A field that may be None is typed `Array | Any`, so that users whose
calls always set it need no check for None.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


class RNNOutput(NamedTuple):
    """Outputs of `rnn`."""

    y: Array | Any  # (T, B, H), h after every step, 0 at padding; None if return_sequences is False
    h: Array  # (B, H), after the last valid step


class GRUOutput(NamedTuple):
    """Outputs of `gru`."""

    y: Array | Any  # (T, B, H), h after every step, 0 at padding; None if return_sequences is False
    h: Array  # (B, H), after the last valid step


class LSTMOutput(NamedTuple):
    """Outputs of `lstm`."""

    y: Array | Any  # (T, B, H), h after every step, 0 at padding; None if return_sequences is False
    h: Array  # (B, H), after the last valid step
    c: Array  # (B, H), after the last valid step


class IndRNNOutput(NamedTuple):
    """Outputs of `indrnn`."""

    y: Array | Any  # (T, B, H), h after every step, 0 at padding; None if return_sequences is False
    h: Array  # (B, H), after the last valid step


class MinGRUOutput(NamedTuple):
    """Outputs of `mingru`."""

    y: Array | Any  # (T, B, H), h after every step, 0 at padding; None if return_sequences is False
    h: Array  # (B, H), after the last valid step


class RNNGrads(NamedTuple):
    """Gradients of `rnn`."""

    dx: Array | Any  # (T, B, I); None if need_dx is False
    dW: Array  # (I, H)
    dU: Array  # (H, H)
    db: Array | Any  # the shape of b: (H,), (2, H) or None
    dh0: Array  # (B, H)


class GRUGrads(NamedTuple):
    """Gradients of `gru`."""

    dx: Array | Any  # (T, B, I); None if need_dx is False
    dW: Array  # (I, 3*H)
    dU: Array  # (H, 3*H)
    db: Array | Any  # the shape of b: (3*H,), (2, 3*H) or None
    dh0: Array  # (B, H)


class LSTMGrads(NamedTuple):
    """Gradients of `lstm`."""

    dx: Array | Any  # (T, B, I); None if need_dx is False
    dW: Array  # (I, 4*H)
    dU: Array  # (H, 4*H)
    db: Array | Any  # the shape of b: (4*H,), (2, 4*H) or None
    dh0: Array  # (B, H)
    dc0: Array  # (B, H)
    dpeephole: Array | Any = None  # (3, H); None if peephole was None


class IndRNNGrads(NamedTuple):
    """Gradients of `indrnn`."""

    dx: Array | Any  # (T, B, I); None if need_dx is False
    dW: Array  # (I, H)
    dU: Array  # (H,)
    db: Array | Any  # the shape of b: (H,), (2, H) or None
    dh0: Array  # (B, H)


class MinGRUGrads(NamedTuple):
    """Gradients of `mingru`."""

    dx: Array | Any  # (T, B, I); None if need_dx is False
    dW: Array  # (I, 2*H)
    db: Array | Any  # the shape of b: (2*H,), (2, 2*H) or None
    dh0: Array  # (B, H)


class DenseGrads(NamedTuple):
    """Gradients of `dense`."""

    dx: Array | Any  # (..., I); None if need_dx is False
    dW: Array  # (I, O)
    db: Array | Any  # (O,); None if b was None


class LayerNormGrads(NamedTuple):
    """Gradients of `layer_norm`."""

    dx: Array  # (..., D)
    dgamma: Array | Any  # (D,); None if gamma was None
    dbeta: Array | Any  # (D,); None if beta was None


class RMSNormGrads(NamedTuple):
    """Gradients of `rms_norm`."""

    dx: Array  # (..., D)
    dgamma: Array | Any  # (D,); None if gamma was None


class ReadoutGrads(NamedTuple):
    """Gradients of `readout`."""

    dh: Array  # (..., H)
    dx: Array | Any  # (..., I); None if need_dx is False or V was None
    dW: Array  # (H, O)
    dV: Array | Any  # (I, O); None if V was None
    dc: Array | Any  # (O,); None if c was None


class AttentionOutput(NamedTuple):
    """Outputs of `attention` with `return_lse=True`."""

    y: Array  # (B, Hq, Tq, Dv)
    lse: Array  # (B, Hq, Tq), log-sum-exp of each row's scores; -inf if all keys are masked


class AttentionGrads(NamedTuple):
    """Gradients of `attention`."""

    dq: Array  # (B, Hq, Tq, D)
    dk: Array  # (B, Hk, Tk, D)
    dv: Array  # (B, Hk, Tk, Dv)
    dmask: Array | Any  # the shape of mask; None if need_dmask is False


class MultiHeadAttentionGrads(NamedTuple):
    """Gradients of `multi_head_attention`."""

    dquery: Array | Any  # (B, Tq, E); includes key and value if they were None; None if need_dx is False
    dkey: Array | Any  # (B, Tk, Ek); includes value if it was None; None if need_dx is False or key was None
    dvalue: Array | Any  # (B, Tk, Ev); None if need_dx is False or value was None
    dWq: Array  # (E, Hq, D)
    dWk: Array  # (Ek, Hk, D)
    dWv: Array  # (Ev, Hk, Dv)
    dWo: Array  # (Hq, Dv, O)
    dbq: Array | Any  # (Hq, D); None if bq was None
    dbk: Array | Any  # (Hk, D); None if bk was None
    dbv: Array | Any  # (Hk, Dv); None if bv was None
    dbo: Array | Any  # (O,); None if bo was None
    dmask: Array | Any  # the shape of mask; None if need_dmask is False


class CTCHypothesis(NamedTuple):
    """One possible label sequence of a row, from `ctc_greedy_decode` or `ctc_beam_decode`."""

    labels: list[int]
    score: float  # log-probability: of the best path (greedy), or of the labels (beam search)
