"""Train the demo's character model with seqfuse and with PyTorch, in alternating epochs, and compare the times.

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
import char_model_pytorch


def main() -> None:
    """Train both models, and print one line per epoch and the ratio of the times."""
    settings, threads = char_model_pytorch.parse_arguments("Train the demo's character model with seqfuse and PyTorch.")
    torch.set_num_threads(threads)
    text = split(corpus())
    print(f"seqfuse {sf.__version__}, PyTorch {torch.__version__}, {threads} threads")
    print("Bits per character on the test text, and seconds per epoch. Ratio: seqfuse's time divided by PyTorch's.\n")
    print("epoch        seqfuse           PyTorch     ratio")
    pytorch_epochs = char_model_pytorch.train(text, settings)
    pairs: list[tuple[Epoch, Epoch]] = []

    def report(ours: Epoch) -> None:
        theirs = next(pytorch_epochs)
        pairs.append((ours, theirs))
        print(
            f"{ours.number:5d}  {ours.test_bits:6.3f} {ours.seconds:6.1f} s   {theirs.test_bits:6.3f} "
            f"{theirs.seconds:6.1f} s   {ours.seconds / theirs.seconds:6.2f}",
            flush=True,
        )

    with sf.num_threads(threads):
        train(build_model(text, settings), text, settings, report)
    ours_total, theirs_total = (sum(epoch.seconds for epoch in epochs) for epochs in zip(*pairs, strict=True))
    median = statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)
    print(
        f"total         {ours_total:6.1f} s          {theirs_total:6.1f} s   {ours_total / theirs_total:6.2f}"
        f"   (median of epochs {median:.2f}; below 1: seqfuse is faster)"
    )


if __name__ == "__main__":
    main()
