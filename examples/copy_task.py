"""Train an encoder-decoder to copy or reverse a sequence, and decode it with greedy and beam search.

    python examples/copy_task.py [--kind lstm|transformer] [--reverse] [--epochs 20] [--seed 0]

The sequences are 1 to 5 random letters out of 8, padded to equal length. In training the decoder receives the correct
letters so far (teacher forcing) and predicts the next one. After training it generates sequences by itself, from its
own letters. The decoder of the LSTM starts from the encoder's final states. The decoder of the transformer attends to
the encoder's output at every step.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse.callbacks import LambdaCallback
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

PADDING, START, END = 0, 1, 2
LETTERS = "abcdefgh"  # tokens 3, 4, ...
TOKENS = 3 + len(LETTERS)
MAX_LETTERS = 5
TRAINING_SEQUENCES, BATCH = 4096, 64
TEST_SEQUENCES = 500
SHOWN = 8  # test sequences that are printed


class Copier(NamedTuple):
    """An encoder-decoder.

    Attributes
    ----------
    model : Model
        For training: maps [source (B, T), decoder input (B, T)] to logits (B, T, TOKENS) of the next letter.
    step : Step
        For decoding: one step of the decoder, as `seqfuse.decoding` defines it.
    start : callable
        For decoding: maps a source (B, T) to the initial state of the decoder.
    """

    model: Any
    step: Step
    start: Callable[[Any], Any]


def make_sequences(rows: int, rng: np.random.Generator, reverse: bool) -> tuple[Any, Any, Any]:
    """Return random sources (rows, 5), and decoder inputs and targets (rows, 6), padded with PADDING.

    The target is the copy, or the reversed copy, followed by END. The decoder input is START followed by the copy.
    """
    lengths = rng.integers(1, MAX_LETTERS + 1, rows)[:, None]
    steps = np.arange(MAX_LETTERS + 1)
    source = np.where(steps < lengths, rng.integers(3, TOKENS, (rows, MAX_LETTERS + 1)), PADDING)
    order = np.where(steps < lengths, lengths - 1 - steps if reverse else steps, steps)
    copied = np.take_along_axis(source, order, 1)
    target = np.where(steps == lengths, END, copied)
    decoder_input = np.concatenate([np.full((rows, 1), START), copied[:, :-1]], 1)
    return source[:, :MAX_LETTERS], decoder_input, target


def build_lstm(units: int = 64) -> Copier:
    """Build an LSTM encoder and an LSTM decoder that starts from the encoder's final states."""
    source, decoder_input = Input((None,)), Input((None,))
    embed_source, embed_target = Embedding(TOKENS, 16, mask_zero=True), Embedding(TOKENS, 16)
    encoder, decoder = LSTM(units, return_state=True), LSTM(units, return_sequences=True, return_state=True)
    readout = Dense(TOKENS)
    _, h, c = encoder(embed_source(source))
    y, *_ = decoder(embed_target(decoder_input), initial_state=[h, c])
    # For decoding: the same layers, from given states to new states.
    states = [Input((units,)), Input((units,))]
    y_step, *new_states = decoder(embed_target(decoder_input), initial_state=states)
    step = recurrent_step(Model([decoder_input, *states], [readout(y_step), *new_states]))
    encode = Model(source, [h, c])
    return Copier(Model([source, decoder_input], readout(y)), step, lambda source: list(encode(source)))


def build_transformer(features: int = 32) -> Copier:
    """Build one transformer encoder block and one decoder block that attends to the encoder's output."""
    source, decoder_input = Input((None,)), Input((None,))
    embed_source, embed_target = Embedding(TOKENS, features, mask_zero=True), Embedding(TOKENS, features)
    positions, readout = SinePositionEncoding(), Dense(TOKENS)
    encoder, decoder = (block(64, 2, normalize_first=True) for block in (TransformerEncoder, TransformerDecoder))
    x, y = embed_source(source), embed_target(decoder_input)
    encoded = encoder(Add()([x, positions(x)]))
    model = Model([source, decoder_input], readout(decoder(Add()([y, positions(y)]), encoded)))
    encode = Model(source, encoded)

    def embed(tokens: Any, position: int) -> Any:
        x = embed_target(tokens)
        return x + positions(x, start_index=position)

    step = transformer_step(embed, [decoder], readout)
    return Copier(model, step, lambda source: [decoder.start(encode(source), source != PADDING)])


