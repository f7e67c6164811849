"""The character model: forward and backward side by side, as the equations of a paper.

    e_t = E[x_t]                              an embedding
    h_t, c_t = lstm(drop(e_t), h_(t-1), c_(t-1))
    p(x_(t+1) | x_1 ... x_t) = softmax(drop(h_t) V + c)
    loss = the mean of -log p(x_(t+1) | ...)

Every line of `forward` returns a tape and `backward` reads them last to first: back-propagation through time, in full.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from seqfuse import functional as F
from seqfuse.demo.parameters import Array, Parameters
from seqfuse.demo.text import Ids

State = tuple[Array, Array] | tuple[None, None]
START: State = (None, None)  # zeros


class Tape(NamedTuple):
    """What `backward` needs of each line of `forward`."""

    embedding: Any
    drop_in: Any
    lstm: Any
    drop_out: Any
    dense: Any
    loss: Any


def forward(
    p: Parameters, x: Ids, target: Ids, state: State = START, *, rate: float = 0.0, seed: int = 0
) -> tuple[float, State, Tape]:
    """The loss in nats per character of x, target (T, B), the state (h, c) after x, and the tape."""
    e, embedding = F.embedding_forward(x, p.E)
    e, drop_in = F.dropout_forward(e, rate, seed=2 * seed)
    (y, h, c), lstm = F.lstm_forward(e, p.W, p.U, p.b, *state)
    y, drop_out = F.dropout_forward(y, rate, seed=2 * seed + 1)
    logits, dense = F.dense_forward(y, p.V, p.c)
    loss, cross_entropy = F.softmax_cross_entropy_forward(logits, target)
    return loss, (h, c), Tape(embedding, drop_in, lstm, drop_out, dense, cross_entropy)


def backward(tape: Tape, g: Parameters) -> None:
    """Add the gradient of the loss to `g`. The state before the chunk is taken as given: truncated after T steps."""
    dlogits = F.softmax_cross_entropy_backward(tape.loss)
    dy = F.dense_backward(tape.dense, dlogits, into=(g.V, g.c)).dx
    dy = F.dropout_backward(tape.drop_out, dy)
    de = F.lstm_backward(tape.lstm, dy, into=(g.W, g.U, g.b)).dx
    de = F.dropout_backward(tape.drop_in, de)
    F.embedding_backward(tape.embedding, de, into=g.E)


def evaluate(p: Parameters, x: Ids, target: Ids, state: State = START) -> tuple[float, State]:
    """`forward` without dropout and without tapes: the loss and the state after x."""
    y, h, c = F.lstm(F.embedding(x, p.E), p.W, p.U, p.b, *state)
    return F.softmax_cross_entropy(F.dense(y, p.V, p.c), target), (h, c)
