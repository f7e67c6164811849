"""The face that every kernel module `_kernels_<isa>` shows; `_backend.kernels` is one of them.

There is no module of this name at run time. The arrays are checked and converted by `functional` before they come here:
one type, native, aligned, last axis contiguous. Shapes are in the symbols of the recurrent functions' docstrings;
`real` is None or which steps are real, bool (T, B) in C order. Every function takes the number of threads last.
"""

from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

class Stream(Protocol):
    def step(
        self, x: Array, out: Array | None, /
    ) -> Array: ...  # TypeError or ValueError: not as it is needed, nothing done
    def h(self) -> Array: ...  # a copy
    def c(self) -> Array: ...  # a copy
    def set(self, h: Array, c: Array | None, /) -> None: ...
    def reset(self, rows: Array | None, /) -> None: ...  # rows int64; None: all
    def copy(self) -> Stream: ...

class Recurrent(Protocol):
    """Weights, packed once; immutable."""

    def forward(
        self,
        x: Array,
        h0: Array | None,
        c0: Array | None,
        real: Array | None,
        reverse: bool,
        y: Array | None,
        h: Array,
        c: Array | None,
        keep: bool,
        threads: int,
        /,
    ) -> Array | None: ...
    def stream(self, batch: int, /) -> Stream: ...

class Kernels(Protocol):
    def Recurrent(
        self,
        cell: str,
        W: Array,
        U: Array,
        bx: Array | None,
        bh: Array | None,
        reset_after: bool,
        candidate: bool,
        threads: int,
        /,
    ) -> Recurrent: ...
    def recurrent_forward(
        self,
        cell: str,
        W: Array,
        U: Array,
        bx: Array | None,
        bh: Array | None,
        reset_after: bool,
        candidate: bool,
        x: Array,
        h0: Array | None,
        c0: Array | None,
        real: Array | None,
        reverse: bool,
        y: Array | None,
        h: Array,
        c: Array | None,
        keep: bool,
        threads: int,
        /,
    ) -> Array | None: ...  # the saved activations, with keep
    def recurrent_backward(
        self,
        cell: str,
        W: Array,
        U: Array,
        bx: Array | None,
        bh: Array | None,
        reset_after: bool,
        candidate: bool,
        x: Array,
        h0: Array | None,
        c0: Array | None,
        real: Array | None,
        reverse: bool,
        y: Array,
        saved: Array | None,
        dy: Array | None,
        dh: Array | None,
        dc: Array | None,
        dx: Array | None,  # overwritten
        dW: Array,  # dW, dU, db, dbh are added to
        dU: Array,
        db: Array | None,
        dbh: Array | None,
        dh0: Array,  # overwritten
        dc0: Array | None,  # overwritten
        threads: int,
        /,
    ) -> None: ...
    def dense_forward(self, x: Array, W: Array, b: Array | None, y: Array, threads: int, /) -> None: ...
    def dense_backward(
        self, x: Array, W: Array, dy: Array, dx: Array | None, dW: Array, db: Array | None, threads: int, /
    ) -> None: ...  # dx overwritten, dW and db added to
    def embedding_forward(self, ids: Array, E: Array, y: Array, threads: int, /) -> None: ...
    def embedding_backward(self, ids: Array, dy: Array, dE: Array, threads: int, /) -> None: ...  # dE added to
    def dropout(self, x: Array, y: Array, rate: float, seed: int, threads: int, /) -> None: ...  # x, y flat
    def softmax_cross_entropy_forward(
        self, logits: Array, labels: Array, high: Array, scale: Array, threads: int, /
    ) -> float: ...  # high, scale (N,) written
    def softmax_cross_entropy_backward(
        self,
        logits: Array,
        labels: Array,
        high: Array,
        scale: Array,
        factor: float,
        dlogits: Array,
        threads: int,
        /,
    ) -> None: ...
    def adam_update(
        self,
        params: Array,  # params, m, v are written; all four flat
        grads: Array,
        m: Array,
        v: Array,
        step: int,
        learning_rate: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        grad_scale: float,
        threads: int,
        /,
    ) -> None: ...
    def peak_flops(self, dtype_name: str, seconds: float, /) -> float: ...  # multiply-add peak of one core, FLOP/s
    @property
    def openmp(self) -> bool: ...  # compiled with threads
