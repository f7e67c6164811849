"""Train the demo's character model with PyTorch: same text, initial weights, schedule and evaluation.

python bench/char_model_pytorch.py [--epochs 10] [--threads N] [--seed 0] [--quick]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqfuse.demo.cli import FULL, QUICK
from seqfuse.demo.model import Settings, build_model
from seqfuse.demo.text import Ids, Text, corpus, split, streams
from seqfuse.demo.train import TEST_STREAMS, Epoch

State = tuple[Tensor, Tensor] | None


class CharacterModel(nn.Module):  # type: ignore[misc]  # types are checked without PyTorch
    """Embedding, dropout, LSTM, dropout, dense layer. PyTorch's second LSTM bias starts at 0 and is trained too."""

    def __init__(self, settings: Settings, weights: Sequence[Any]) -> None:
        super().__init__()
        E, W, U, b, V, c = (torch.from_numpy(weight) for weight in weights)
        self.embedding = nn.Embedding(*E.shape)
        self.dropout = nn.Dropout(settings.dropout)
        self.lstm = nn.LSTM(settings.embedding, settings.hidden)
        self.dense = nn.Linear(*V.shape)
        with torch.no_grad():
            self.embedding.weight.copy_(E)
            self.lstm.weight_ih_l0.copy_(W.T)
            self.lstm.weight_hh_l0.copy_(U.T)
            self.lstm.bias_ih_l0.copy_(b)
            self.lstm.bias_hh_l0.zero_()
            self.dense.weight.copy_(V.T)
            self.dense.bias.copy_(c)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the logits of (T, B) characters and the final state."""
        y, state = self.lstm(self.dropout(self.embedding(x)), state)
        return self.dense(self.dropout(y)), state


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean loss in nats per character."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())


def chunks(ids: Ids, batch: int, length: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs and targets (T, batch), T <= length, in order. Each chunk continues the streams of the last."""
    inputs, targets = (torch.from_numpy(part.T.copy()) for part in streams(ids, batch))
    yield from zip(inputs.split(length), targets.split(length), strict=True)


def train(text: Text, settings: Settings) -> Iterator[Epoch]:
    """Train like `seqfuse.demo.train.train`, and yield an `Epoch` after each epoch."""
    torch.manual_seed(settings.seed)
    network = CharacterModel(settings, build_model(text, settings).get_weights())
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate, eps=1e-7)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.updates(text))
    for epoch in range(settings.epochs):
        began = time.perf_counter()
        network.train()
        state: State = None
        nats, characters = 0.0, 0
        for x, target in chunks(text.train, settings.batch, settings.chunk):
            logits, state = network(x, state)
            loss = cross_entropy(logits, target)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), settings.clipnorm)
            optimizer.step()
            schedule.step()
            assert state is not None
            state = (state[0].detach(), state[1].detach())
            nats += loss.item() * x.numel()
            characters += x.numel()
        test_bits = evaluate(network, text.test)
        yield Epoch(epoch + 1, nats / characters / math.log(2.0), test_bits, characters, time.perf_counter() - began)


def evaluate(network: CharacterModel, ids: Ids, batch: int = TEST_STREAMS, length: int = 256) -> float:
    """Return bits per character over the streams that `seqfuse.demo.train.train` evaluates."""
    network.eval()
    state: State = None
    nats, characters = 0.0, 0
    with torch.no_grad():
        for x, target in chunks(ids, batch, length):
            logits, state = network(x, state)
            nats += cross_entropy(logits, target).item() * x.numel()
            characters += x.numel()
    return nats / characters / math.log(2.0)


def parse_arguments(description: str) -> tuple[Settings, int]:
    """Parse the command line; return the settings and the number of threads."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="use the settings of demo --quick")
    parser.add_argument("--epochs", type=int, metavar="N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    given = parser.parse_args()
    settings = (QUICK if given.quick else FULL)._replace(seed=given.seed)
    return (settings._replace(epochs=given.epochs) if given.epochs else settings), given.threads


def main() -> None:
    """Train, and print one line per epoch."""
    settings, threads = parse_arguments("Train the demo's character model with PyTorch.")
    torch.set_num_threads(threads)
    print(f"PyTorch {torch.__version__}, {threads} threads")
    total = 0.0
    for epoch in train(split(corpus()), settings):
        total += epoch.seconds
        bits = f"{epoch.train_bits:.3f} bits (training), {epoch.test_bits:.3f} bits (test)"
        print(f"epoch {epoch.number:3d}: {bits}, {total:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
