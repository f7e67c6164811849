"""The demo's character model in PyTorch: same text, same first weights, same schedule, same evaluation.

python bench/char_model_pytorch.py [--epochs 10] [--threads N] [--seed 0] [--quick]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from seqfuse.demo.cli import FULL, QUICK
from seqfuse.demo.parameters import Parameters, Sizes, initial
from seqfuse.demo.text import Ids, Text, chunks, corpus, split
from seqfuse.demo.train import HELD_OUT_STREAMS, Epoch, Settings

State = tuple[Tensor, Tensor] | None


class CharacterModel(nn.Module):  # type: ignore[misc]  # PyTorch is not needed to check types
    """Embedding, dropout, LSTM, dropout, logits; PyTorch's second LSTM bias begins at 0 and is trained as well."""

    def __init__(self, sizes: Sizes, dropout: float, p: Parameters) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.embedding)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(sizes.embedding, sizes.hidden)
        self.dense = nn.Linear(sizes.hidden, sizes.vocabulary)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.from_numpy(p.E))
            self.lstm.weight_ih_l0.copy_(torch.from_numpy(p.W.T))
            self.lstm.weight_hh_l0.copy_(torch.from_numpy(p.U.T))
            self.lstm.bias_ih_l0.copy_(torch.from_numpy(p.b))
            self.lstm.bias_hh_l0.zero_()
            self.dense.weight.copy_(torch.from_numpy(p.V.T))
            self.dense.bias.copy_(torch.from_numpy(p.c))

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The logits of (T, B) characters, and the state after them."""
        y, state = self.lstm(self.dropout(self.embedding(x)), state)
        return self.dense(self.dropout(y)), state


def cross_entropy(logits: Tensor, target: Ids) -> Tensor:
    """The mean loss in nats per character."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(target).flatten())


def train(text: Text, settings: Settings) -> Iterator[Epoch]:
    """Train, giving an `Epoch` after each: the PyTorch twin of `seqfuse.demo.train.train`."""
    torch.manual_seed(settings.seed)
    sizes = settings.sizes(text)
    network = CharacterModel(sizes, settings.dropout, initial(sizes, settings.seed))
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate, eps=1e-7)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps(text) * settings.epochs)
    for epoch in range(settings.epochs):
        began = time.perf_counter()
        network.train()
        state: State = None
        nats, characters = 0.0, 0
        for x, target in chunks(text.train, settings.batch, settings.chunk):
            logits, state = network(torch.from_numpy(x), state)
            loss = cross_entropy(logits, target)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), settings.norm)
            optimizer.step()
            schedule.step()
            assert state is not None
            state = (state[0].detach(), state[1].detach())
            nats += loss.item() * x.size
            characters += x.size
        held = held_out_bits(network, text.held)
        yield Epoch(epoch + 1, nats / characters / math.log(2.0), held, characters, time.perf_counter() - began)


def held_out_bits(network: CharacterModel, ids: Ids, batch: int = HELD_OUT_STREAMS, length: int = 256) -> float:
    """Bits per character with the state carried over, as `seqfuse.demo.train.held_out_bits` counts them."""
    network.eval()
    state: State = None
    nats, characters = 0.0, 0
    with torch.no_grad():
        for x, target in chunks(ids, batch, length):
            logits, state = network(torch.from_numpy(x), state)
            nats += cross_entropy(logits, target).item() * x.size
            characters += x.size
    return nats / characters / math.log(2.0)


def arguments(description: str) -> tuple[Settings, int]:
    """The settings and the number of threads that the command line asks for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="the demo's quick settings")
    parser.add_argument("--epochs", type=int, metavar="N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    given = parser.parse_args()
    settings = (QUICK if given.quick else FULL)._replace(seed=given.seed)
    return (settings._replace(epochs=given.epochs) if given.epochs else settings), given.threads


def main() -> None:
    """Train, and print a line an epoch."""
    settings, threads = arguments("The demo's character model in PyTorch.")
    torch.set_num_threads(threads)
    print(f"PyTorch {torch.__version__}, {threads} threads")
    total = 0.0
    for epoch in train(split(corpus()), settings):
        total += epoch.seconds
        print(
            f"{epoch.number:3d}  learning {epoch.train_bits:.3f}  held-out {epoch.held_bits:.3f} bits  {total:6.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
