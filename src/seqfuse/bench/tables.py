"""The three tables: what each is about, over which shapes, and how a line of it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from seqfuse.bench import contenders, report, shapes
from seqfuse.bench.measurements import Enter
from seqfuse.bench.report import Measured
from seqfuse.bench.shapes import Shape, Work


class Table(NamedTuple):
    """A table of the benchmark.

    Attributes
    ----------
    name : as it stands in the JSON
    about : what it says, for a reader of its head
    enter : who takes part in a case
    peers : those that can
    works : the kinds of work that it can hold
    shapes, quick_shapes : of forward and forward+backward
    header, line : the text, for the peers that are there
    """

    name: str
    about: str
    enter: Enter
    peers: tuple[str, ...]
    works: tuple[Work, ...]
    shapes: tuple[Shape, ...]
    quick_shapes: tuple[Shape, ...]
    header: Callable[[Sequence[str]], str]
    line: Callable[[Measured, Sequence[str]], str]


def _packed(peers: Sequence[str]) -> list[str]:
    return ["pytorch packed", "pytorch padded"] if "pytorch" in peers else []


def _lengths_header(peers: Sequence[str]) -> str:
    return report.header() + f"{'padded':>12}{'of padded':>11}" + report.header_of(_packed(peers))


def _lengths_line(measured: Measured, peers: Sequence[str]) -> str:
    timing = measured.timing
    padded = f"{report.duration(timing.seconds['padded']):>12}{1 / timing.ratios['padded']:10.2f}x"
    return report.line(measured, []) + padded + "".join(report.column(timing, name) for name in _packed(peers))


def _options_header(peers: Sequence[str]) -> str:
    return report.header() + report.header_of(["of the plain call"])


def _options_line(measured: Measured, peers: Sequence[str]) -> str:
    return report.lines(measured)


CELLS = Table(
    "cells",
    "2.00x: the peer takes twice as long as seqfuse",
    contenders.beside_peers,
    contenders.PEERS,
    shapes.WORKS,
    shapes.SHAPES,
    shapes.QUICK_SHAPES,
    lambda peers: report.header() + report.header_of(peers),
    report.line,
)
LENGTHS = Table(
    "lengths",
    "padded batches, 60 % of the steps real. seqfuse: with lengths, GFLOP/s of real steps; padded: without, of all;\n"
    "of padded: the one by the other, 0.60x is the work; 2.00x: PyTorch takes twice as long as seqfuse with lengths",
    contenders.with_padding,
    ("pytorch",),
    ("forward", "forward+backward"),
    shapes.LENGTHS_SHAPES,
    shapes.QUICK_LENGTHS_SHAPES,
    _lengths_header,
    _lengths_line,
)
OPTIONS = Table(
    "options",
    "each option alone beside the plain call; 1.10x: with it the call takes a tenth longer",
    contenders.with_options,
    (),
    ("forward+backward",),
    shapes.OPTIONS_SHAPES,
    shapes.QUICK_OPTIONS_SHAPES,
    _options_header,
    _options_line,
)
