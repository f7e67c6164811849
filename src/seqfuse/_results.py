"""What the functions of `seqfuse.functional` and `seqfuse.reference` return: named tuples of arrays.

Outputs come before final states, gradients in the order of the forward's inputs. With `batch_first=True` the
first two axes of `y` and `dx` are exchanged. A field that some calls leave None is typed `Array | Any`, so that
the other calls need no test for None.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


class RNNOutput(NamedTuple):
    """Outputs of `rnn`."""

    y: Array | Any  # (T, B, H), h after every step, 0 at unreal ones; None without return_sequences
    h: Array  # (B, H), after the last real step


class GRUOutput(NamedTuple):
    """Outputs of `gru`."""

    y: Array | Any  # (T, B, H), h after every step, 0 at unreal ones; None without return_sequences
    h: Array  # (B, H), after the last real step


class LSTMOutput(NamedTuple):
    """Outputs of `lstm`."""

    y: Array | Any  # (T, B, H), h after every step, 0 at unreal ones; None without return_sequences
    h: Array  # (B, H), after the last real step
    c: Array  # (B, H), after the last real step


class IndRNNOutput(NamedTuple):
    """Outputs of `indrnn`."""

    y: Array | Any  # (T, B, H), h after every step, 0 at unreal ones; None without return_sequences
    h: Array  # (B, H), after the last real step


class MinGRUOutput(NamedTuple):
    """Outputs of `mingru`."""

    y: Array | Any  # (T, B, H), h after every step, 0 at unreal ones; None without return_sequences
    h: Array  # (B, H), after the last real step


class RNNGrads(NamedTuple):
    """Gradients of `rnn`."""

    dx: Array | Any  # (T, B, I); None without need_dx
    dW: Array  # (I, H)
    dU: Array  # (H, H)
    db: Array | Any  # as b: (H,), (2, H) or None
    dh0: Array  # (B, H)


class GRUGrads(NamedTuple):
    """Gradients of `gru`."""

    dx: Array | Any  # (T, B, I); None without need_dx
    dW: Array  # (I, 3*H)
    dU: Array  # (H, 3*H)
    db: Array | Any  # as b: (3*H,), (2, 3*H) or None
    dh0: Array  # (B, H)


class LSTMGrads(NamedTuple):
    """Gradients of `lstm`."""

    dx: Array | Any  # (T, B, I); None without need_dx
    dW: Array  # (I, 4*H)
    dU: Array  # (H, 4*H)
    db: Array | Any  # as b: (4*H,), (2, 4*H) or None
    dh0: Array  # (B, H)
    dc0: Array  # (B, H)
    dpeephole: Array | Any = None  # (3, H); None where peephole was None


class IndRNNGrads(NamedTuple):
    """Gradients of `indrnn`."""

    dx: Array | Any  # (T, B, I); None without need_dx
    dW: Array  # (I, H)
    dU: Array  # (H,)
    db: Array | Any  # as b: (H,), (2, H) or None
    dh0: Array  # (B, H)


class MinGRUGrads(NamedTuple):
    """Gradients of `mingru`."""

    dx: Array | Any  # (T, B, I); None without need_dx
    dW: Array  # (I, 2*H)
    db: Array | Any  # as b: (2*H,), (2, 2*H) or None
    dh0: Array  # (B, H)


class DenseGrads(NamedTuple):
    """Gradients of `dense`."""

    dx: Array | Any  # (..., I); None without need_dx
    dW: Array  # (I, O)
    db: Array | Any  # (O,); None where b was None


class LayerNormGrads(NamedTuple):
    """Gradients of `layer_norm`."""

    dx: Array  # (..., D)
    dgamma: Array | Any  # (D,); None where gamma was None
    dbeta: Array | Any  # (D,); None where beta was None


class RMSNormGrads(NamedTuple):
    """Gradients of `rms_norm`."""

    dx: Array  # (..., D)
    dgamma: Array | Any  # (D,); None where gamma was None


class ReadoutGrads(NamedTuple):
    """Gradients of `readout`."""

    dh: Array  # (..., H)
    dx: Array | Any  # (..., I); None without need_dx, and where V was None
    dW: Array  # (H, O)
    dV: Array | Any  # (I, O); None where V was None
    dc: Array | Any  # (O,); None where c was None


class AttentionOutput(NamedTuple):
    """Outputs of `attention` with return_lse."""

    y: Array  # (B, Hq, Tq, Dv)
    lse: Array  # (B, Hq, Tq), log of the sum of exp of a row's scores; -inf where there is nothing to attend to


class AttentionGrads(NamedTuple):
    """Gradients of `attention`."""

    dq: Array  # (B, Hq, Tq, D)
    dk: Array  # (B, Hk, Tk, D)
    dv: Array  # (B, Hk, Tk, Dv)
    dmask: Array | Any  # as mask was given; None without need_dmask


class MultiHeadAttentionGrads(NamedTuple):
    """Gradients of `multi_head_attention`."""

    dquery: Array | Any  # (B, Tq, E), of all that query was read as; None without need_dx
    dkey: (
        Array | Any
    )  # (B, Tk, Ek), of value too where that was not given; None without need_dx, and where key was None
    dvalue: Array | Any  # (B, Tk, Ev); None without need_dx, and where value was None
    dWq: Array  # (E, Hq, D)
    dWk: Array  # (Ek, Hk, D)
    dWv: Array  # (Ev, Hk, Dv)
    dWo: Array  # (Hq, Dv, O)
    dbq: Array | Any  # (Hq, D); None where bq was None
    dbk: Array | Any  # (Hk, D); None where bk was None
    dbv: Array | Any  # (Hk, Dv); None where bv was None
    dbo: Array | Any  # (O,); None where bo was None
    dmask: Array | Any  # as mask was given; None without need_dmask


class CTCHypothesis(NamedTuple):
    """What a row of `ctc_greedy_decode` or `ctc_beam_decode` may spell."""

    labels: list[int]
    score: float  # the log of a probability: of one path if greedy, of the labels if by a beam
