"""Writing: the model's own text, one character at a time through `stream.step`."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from seqfuse import functional as F
from seqfuse.demo.text import Text
from seqfuse.models import Sequential

PROMPT = "\n\nThe "


class Written(NamedTuple):
    """A text, and the microseconds that each character took: all of it, and `stream.step` alone."""

    text: str
    microseconds: float
    step_microseconds: float


def write(
    model: Sequential, text: Text, length: int = 600, *, temperature: float = 0.7, seed: int = 0, prompt: str = PROMPT
) -> Written:
    """Let the model go on after `prompt` for `length` characters.

    A character is drawn with probability softmax(logits / temperature): the largest of logits / temperature + noise,
    where the noise is Gumbel's (Gumbel 1954), is such a draw.
    """
    E, W, U, b, V, c = model.get_weights()
    noise = np.random.default_rng(seed).gumbel(size=(length, len(text.vocabulary))).astype(E.dtype)
    stream = F.pack_lstm(W, U, b).stream(batch=1)
    known = text.encode(
        "".join(character for character in prompt if character in text.vocabulary) or text.vocabulary[0]
    )
    for i in known[:-1]:
        stream.step(E[i : i + 1])
    i = int(known[-1])
    written = np.empty(length, dtype=np.int64)
    h = np.empty((1, len(U)), E.dtype)
    in_step, began = 0.0, time.perf_counter()
    for n in range(length):
        before = time.perf_counter()
        stream.step(E[i : i + 1], out=h)
        in_step += time.perf_counter() - before
        logits = F.dense(h, V, c)[0]
        i = int((logits / temperature + noise[n]).argmax())
        written[n] = i
    seconds = time.perf_counter() - began
    return Written(text.decode(np.concatenate([known, written])), seconds / length * 1e6, in_step / length * 1e6)
