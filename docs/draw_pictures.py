"""Draw the pictures of the documentation: `python docs/draw_pictures.py` writes `docs/_static/*.svg`.

The chart takes its numbers from the tables in `docs/performance.md`, and `tests/test_docs.py` draws the pictures again
and compares. The colors follow the page's theme when the picture is part of a page, and the reader's preference for
light or dark when it stands alone, as in the README. Only the standard library is needed.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent

LIGHT = (
    "--bg:#ffffff; --fg:#1b1f24; --muted:#57606a; --line:#c6ccd4; --box:#eef3f9; --accent:#0a5ea8; --second:#b4460f;"
)
DARK = "--bg:#14181e; --fg:#e8edf2; --muted:#a7b1bc; --line:#4a5360; --box:#222b37; --accent:#6cb6ff; --second:#ffa066;"
STYLE = f"""
.sf {{ {LIGHT} font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; }}
@media (prefers-color-scheme: dark) {{ .sf {{ {DARK} }} }}
html[data-theme="light"] .sf {{ {LIGHT} }}
html[data-theme="dark"] .sf {{ {DARK} }}
.sf .bg {{ fill: var(--bg); }}
.sf text {{ fill: var(--fg); stroke: none; }}
.sf .muted {{ fill: var(--muted); font-size: 12px; }}
.sf .strong {{ font-weight: 600; }}
.sf .code {{ font-family: ui-monospace, "SFMono-Regular", "DejaVu Sans Mono", monospace; font-size: 12px; }}
.sf .grid {{ stroke: var(--line); stroke-width: 1; }}
.sf .one {{ stroke: var(--fg); stroke-width: 1.5; }}
.sf .box {{ fill: var(--box); stroke: var(--line); }}
.sf .a {{ fill: var(--accent); }}
.sf .b {{ fill: var(--second); }}
.sf .arrow {{ stroke: var(--accent); stroke-width: 1.8; fill: none; }}
.sf .back {{ stroke: var(--second); stroke-width: 1.8; fill: none; }}
.sf .tape {{ stroke: var(--muted); stroke-width: 1.5; stroke-dasharray: 5 4; fill: none; }}
.sf .tip-a {{ fill: var(--accent); }}
.sf .tip-b {{ fill: var(--second); }}
.sf .tip-m {{ fill: var(--muted); }}
"""


# ---- shapes ----------------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, title: str, *lines: str, code: bool = True) -> str:
    """Return a rounded box with a title and smaller lines, centered in it."""
    parts = [f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" class="box"/>']
    top = y + height / 2 - 8 * len(lines) + 4.5
    parts.append(text(x + width / 2, top, title, "strong code" if code else "strong", "middle"))
    parts += [text(x + width / 2, top + 17 * n, line, "muted", "middle") for n, line in enumerate(lines, 1)]
    return "\n".join(parts)


def arrow(x1: float, y1: float, x2: float, y2: float, style: str = "arrow") -> str:
    """Return a straight arrow from (x1, y1) to (x2, y2)."""
    length = math.hypot(x2 - x1, y2 - y1)
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    tip = {"arrow": "tip-a", "back": "tip-b", "tape": "tip-m"}[style]
    bx, by = x2 - 9 * dx, y2 - 9 * dy
    points = f"{x2:g},{y2:g} {bx - 4.5 * dy:.4g},{by + 4.5 * dx:.4g} {bx + 4.5 * dy:.4g},{by - 4.5 * dx:.4g}"
    line = f'<line x1="{x1:g}" y1="{y1:g}" x2="{bx:g}" y2="{by:g}" class="{style}"/>'
    return f'{line}<polygon points="{points}" class="{tip}"/>'


def picture(width: int, height: int, title: str, description: str, parts: list[str]) -> str:
    """Return a whole SVG file; screen readers get the title and the description."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sf" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n<style>{STYLE}</style>\n"
        f'<rect class="bg" width="{width}" height="{height}" rx="8"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


# ---- the chart of speed ----------------------------------------------------------------------------------------


class Row(NamedTuple):
    """One line of the chart: where its numbers are in docs/performance.md, and its label."""

    table: str
    work: str
    shape: str
    label: str
    peers: tuple[str, ...]  # columns of the table, in the order of `PEERS`


PEERS = ("PyTorch", "ONNX Runtime")
LARGE, STEP, PADDED = "(100, 32, 128, 256)", "(1, 1, 128, 128)", "(400, 8, 64, 64)"
GROUPS = [
    (
        "Batch of 32 sequences, 100 steps, 256 units",
        [
            Row("cells", f"{cell} {work}", LARGE, f"{name} {work.replace('+', ' + ')}", peers)
            for cell, name in (("lstm", "LSTM"), ("gru", "GRU"), ("rnn", "RNN"))
            for work, peers in (("forward", PEERS), ("forward+backward", PEERS[:1]))
        ],
    ),
    (
        "Streaming: one step of one sequence, 128 units",
        [Row("cells", f"{cell} step", STEP, f"{cell.upper()} step", PEERS) for cell in ("lstm", "gru", "rnn")],
    ),
    (
        "Padded batch, 60 % of the steps valid, beside PyTorch's packed sequences",
        [
            Row(
                "lengths", f"{cell} forward+backward", PADDED, f"{cell.upper()} forward + backward", ("PyTorch packed",)
            )
            for cell in ("lstm", "gru")
        ],
    ),
]


