"""The demo's character model in seqfuse and in PyTorch, side by side, an epoch of each in turn.

python bench/char_model.py [--epochs 10] [--threads N] [--seed 0] [--quick]
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import torch

import seqfuse as sf
from seqfuse.demo.model import build_model
from seqfuse.demo.text import corpus, split
from seqfuse.demo.train import Epoch, train

sys.path.insert(0, str(Path(__file__).parent))
import char_model_pytorch as peer


def main() -> None:
    """Train both, and print a line an epoch and the ratio of their times."""
    settings, threads = peer.arguments("The demo's character model, seqfuse and PyTorch side by side.")
    torch.set_num_threads(threads)
    text = split(corpus())
    print(f"seqfuse {sf.__version__}, PyTorch {torch.__version__}, {threads} threads: held-out bits, seconds")
    print("epoch        seqfuse           PyTorch     ratio")
    peers = peer.train(text, settings)
    both: list[tuple[Epoch, Epoch]] = []

    def report(ours: Epoch) -> None:
        theirs = next(peers)
        both.append((ours, theirs))
        print(
            f"{ours.number:5d}  {ours.test_bits:6.3f} {ours.seconds:6.1f} s   {theirs.test_bits:6.3f} "
            f"{theirs.seconds:6.1f} s   {ours.seconds / theirs.seconds:6.2f}",
            flush=True,
        )

    with sf.num_threads(threads):
        train(build_model(text, settings), text, settings, report)
    ours_total, theirs_total = (sum(epoch.seconds for epoch in epochs) for epochs in zip(*both, strict=True))
    median = statistics.median(ours.seconds / theirs.seconds for ours, theirs in both)
    print(
        f"total         {ours_total:6.1f} s          {theirs_total:6.1f} s   {ours_total / theirs_total:6.2f}"
        f"   (median of epochs {median:.2f}; below 1: seqfuse is faster)"
    )


if __name__ == "__main__":
    main()
