"""What every table is made of: cases, the problems that they pose, and the contenders that solve them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seqfuse.bench.peers import PEERS

Array: TypeAlias = NDArray[Any]
Results: TypeAlias = Mapping[str, Array]  # y, h, dx, dW, as the functional API names them; all in our layout
Op: TypeAlias = str  # what is computed: a cell, or an operation of another family
Work: TypeAlias = str  # what is done with it: forward, forward+backward, ...


class Shape(Protocol):
    """A NamedTuple of sizes, one field an axis; each family of operations has its own."""

    def __iter__(self) -> Iterator[int]: ...
    def _asdict(self) -> dict[str, int]: ...


class Case(NamedTuple):
    """One line of a table."""

    op: Op
    work: Work
    shape: Shape
    threads: int

    def __str__(self) -> str:
        return f"{self.op} {self.work} {tuple(self.shape)}, threads {self.threads}"


class Problem(Protocol):
    """The numbers that every contender of a case is given: a NamedTuple, and each family of operations has its own."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Further arguments of the call; with op, work and shape they say which problem it is."""

    @property
    def kinked(self) -> bool:
        """Whether a slope jumps somewhere, so that single gradients say little."""

    def __iter__(self) -> Iterator[Any]: ...

    def calls(self, work: Work) -> int:
        """How many calls one after the other lead to what is expected."""

    def amount(self, work: Work) -> int:
        """Operations of the products in one call; bytes to be read where reading is what bounds the table."""

    def expected(self, work: Work) -> Results:
        """What the last of the calls comes to, computed by `seqfuse.reference` in float64."""


class Contender(NamedTuple):
    """One way to do the work of a case.

    Attributes
    ----------
    name : as it appears in the table; that of a peer begins with the peer's
    problem : what it solves
    run : does the work once and returns what the library returns
    read : turns what `run` returned into arrays in our layout, for validation
    """

    name: str
    problem: Problem
    run: Callable[[], Any]
    read: Callable[[Any], Results]

    @property
    def ours(self) -> bool:
        """Whether it is seqfuse, and not a peer."""
        return not self.name.startswith(PEERS)


def size_of(problem: Problem) -> int:
    """The bytes of all arrays that a problem consists of."""
    return sum(a.nbytes for a in problem if isinstance(a, np.ndarray))