def ratios(page: str, row: Row) -> list[float]:
    """Return how many times as long as seqfuse each peer takes, with one thread, from a table of the page."""
    table = page.partition(f"<!-- table {row.table} -->")[2].partition("<!-- end of table -->")[0]
    lines = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines() if "|" in line]
    (cells,) = [cells for cells in lines if cells[:3] == [row.work, row.shape, "1"]]
    found = [re.search(r"([\d.]+)x", cells[lines[0].index(peer)]) for peer in row.peers]
    return [float(match[1]) for match in found if match]


def speed(page: str) -> str:
    """Return the chart: a logarithmic axis, a mark for each peer in each line."""
    left, right, top, low, high = 210, 36, 62, 0.7, 50.0
    width = 760

    def x(value: float) -> float:
        return left + (width - left - right) * math.log(value / low) / math.log(high / low)

    lines: list[str] = []
    y = float(top)
    for title, rows in GROUPS:
        lines.append(f'<rect class="bg" x="{left - 2}" y="{y:g}" width="{width - left}" height="21"/>')
        lines.append(text(16, y + 15, title, "muted strong"))
        y += 26
        for row in rows:
            lines.append(text(left - 14, y + 12, row.label, "", "end"))
            lines.append(f'<line x1="{x(low):g}" y1="{y + 8:g}" x2="{width - right}" y2="{y + 8:g}" class="grid"/>')
            for peer, ratio in enumerate(ratios(page, row)):
                shape = (
                    f'<circle cx="{x(ratio):.1f}" cy="{y + 8:g}" r="6" class="a"/>'
                    if peer == 0
                    else f'<rect x="{x(ratio) - 5.5:.1f}" y="{y + 2.5:g}" width="11" height="11" class="b"/>'
                )
                lines.append(f"<g><title>{row.label}: {row.peers[peer]} {ratio:g}x</title>{shape}</g>")
            y += 24
        y += 10
    height = int(y + 44)
    axis = []
    for tick in (1, 2, 5, 10, 20, 50):
        style = "one" if tick == 1 else "grid"
        axis.append(f'<line x1="{x(tick):.1f}" y1="{top - 6}" x2="{x(tick):.1f}" y2="{y:g}" class="{style}"/>')
        axis.append(text(round(x(tick), 1), y + 16, f"{tick}x", "muted", "middle"))
    head = [
        text(16, 26, "Time of the peer divided by the time of seqfuse, float32, one thread", "strong"),
        '<circle cx="22" cy="44" r="6" class="a"/>',
        text(34, 48, "PyTorch 2.13"),
        '<rect x="134.5" y="38.5" width="11" height="11" class="b"/>',
        text(152, 48, "ONNX Runtime 1.32"),
        text(width - right, 48, "right of 1x: seqfuse is faster", "muted", "end"),
    ]
    described = "; ".join(
        f"{row.label}: " + ", ".join(f"{peer} {ratio:g}x" for peer, ratio in zip(row.peers, ratios(page, row)))
        for _, rows in GROUPS
        for row in rows
    )
    title = "How many times as long as seqfuse PyTorch and ONNX Runtime take"
    caption = [text((left + width - right) / 2, height - 10, "logarithmic axis", "muted", "middle")]
    return picture(width, height, title, described, head + axis + lines + caption)


# ---- the layers of the code ------------------------------------------------------------------------------------