KINDS = {"lstm": build_lstm, "transformer": build_transformer}


def train(
    kind: str, epochs: int, reverse: bool = False, rows: int = TRAINING_SEQUENCES, report: Any = lambda *_: None
) -> Copier:
    """Build and train a model of this kind. `report(epoch, loss)` is called after every epoch."""
    copier = KINDS[kind]()
    source, decoder_input, target = make_sequences(rows, np.random.default_rng(0), reverse)
    rate = CosineDecay(1e-2, epochs * (rows // BATCH))
    copier.model.compile(Adam(rate), SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING))
    progress = LambdaCallback(on_epoch_end=lambda epoch, logs: report(epoch + 1, logs["loss"]))
    copier.model.fit([source, decoder_input], target, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[progress])
    return copier


def decode(copier: Copier, source: Any, beams: int = 3) -> dict[str, Any]:
    """Return the tokens (B, L) that greedy search and beam search generate for each source."""
    start, options = np.full(len(source), START), {"end": END, "max_length": MAX_LETTERS + 1}
    return {
        "greedy": greedy_search(copier.step, copier.start(source), start, **options).tokens,
        "beam": beam_search(copier.step, copier.start(source), start, beams=beams, **options).tokens[:, 0],
    }


def exact_matches(found: dict[str, Any], target: Any) -> dict[str, float]:
    """Return, for each search, the fraction of sequences that are generated without a mistake."""
    ended = np.where(target == PADDING, END, target)  # a search fills up finished sequences with END
    return {
        name: float(np.mean([np.array_equal(row, right[: len(row)]) for row, right in zip(tokens, ended)]))
        for name, tokens in found.items()
    }


def letters(tokens: Any) -> str:
    """Return the letters of a row of tokens, without PADDING, START and END."""
    return "".join(LETTERS[token - 3] for token in tokens if token >= 3)


def main() -> None:
    """Train, decode test sequences, print some of them and the fraction of exact matches."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=KINDS, default="transformer", help="kind of model (transformer)")
    parser.add_argument("--reverse", action="store_true", help="reverse the sequences instead of copying them")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training sequences (20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the initial weights (0)")
    arguments = parser.parse_args()
    set_random_seed(arguments.seed)
    task = "reverse" if arguments.reverse else "copy"
    print(f"Task: {task} a sequence of 1 to {MAX_LETTERS} letters out of {LETTERS}.")
    print(f"Training the {arguments.kind} on {TRAINING_SEQUENCES:,} sequences:")

    def report(epoch: int, loss: float) -> None:
        print(f"  epoch {epoch:2}/{arguments.epochs}: loss {loss:.4f} nats per letter", flush=True)

    copier = train(arguments.kind, arguments.epochs, arguments.reverse, report=report)
    source, _, target = make_sequences(TEST_SEQUENCES, np.random.default_rng(1), arguments.reverse)
    found = decode(copier, source)
    print(f"\nThe first {SHOWN} of {TEST_SEQUENCES} new sequences:\n")
    print("".join(f"  {title:14}" for title in ("source", "target", "greedy search", "beam search")).rstrip())
    for row in range(SHOWN):
        cells = (source[row], target[row], found["greedy"][row], found["beam"][row])
        print("".join(f"  {letters(tokens):14}" for tokens in cells).rstrip())
    exact = exact_matches(found, target)
    print("\nExact matches: " + ", ".join(f"{name} search {fraction:.1%}" for name, fraction in exact.items()) + ".")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nInterrupted.")
        sys.exit(130)
