"""Sequences to sequences: an encoder-decoder learns to copy, or to reverse, what it reads, and is decoded step by step.

python examples/copy_task.py [--kind lstm|transformer] [--reverse] [--epochs 20] [--seed 0]

The sequences are of 1 to 5 letters of 8, drawn at random, with padding behind them. The decoder is trained on what it
should have written so far, and then writes by itself: greedily, and with a beam. The LSTM begins from the state that
the encoder ends in; the transformer looks at what the encoder gives at every step.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse.decoding import beam_search, greedy_search, recurrent_step, transformer_step
from seqfuse.layers import (
    LSTM,
    Add,
    Dense,
    Embedding,
    Input,
    SinePositionEncoding,
    TransformerDecoder,
    TransformerEncoder,
)
from seqfuse.losses import SparseCategoricalCrossentropy
from seqfuse.models import Model
from seqfuse.optimizers import Adam
from seqfuse.optimizers.schedules import CosineDecay
from seqfuse.utils import set_random_seed

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse.decoding import Step

PADDING, START, END, LETTERS, LONGEST = 0, 1, 2, 8, 5
TOKENS = 3 + LETTERS


class Copier(NamedTuple):
    """What is trained, and how it writes."""

    model: Any  # [what is read, what has been written so far] -> logits of the next token, at every step
    step: Step
    start: Callable[[Any], Any]  # the state of the decoder before the first step, from what is read


def drawn(rows: int, rng: np.random.Generator, reverse: bool) -> tuple[Any, Any, Any]:
    """What is read, what is fed to the decoder, and what it should give; padded to the longest."""
    lengths = rng.integers(1, LONGEST + 1, rows)[:, None]
    steps = np.arange(LONGEST + 1)
    source = np.where(steps < lengths, rng.integers(3, TOKENS, (rows, LONGEST + 1)), PADDING)
    at = np.where(steps < lengths, lengths - 1 - steps if reverse else steps, steps)
    copied = np.take_along_axis(source, at, 1)
    wanted = np.where(steps == lengths, END, copied)
    fed = np.concatenate([np.full((rows, 1), START), copied[:, :-1]], 1)
    return source[:, :LONGEST], fed, wanted


def lstm(units: int = 64) -> Copier:
    """The states of the encoder's last step are those that the decoder begins with."""
    source, fed = Input((None,)), Input((None,))
    reads, writes = Embedding(TOKENS, 16, mask_zero=True), Embedding(TOKENS, 16)
    encoder, decoder = LSTM(units, return_state=True), LSTM(units, return_sequences=True, return_state=True)
    readout = Dense(TOKENS)
    _, h, c = encoder(reads(source))
    y, *_ = decoder(writes(fed), initial_state=[h, c])
    before = [Input((units,)), Input((units,))]  # the same layers, a step at a time
    one, *after = decoder(writes(fed), initial_state=before)
    step = recurrent_step(Model([fed, *before], [readout(one), *after]))
    encode = Model(source, [h, c])
    return Copier(Model([source, fed], readout(y)), step, lambda read: list(encode(read)))


def transformer(features: int = 32) -> Copier:
    """Every step of the decoder attends to those before it, and to all steps of the encoder."""
    source, fed = Input((None,)), Input((None,))
    reads, writes = Embedding(TOKENS, features, mask_zero=True), Embedding(TOKENS, features)
    positions, readout = SinePositionEncoding(), Dense(TOKENS)
    encoder, decoder = (kind(64, 2, normalize_first=True) for kind in (TransformerEncoder, TransformerDecoder))
    x, y = reads(source), writes(fed)
    encoded = encoder(Add()([x, positions(x)]))
    model = Model([source, fed], readout(decoder(Add()([y, positions(y)]), encoded)))
    encode = Model(source, encoded)

    def embed(tokens: Any, first: int) -> Any:
        x = writes(tokens)
        return x + positions(x, start_index=first)

    step = transformer_step(embed, [decoder], readout)
    return Copier(model, step, lambda read: [decoder.start(encode(read), read != PADDING)])


KINDS = {"lstm": lstm, "transformer": transformer}


def train(kind: str, epochs: int, reverse: bool = False, rows: int = 4096) -> Copier:
    """A model of this kind, trained."""
    copier = KINDS[kind]()
    source, fed, wanted = drawn(rows, np.random.default_rng(0), reverse)
    rate = CosineDecay(1e-2, epochs * (rows // 64))
    copier.model.compile(Adam(rate), SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING))
    copier.model.fit([source, fed], wanted, batch_size=64, epochs=epochs, verbose=0)
    return copier


def exact(copier: Copier, rows: int, reverse: bool = False, beams: int = 3) -> dict[str, float]:
    """The share of new sequences that are written without a fault, greedily and with a beam."""
    source, _, wanted = drawn(rows, np.random.default_rng(1), reverse)
    start, how = np.full(rows, START), {"end": END, "max_length": LONGEST + 1}
    greedy = greedy_search(copier.step, copier.start(source), start, **how).tokens
    beam = beam_search(copier.step, copier.start(source), start, beams=beams, **how).tokens[:, 0]
    ended = np.where(wanted == PADDING, END, wanted)
    return {
        name: float(np.mean([np.array_equal(one, row[: len(one)]) for one, row in zip(found, ended)]))
        for name, found in (("greedy", greedy), ("beam", beam))
    }


def main() -> None:
    """Train, decode, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=KINDS, default="transformer")
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    set_random_seed(given.seed)
    found = exact(train(given.kind, given.epochs, given.reverse), 500, given.reverse)
    print(", ".join(f"{name} search: {share:.1%} exact" for name, share in found.items()))


if __name__ == "__main__":
    main()
