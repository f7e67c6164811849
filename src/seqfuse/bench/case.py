"""Vocabulary of the benchmark: a case is a line of a table, a problem its arrays, a contender one way to compute it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seqfuse.bench.peers import PEERS

Array: TypeAlias = NDArray[Any]
Results: TypeAlias = Mapping[str, Array]  # y, h, dx, dW, ...: names and layouts of `seqfuse.functional`
Op: TypeAlias = str  # operation: a recurrent cell such as "lstm", or "attention", "decode", "block"
Work: TypeAlias = str  # kind of call: "forward", "forward+backward", "step", ...


class Shape(Protocol):
    """NamedTuple of sizes with one field per axis. Each family of operations has its own."""

    def __iter__(self) -> Iterator[int]: ...
    def _asdict(self) -> dict[str, int]: ...


class Case(NamedTuple):
    """One line of a table: an operation, a kind of call, a shape, and a number of threads."""

    op: Op
    work: Work
    shape: Shape
    threads: int

    def __str__(self) -> str:
        return f"{self.op} {self.work} {tuple(self.shape)}, threads {self.threads}"


class Problem(Protocol):
    """Inputs that every contender of a case receives: a NamedTuple. Each family of operations has its own."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Additional arguments of the call. Together with op, work and shape they identify the problem."""

    @property
    def kinked(self) -> bool:
        """Whether a function in it has a kink. Single gradients can then differ; their root mean square is compared."""

    def __iter__(self) -> Iterator[Any]: ...

    def calls(self, work: Work) -> int:
        """Return the number of consecutive calls after which `expected` holds."""

    def amount(self, work: Work) -> int:
        """Return the operations of the matrix products of one call, or the bytes that it reads."""

    def expected(self, work: Work) -> Results:
        """Return the results of the last call, computed by `seqfuse.reference` in float64."""


class Contender(NamedTuple):
    """One way to compute a case: seqfuse with certain options, or a peer.

    Attributes
    ----------
    name : str
        Name in the table. The name of a peer's contender begins with the peer's name.
    problem : Problem
        Inputs of the call.
    run : callable
        Makes one call and returns what the library returns.
    read : callable
        Converts what `run` returned into `Results`, for validation.
    """

    name: str
    problem: Problem
    run: Callable[[], Any]
    read: Callable[[Any], Results]

    @property
    def ours(self) -> bool:
        """Whether the contender is seqfuse and not a peer."""
        return not self.name.startswith(PEERS)


def size_of(problem: Problem) -> int:
    """Return the size of all arrays of a problem in bytes."""
    return sum(a.nbytes for a in problem if isinstance(a, np.ndarray))
