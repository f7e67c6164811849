"""The tables: what each is about, over which shapes, who takes part, and how a line of it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

from seqfuse.bench import attention, block, bounds, decode, report
from seqfuse.bench.bounds import Bound
from seqfuse.bench.case import Contender, Op, Problem, Shape, Work
from seqfuse.bench.peers import PEERS
from seqfuse.bench.recurrent import contenders, problem, shapes
from seqfuse.bench.report import Measured

# Who takes part in a case: (problem, work, threads, peers) -> contenders, ours first
Enter: TypeAlias = Callable[[Any, Work, int, Sequence[str]], list[Contender]]


class Table(NamedTuple):
    """A table of the benchmark.

    Attributes
    ----------
    name : as it stands in the JSON; all but the first table have a flag of that name
    help : what the flag does
    about : what it says, for a reader of its head
    ops : whose lines it has
    axes : the type of its shapes
    shapes, quick_shapes : by the kinds of work that it can hold
    make : the problem of an op and a shape
    enter : who takes part in a case
    peers : those that can
    bound : what is counted, and what the machine does of it at best
    columns, line : the text, for the peers that are there: the head of what follows our columns, and a line
    sized : the kinds of work whose shapes one number gives, and how
    weighed : the shapes whose memory is measured, by kind of work; some are too large for the reference
    """

    name: str
    help: str
    about: str
    ops: tuple[Op, ...]
    axes: type[Any]
    shapes: Mapping[Work, Sequence[Shape]]
    quick_shapes: Mapping[Work, Sequence[Shape]]
    make: Callable[[Op, Any], Problem]
    enter: Enter
    peers: tuple[str, ...]
    bound: Bound
    columns: Callable[[Sequence[str]], str]
    line: Callable[[Measured, Sequence[str]], str]
    sized: Mapping[Work, Callable[[int], Shape]] = {}
    weighed: Mapping[Work, Sequence[Shape]] = {}

    def header(self, peers: Sequence[str]) -> str:
        """The head of the table."""
        return report.header(self.axes._fields, self.bound.unit) + self.columns(peers)


def _all(works: Sequence[Work], shapes: Sequence[Shape]) -> dict[Work, Sequence[Shape]]:
    return dict.fromkeys(works, shapes)


def _steps(sizes: Sequence[int]) -> dict[Work, Sequence[Shape]]:
    return {"step": [shapes.step_shape(size) for size in sizes]}


def _packed(peers: Sequence[str]) -> list[str]:
    return ["pytorch packed", "pytorch padded"] if "pytorch" in peers else []


def _lengths_columns(peers: Sequence[str]) -> str:
    return f"{'padded':>12}{'of padded':>11}" + report.header_of(_packed(peers))


def _lengths_line(measured: Measured, peers: Sequence[str]) -> str:
    timing = measured.timing
    padded = f"{report.duration(timing.seconds['padded']):>12}{1 / timing.ratios['padded']:10.2f}x"
    return report.line(measured, []) + padded + "".join(report.column(timing, name) for name in _packed(peers))


_SEQUENCES = ("forward", "forward+backward")

CELLS = Table(
    name="cells",
    help="every cell beside the peers",
    about="2.00x: the peer takes twice as long as seqfuse",
    ops=shapes.CELLS,
    axes=shapes.Shape,
    shapes=_all(_SEQUENCES, shapes.SHAPES) | _steps(shapes.STEP_SIZES),
    quick_shapes=_all(_SEQUENCES, shapes.QUICK_SHAPES) | _steps(shapes.QUICK_STEP_SIZES),
    make=problem.make,
    enter=contenders.beside_peers,
    peers=PEERS,
    bound=bounds.ARITHMETIC,
    columns=report.header_of,
    line=report.line,
    sized={"step": shapes.step_shape},
)
LENGTHS = CELLS._replace(
    name="lengths",
    help="padded batches instead: with lengths, without, and PyTorch's packed",
    about="padded batches, 60 % of the steps real. seqfuse: with lengths, GFLOP/s of real steps; padded: without\n"
    "of padded: the one by the other, 0.60x is the work; 2.00x: PyTorch takes twice as long as seqfuse with lengths",
    shapes=_all(_SEQUENCES, shapes.LENGTHS_SHAPES),
    quick_shapes=_all(_SEQUENCES, shapes.QUICK_LENGTHS_SHAPES),
    enter=contenders.with_padding,
    peers=("pytorch",),
    columns=_lengths_columns,
    line=_lengths_line,
)
OPTIONS = CELLS._replace(
    name="options",
    help="what each option costs instead",
    about="each option alone beside the plain call; 1.10x: with it the call takes a tenth longer",
    shapes=_all(_SEQUENCES[1:], shapes.OPTIONS_SHAPES),
    quick_shapes=_all(_SEQUENCES[1:], shapes.QUICK_OPTIONS_SHAPES),
    enter=contenders.with_options,
    peers=(),
    columns=lambda peers: report.header_of(["of the plain call"]),
    line=lambda measured, peers: report.lines(measured),
)


def _beside_pytorch(family: ModuleType, axes: type[Any], **fields: Any) -> Table:
    """The table of a module that has ops, works, shapes, problems and contenders, PyTorch among them."""
    return Table(
        ops=family.OPS,
        axes=axes,
        shapes=_all(family.WORKS, family.SHAPES),
        quick_shapes=_all(family.WORKS, family.QUICK_SHAPES),
        make=family.make,
        enter=family.contenders,
        peers=("pytorch",),
        columns=report.header_of,
        line=report.line,
        **fields,
    )


ATTENTION = _beside_pytorch(
    attention,
    attention.AttentionShape,
    name="attention",
    help="attention instead, whole and causal",
    about="causal: operations of the pairs that are left, and half the work; 2.00x: the peer takes twice as long",
    bound=bounds.ARITHMETIC,
    weighed=_all(attention.WORKS, attention.SHAPES) | {"causal+backward": (*attention.SHAPES, attention.LONG)},
)
DECODE = _beside_pytorch(
    decode,
    decode.DecodeShape,
    name="decode",
    help="a step of decoding against cached keys and values instead",
    about="GB/s of keys and values; 2.00x: the peer takes twice as long as seqfuse",
    bound=bounds.READING,
)
BLOCK = _beside_pytorch(
    block,
    block.BlockShape,
    name="block",
    help="a Transformer encoder block instead",
    about="2.00x: the peer takes twice as long as seqfuse",
    bound=bounds.ARITHMETIC,
)
TABLES = {table.name: table for table in (CELLS, LENGTHS, OPTIONS, ATTENTION, DECODE, BLOCK)}
