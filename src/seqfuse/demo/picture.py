"""Learning curve of the demo, drawn if matplotlib is installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from seqfuse.demo.ngrams import Floats
from seqfuse.demo.train import Epoch

LABEL_HEIGHT = 0.032  # of a line of small text, relative to the height of the axes


def can_draw() -> bool:
    """Return whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(path: Path, epochs: Sequence[Epoch], ngrams: Floats) -> None:
    """Save a picture of bits per character over training time, with a horizontal line per n-gram model.

    Parameters
    ----------
    path : Path
        Where to save the picture.
    epochs : sequence of Epoch
        Results of training, at least one.
    ngrams : ndarray of float64, shape (n,)
        Bits per character of the 1-gram to n-gram models on the test text.
    """
    figure_module: Any = importlib.import_module("matplotlib.figure")
    figure = figure_module.Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    seconds = list(accumulate(epoch.seconds for epoch in epochs))
    axes.plot(seconds, [epoch.test_bits for epoch in epochs], "o-", color="C0", label="LSTM, test text")
    axes.plot(
        seconds, [epoch.train_bits for epoch in epochs], ".--", color="C0", alpha=0.5, label="LSTM, training text"
    )
    for n, bits in enumerate(ngrams, 1):
        axes.axhline(bits, color="0.55", linewidth=0.8, label="n-gram models, test text" if n == 1 else None)
    axes.autoscale_view(scalex=False)  # otherwise `axhline` puts a line at the very edge of the axes
    low, high = axes.get_ylim()
    for n, (bits, height) in enumerate(zip(ngrams, spread(ngrams, LABEL_HEIGHT * (high - low))), 1):
        axes.annotate(
            f"{n}-gram",
            (1.0, bits),
            (1.02, height),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            fontsize=8,
            color="0.35",
            va="center",
            arrowprops={"arrowstyle": "-", "color": "0.55", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
        )
    axes.set_xlim(left=0)
    axes.set_xlabel("training time (s)")
    axes.set_ylabel("bits per character (lower is better)")
    axes.set_title("LSTM character model of CPython's documentation")
    axes.legend(loc="upper right", bbox_to_anchor=(0.98, 0.92), framealpha=1)
    figure.savefig(path, dpi=150)


def spread(values: Floats, gap: float) -> Floats:
    """Return positions close to `values`, in the same order, that are at least `gap` apart, so labels do not overlap.

    Examples
    --------
    >>> import numpy as np
    >>> spread(np.array([1.0, 3.0, 1.2]), gap=0.4)
    array([0.9, 3. , 1.3])
    """
    order = np.argsort(values)
    blocks: list[list[float]] = []  # sum and number of shifted values: merged until their means increase
    for rank, value in enumerate(values[order]):
        blocks.append([value - rank * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + count]
    means = np.concatenate([np.full(int(count), total / count) for total, count in blocks])
    positions: Floats = np.empty(len(values))
    positions[order] = means + gap * np.arange(len(values))
    return positions
