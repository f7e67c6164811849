"""Tables of the benchmark: operations, shapes, contenders, and the layout of a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

from seqfuse.bench import attention, block, bounds, decode, report
from seqfuse.bench.bounds import Bound
from seqfuse.bench.case import Contender, Op, Problem, Shape, Work
from seqfuse.bench.peers import PEERS
from seqfuse.bench.recurrent import contenders, problem, shapes
from seqfuse.bench.report import TimedCase

# (problem, work, threads, peers) -> contenders of a case, seqfuse first
MakeContenders: TypeAlias = Callable[[Any, Work, int, Sequence[str]], list[Contender]]


class Table(NamedTuple):
    """A table of the benchmark.

    Attributes
    ----------
    name : str
        Name in the JSON file. All tables except the first have a flag of this name.
    help : str
        Help text of the flag.
    about : str
        Explanation that is printed above the table.
    ops : tuple of str
        Operations.
    axes : type
        NamedTuple type of the shapes.
    shapes, quick_shapes : dict of str to sequence of shape
        Default shapes by kind of call, without and with ``--quick``. The keys are the kinds of calls of the table.
    make_problem : callable
        Makes the inputs for an operation and a shape.
    contenders : callable
        Makes the contenders of a case.
    peers : tuple of str
        Peers that can take part.
    bound : Bound
        What limits the operations, and how it is measured.
    columns, line : callable
        Heading of the columns after those of seqfuse, and a line of the table, for the installed peers.
    sized : dict of str to callable
        Kinds of calls whose shape depends on one size, with the function from size to shape.
    memory_shapes : dict of str to sequence of shape
        Shapes whose memory is measured, by kind of call. Some are too large for the reference.
    """

    name: str
    help: str
    about: str
    ops: tuple[Op, ...]
    axes: type[Any]
    shapes: Mapping[Work, Sequence[Shape]]
    quick_shapes: Mapping[Work, Sequence[Shape]]
    make_problem: Callable[[Op, Any], Problem]
    contenders: MakeContenders
    peers: tuple[str, ...]
    bound: Bound
    columns: Callable[[Sequence[str]], str]
    line: Callable[[TimedCase, Sequence[str]], str]
    sized: Mapping[Work, Callable[[int], Shape]] = {}
    memory_shapes: Mapping[Work, Sequence[Shape]] = {}

    def header(self, peers: Sequence[str]) -> str:
        """Return the heading of the table for the installed peers."""
        return report.header(self.axes._fields, self.bound.unit) + self.columns(peers)


def _for_all(works: Sequence[Work], shapes: Sequence[Shape]) -> dict[Work, Sequence[Shape]]:
    """Return the same shapes for each kind of call."""
    return dict.fromkeys(works, shapes)


def _steps(sizes: Sequence[int]) -> dict[Work, Sequence[Shape]]:
    """Return the shapes of single steps."""
    return {"step": [shapes.step_shape(size) for size in sizes]}


def _padding_peers(peers: Sequence[str]) -> list[str]:
    """Return the names of the peers' contenders for padded batches."""
    return ["pytorch packed", "pytorch padded"] if "pytorch" in peers else []


def _lengths_columns(peers: Sequence[str]) -> str:
    """Return the headings of the columns after those of seqfuse, for padded batches."""
    return f"{'padded':>12}{'of padded':>11}" + report.peer_header(_padding_peers(peers))


def _lengths_line(timed: TimedCase, peers: Sequence[str]) -> str:
    """Return a line of the table for padded batches."""
    timing = timed.timing
    padded = f"{report.duration(timing.seconds['padded']):>12}{1 / timing.ratios['padded']:10.2f}x"
    return report.line(timed, []) + padded + "".join(report.column(timing, name) for name in _padding_peers(peers))


_SEQUENCES = ("forward", "forward+backward")

CELLS = Table(
    name="cells",
    help="every recurrent cell beside the peers",
    about="2.00x: the peer takes twice as long as seqfuse.",
    ops=shapes.CELLS,
    axes=shapes.Shape,
    shapes=_for_all(_SEQUENCES, shapes.SHAPES) | _steps(shapes.STEP_SIZES),
    quick_shapes=_for_all(_SEQUENCES, shapes.QUICK_SHAPES) | _steps(shapes.QUICK_STEP_SIZES),
    make_problem=problem.make,
    contenders=contenders.with_peers,
    peers=PEERS,
    bound=bounds.ARITHMETIC,
    columns=report.peer_header,
    line=report.line,
    sized={"step": shapes.step_shape},
)
LENGTHS = CELLS._replace(
    name="lengths",
    help="padded batches: with lengths, without, and PyTorch's packed sequences",
    about="Padded batches; 60 % of the steps are valid. seqfuse: with lengths, GFLOP/s of the valid steps.\n"
    "padded: seqfuse without lengths. of padded: seqfuse divided by padded; 0.60x is proportional to the work.\n"
    "2.00x: PyTorch takes twice as long as seqfuse with lengths.",
    shapes=_for_all(_SEQUENCES, shapes.LENGTHS_SHAPES),
    quick_shapes=_for_all(_SEQUENCES, shapes.QUICK_LENGTHS_SHAPES),
    contenders=contenders.with_padding,
    peers=("pytorch",),
    columns=_lengths_columns,
    line=_lengths_line,
)
OPTIONS = CELLS._replace(
    name="options",
    help="cost of each option of the recurrent cells",
    about="Each option alone beside the call without options. 1.10x: the option makes the call 10 % slower.",
    shapes=_for_all(_SEQUENCES[1:], shapes.OPTIONS_SHAPES),
    quick_shapes=_for_all(_SEQUENCES[1:], shapes.QUICK_OPTIONS_SHAPES),
    contenders=contenders.with_options,
    peers=(),
    columns=lambda peers: report.peer_header(["relative time"]),
    line=lambda timed, peers: report.lines(timed),
)


def _table_with_pytorch(family: ModuleType, axes: type[Any], **fields: Any) -> Table:
    """Return the table of a module that defines OPS, WORKS, SHAPES, QUICK_SHAPES, make and contenders."""
    return Table(
        ops=family.OPS,
        axes=axes,
        shapes=_for_all(family.WORKS, family.SHAPES),
        quick_shapes=_for_all(family.WORKS, family.QUICK_SHAPES),
        make_problem=family.make,
        contenders=family.contenders,
        peers=("pytorch",),
        columns=report.peer_header,
        line=report.line,
        **fields,
    )


ATTENTION = _table_with_pytorch(
    attention,
    attention.AttentionShape,
    name="attention",
    help="self-attention, full and causal",
    about="causal: half the work; only unmasked pairs are counted. 2.00x: the peer takes twice as long as seqfuse.",
    bound=bounds.ARITHMETIC,
    memory_shapes=_for_all(attention.WORKS, attention.SHAPES)
    | {"causal+backward": (*attention.SHAPES, attention.LONG)},
)
DECODE = _table_with_pytorch(
    decode,
    decode.DecodeShape,
    name="decode",
    help="one step of decoding with cached keys and values",
    about="GB/s of keys and values. 2.00x: the peer takes twice as long as seqfuse.",
    bound=bounds.READING,
)
BLOCK = _table_with_pytorch(
    block,
    block.BlockShape,
    name="block",
    help="a transformer encoder block",
    about="2.00x: the peer takes twice as long as seqfuse.",
    bound=bounds.ARITHMETIC,
)
TABLES = {table.name: table for table in (CELLS, LENGTHS, OPTIONS, ATTENTION, DECODE, BLOCK)}