def code_layers() -> str:
    """Return the stack of packages and libraries, from the user's program down to the instruction set."""
    parts = [
        text(20, 24, "Python", "muted"),
        box(20, 34, 440, 52, "seqfuse.models", "graph of layers, fit, evaluate, predict", code=True),
        box(480, 34, 260, 52, "losses  metrics  optimizers", "callbacks  schedules"),
        box(20, 110, 440, 52, "seqfuse.layers", "Keras's names; own the weights"),
        box(
            20,
            186,
            440,
            66,
            "seqfuse.functional",
            "NumPy arrays in, NumPy arrays out",
            "checks arguments; forward and backward",
        ),
        box(480, 186, 260, 66, "seqfuse.reference", "the same functions in plain NumPy", "tests compare with it"),
        box(20, 276, 440, 52, "seqfuse._backend", "loads the best instruction set of this CPU"),
        text(20, 362, "C++", "muted"),
        box(20, 372, 440, 52, "cpp/bindings  (_kernels.so)", "pybind11: arrays become plain views"),
        box(20, 448, 720, 52, "kernel_table.hpp", "one C function per library returns a table of all kernels"),
        *(
            box(20 + 244 * n, 524, 232, 44, f"libseqfuse_x86_64_{isa}.so", note)
            for n, (isa, note) in enumerate([("v2", "SSE"), ("v3", "AVX2, fused multiply-add"), ("v4", "AVX-512")])
        ),
        text(20, 598, "Each library is compiled from the same headers:", "muted"),
        box(
            20,
            610,
            720,
            48,
            "recurrent.hpp   attention.hpp   dense.hpp ...",
            "drivers: loops over time and blocks, threads, memory",
        ),
        box(20, 682, 230, 48, "cells.hpp   softmax.hpp", "equations of one unit, one row"),
        box(265, 682, 230, 48, "gemm.hpp", "packing, register tiles"),
        box(510, 682, 230, 48, "parallel.hpp", "thread teams, denormals"),
        box(20, 754, 475, 48, "simd.hpp", "vector registers; fused multiply-add; exp, tanh, sigmoid"),
    ]
    for y1, y2 in ((86, 110), (162, 186), (252, 276), (328, 372), (424, 448)):
        parts.append(arrow(240, y1, 240, y2))
    parts.append(arrow(610, 86, 440, 186))
    parts += [arrow(x, 500, x, 524) for x in (136, 380, 624)]
    parts += [arrow(x, 658, x, 682) for x in (135, 380, 625)]
    parts += [arrow(x, 730, x, 754) for x in (135, 380)]
    return picture(
        760,
        820,
        "The layers of the code",
        "models call layers, layers call functional, functional calls the backend, which loads one C++ library per "
        "instruction set through one table of kernels. The drivers in C++ call cells, the matrix product, the vector "
        "registers and the threads. Arrows only point down. The reference stands beside functional.",
        parts,
    )


# ---- one training step -----------------------------------------------------------------------------------------


def training_step() -> str:
    """Return the way of the data through forward, loss, backward and update."""
    top, bottom, height = 84, 236, 60
    columns = [(146, 150, "embedding"), (332, 150, "lstm"), (518, 150, "dense")]
    parts = [
        text(20, 30, "forward", "a strong"),
        text(20, 318, "backward", "b strong"),
        box(20, top, 90, height, "x", "batch"),
        box(704, top, 136, height, "loss.forward", "value of the loss"),
        box(704, bottom, 136, height, "loss.backward", "dy"),
        arrow(110, top + 30, 146, top + 30),
        arrow(668, top + 30, 704, top + 30),
        arrow(772, top + height, 772, bottom, "tape"),
        text(780, 192, "tape", "muted"),
        arrow(704, bottom + 30, 668, bottom + 30, "back"),
        box(704, 44, 136, 26, "y: targets"),
        arrow(772, 70, 772, top),
    ]
    for n, (x, width, name) in enumerate(columns):
        parts += [
            box(x, top, width, height, f"{name}.forward", "reads its weights"),
            box(x, bottom, width, height, f"{name}.backward", "reads its tape"),
            arrow(x + width / 2, top + height, x + width / 2, bottom, "tape"),
            text(x + width / 2 + 8, 192, "tape", "muted"),
            arrow(x + width / 2, bottom + height, x + width / 2, 356, "back"),
            text(x + width / 2 + 8, 332, ("dW", "dW, dU, db", "dW, db")[n], "muted"),
            arrow(x + width / 2, 48, x + width / 2, top),
        ]
        if n:
            before = columns[n - 1]
            parts += [
                arrow(before[0] + before[1], top + 30, x, top + 30),
                arrow(x, bottom + 30, before[0] + before[1], bottom + 30, "back"),
            ]
    parts += [
        '<rect x="146" y="14" width="522" height="34" rx="6" class="box"/>',
        text(407, 36, "parameters.values: all weights in one buffer", "strong", "middle"),
        '<rect x="146" y="356" width="522" height="34" rx="6" class="box"/>',
        text(407, 378, "parameters.gradients: one buffer of the same layout", "strong", "middle"),
        arrow(668, 373, 704, 373, "back"),
        box(704, 348, 136, 50, "optimizer.update", "one pass"),
        '<path d="M840 373 H868 V31 H677" class="arrow"/>',
        arrow(690, 31, 668, 31),
    ]
    return picture(
        886,
        412,
        "One training step",
        "The batch passes through the forward functions of embedding, LSTM and dense layer to the loss. Each forward "
        "function leaves a tape. The backward functions run in reverse order, each reads its tape, and they accumulate "
        "the gradients of the weights into one buffer. The optimizer updates the buffer of weights in one pass.",
        parts,
    )


def pictures() -> dict[str, str]:
    """Return the text of every picture by its file name."""
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    return {"speed.svg": speed(page), "code_layers.svg": code_layers(), "training_step.svg": training_step()}


if __name__ == "__main__":
    for name, drawn in pictures().items():
        (DOCS / "_static" / name).write_text(drawn, encoding="utf-8")
