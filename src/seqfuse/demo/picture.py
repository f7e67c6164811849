"""The learning curve, drawn where matplotlib is installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqfuse.demo.ngrams import Floats
from seqfuse.demo.train import Epoch


def can_draw() -> bool:
    """Whether matplotlib is there."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(path: Path, epochs: Sequence[Epoch], ngrams: Floats) -> None:
    """Save bits per character over seconds of training, with a line for each order of n-grams."""
    figure_module: Any = importlib.import_module("matplotlib.figure")
    figure = figure_module.Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    seconds, total = [], 0.0
    for epoch in epochs:
        total += epoch.seconds
        seconds.append(total)
    axes.plot(seconds, [epoch.held_bits for epoch in epochs], "o-", color="C0", label="LSTM, held-out text")
    axes.plot(
        seconds, [epoch.train_bits for epoch in epochs], ".--", color="C0", alpha=0.5, label="LSTM, while learning"
    )
    for order, bits in enumerate(ngrams):
        axes.axhline(bits, color="0.55", linewidth=0.8, label="n-grams, held-out text" if order == 0 else None)
        axes.annotate(
            f"order {order}",
            (1.0, bits),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=8,
            color="0.35",
            va="top" if order == len(ngrams) - 2 else "bottom",  # the last two lines are close: one label each side
        )
    axes.autoscale_view(scalex=False)  # `axhline` leaves a line at the very edge where it lies within the margin
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("bits per character")
    axes.set_title("A character model of CPython's documentation")
    axes.legend(loc="upper right", bbox_to_anchor=(0.98, 0.92))
    figure.savefig(path, dpi=150)
