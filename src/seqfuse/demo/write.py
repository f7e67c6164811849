"""Sample text from the demo's model, one character at a time, with `stream.step`."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from seqfuse import functional as F
from seqfuse.demo.text import Text
from seqfuse.models import Sequential

PROMPT = "\n\nThe "


class Sample(NamedTuple):
    """Sampled text and the time that sampling took.

    Attributes
    ----------
    text : str
        Prompt and sampled characters.
    microseconds : float
        Time per sampled character.
    step_microseconds : float
        The part of this time that `stream.step` took, which runs one time step of the LSTM.
    """

    text: str
    microseconds: float
    step_microseconds: float


def write(
    model: Sequential, text: Text, length: int = 600, *, temperature: float = 0.7, seed: int = 0, prompt: str = PROMPT
) -> Sample:
    """Sample `length` characters from the model after a prompt.

    Each character is drawn from ``softmax(logits / temperature)`` with the Gumbel-max trick: the argmax of
    ``logits / temperature`` plus Gumbel noise has this distribution (Gumbel 1954). Characters of the prompt that are
    not in the vocabulary are dropped.
    """
    E, W, U, b, V, c = model.get_weights()
    noise = np.random.default_rng(seed).gumbel(size=(length, len(text.vocabulary))).astype(E.dtype)
    stream = F.pack_lstm(W, U, b).stream(batch=1)
    prompt_ids = text.encode(
        "".join(character for character in prompt if character in text.vocabulary) or text.vocabulary[0]
    )
    for i in prompt_ids[:-1]:
        stream.step(E[i : i + 1])
    i = int(prompt_ids[-1])
    sampled = np.empty(length, dtype=np.int64)
    h = np.empty((1, len(U)), E.dtype)
    step_seconds, began = 0.0, time.perf_counter()
    for n in range(length):
        step_began = time.perf_counter()
        stream.step(E[i : i + 1], out=h)
        step_seconds += time.perf_counter() - step_began
        logits = F.dense(h, V, c)[0]
        i = int((logits / temperature + noise[n]).argmax())
        sampled[n] = i
    seconds = time.perf_counter() - began
    return Sample(
        text.decode(np.concatenate([prompt_ids, sampled])), seconds / length * 1e6, step_seconds / length * 1e6
    )
