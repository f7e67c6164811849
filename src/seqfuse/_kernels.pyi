"""The face that every kernel module `_kernels_<isa>` shows; `_backend.kernels` is one of them.

There is no module of this name at run time. The arrays are checked and converted by `functional` before they come here:
one type, native, aligned, last axis contiguous. Shapes are in the symbols of the recurrent functions' docstrings;
`real` is None or which steps are real, bool (T, B) in C order. Every function takes the number of threads last.

The recurrent functions begin alike. `cell` is "rnn", "lstm", "gru", "gru_reset_before", "indrnn" or "mingru"; U is (H,)
for indrnn and None for mingru; `candidate` says what the GRU's update gate lets through. `options` is None for tanh and
sigmoid, whatever the cell, without clip and peephole.
"""

from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
# activation, alpha, beta, recurrent_activation, alpha, beta, clip (inf: off), peephole (3, H) in C order
Options: TypeAlias = tuple[str, float, float, str, float, float, float, Array | None]

# scale (None: 1 / sqrt(D)), softcap (0: none), left and right of the window (-1: unbounded; causal: right is 0),
# bottom_right, lengths (B,) int64, mask (B, Hq, Tq, Tk) of bool or of the type computed in with strides of 0 where
# broadcast, dropout, seed
ScoreOptions: TypeAlias = tuple[float | None, float, int, int, bool, Array | None, Array | None, float, int]

class Stream(Protocol):
    def step(
        self, x: Array, out: Array | None, /
    ) -> Array: ...  # TypeError or ValueError: not as it is needed, nothing done
    def h(self) -> Array: ...  # a copy
    def c(self) -> Array: ...  # a copy
    def set(self, h: Array, c: Array | None, /) -> None: ...
    def reset(self, rows: Array | None, /) -> None: ...  # rows int64; None: all
    def copy(self) -> Stream: ...

class KeyCache(Protocol):
    """Keys and values of rows of a batch, packed in blocks."""

    def lengths(self) -> Array: ...  # (B,) int64, a copy
    def longest(self) -> int: ...  # the greatest of them
    def capacity(self) -> int: ...
    def append(self, k: Array, v: Array, counts: Array, /) -> None: ...  # counts (B,) int64
    def attend(self, q: Array, longest: int, options: ScoreOptions, y: Array, threads: int, /) -> None: ...
    def reset(self, rows: Array | None, /) -> None: ...  # rows int64; None: all
    def copy(self) -> KeyCache: ...

class Recurrent(Protocol):
    """Weights, packed once; immutable."""

    def forward(
        self,
        x: Array,
        h0: Array | None,
        c0: Array | None,
        real: Array | None,
        recurrent_mask: Array | None,
        reverse: bool,
        y: Array | None,
        h: Array,
        c: Array | None,
        threads: int,
        /,
    ) -> None: ...
    def stream(self, batch: int, /) -> Stream: ...

class Kernels(Protocol):
    def KeyCacheFloat(self, B: int, Hk: int, D: int, Dv: int, capacity: int, /) -> KeyCache: ...
    def KeyCacheDouble(self, B: int, Hk: int, D: int, Dv: int, capacity: int, /) -> KeyCache: ...
    def Recurrent(
        self,
        cell: str,
        W: Array,
        U: Array | None,
        bx: Array | None,
        bh: Array | None,
        candidate: bool,
        options: Options | None,
        threads: int,
        /,
    ) -> Recurrent: ...
    def recurrent_forward(
        self,
        cell: str,
        W: Array,
        U: Array | None,
        bx: Array | None,
        bh: Array | None,
        candidate: bool,
        options: Options | None,
        x: Array,
        h0: Array | None,
        c0: Array | None,
        real: Array | None,
        recurrent_mask: Array | None,
        reverse: bool,
        y: Array | None,
        h: Array,
        c: Array | None,
        keep: bool,
        checkpoint: int,  # k: states before every k-th step alone, y is not needed; 0: every step, y is
        threads: int,
        /,
    ) -> Array | None: ...  # what is saved, with keep
    def recurrent_backward(
        self,
        cell: str,
        W: Array,
        U: Array | None,
        bx: Array | None,
        bh: Array | None,
        candidate: bool,
        options: Options | None,
        x: Array,
        h0: Array | None,
        c0: Array | None,
        real: Array | None,
        recurrent_mask: Array | None,
        reverse: bool,
        y: Array | None,
        saved: Array | None,
        checkpoint: int,
        dy: Array | None,
        dh: Array | None,
        dc: Array | None,
        dx: Array | None,  # overwritten
        dW: Array,  # dW, dU, db, dbh, dpeephole are added to
        dU: Array | None,
        db: Array | None,
        dbh: Array | None,
        dpeephole: Array | None,
        dh0: Array,  # overwritten
        dc0: Array | None,  # overwritten
        added: bool,  # what is added to holds something already, and is not touched when Ctrl-C stops the call
        threads: int,
        /,
    ) -> None: ...
    def recurrent_tape(
        self,
        cell: str,
        W: Array,
        U: Array | None,
        bx: Array | None,
        bh: Array | None,
        candidate: bool,
        options: Options | None,
        x: Array,
        h0: Array | None,
        c0: Array | None,
        real: Array | None,
        recurrent_mask: Array | None,
        reverse: bool,
        y: Array | None,
        saved: Array | None,
        checkpoint: int,
        states: list[Array],  # (T, B, H) each, overwritten: h, and c where the cell has one; or none
        gates: list[Array],  # (T, B, H) each, overwritten: all of the cell's, or none
        threads: int,
        /,
    ) -> None: ...
    def activation_forward(
        self, a: Array, y: Array, slope: Array | None, name: str, alpha: float, beta: float, threads: int, /
    ) -> None: ...  # flat; y may be a
    # high, reciprocal, lse (B, Hq, Tq): each row's greatest score, the reciprocal of the sum of exp(score - high), and
    # the log of the sum of exp(score).
    # dk, dv: zeros; dmask: zeros (B, Hq, Tq, Tk).
    def attention_forward(
        self,
        q: Array,
        k: Array,
        v: Array,
        options: ScoreOptions,
        y: Array,
        high: Array | None,
        reciprocal: Array | None,
        lse: Array | None,
        threads: int,
        /,
    ) -> None: ...
    def attention_backward(
        self,
        q: Array,
        k: Array,
        v: Array,
        options: ScoreOptions,
        y: Array,
        high: Array,
        reciprocal: Array,
        dy: Array,
        dlse: Array | None,
        dq: Array,
        dk: Array,
        dv: Array,
        dmask: Array | None,
        threads: int,
        /,
    ) -> None: ...
    def dense_forward(
        self, x: Array, W: Array, b: Array | None, y: Array, add: bool, threads: int, /
    ) -> None: ...  # add: y += x W, b None
    def dense_backward(
        self, x: Array, W: Array, dy: Array, dx: Array | None, dW: Array, db: Array | None, added: bool, threads: int, /
    ) -> None: ...  # dx overwritten, dW and db added to; added: they stay as they are when the call is stopped
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
    def ctc_forward(
        self,
        logits: Array,  # (T, B, C)
        real: Array | None,
        labels: Array,  # (B, S) int64, those that are read in 0..C-1
        label_lengths: Array,  # (B,) int64
        blank: int,
        losses: Array,  # (B,) written
        keep: bool,
        threads: int,
        /,
    ) -> Array | None: ...  # what is saved, with keep
    def ctc_backward(
        self,
        logits: Array,
        real: Array | None,
        labels: Array,
        label_lengths: Array,
        blank: int,
        losses: Array,  # as forward wrote it
        saved: Array,
        dlosses: Array,  # (B,)
        dlogits: Array,  # (T, B, C) written
        threads: int,
        /,
    ) -> None: ...
    def normalize_forward(
        self,
        x: Array,  # (N, D)
        gamma: Array | None,
        beta: Array | None,
        epsilon: float,
        y: Array,  # (N, D) written
        mean: Array | None,  # (N,) written; None: RMS
        scale: Array,  # (N,) written
        threads: int,
        /,
    ) -> None: ...
    def normalize_backward(
        self,
        x: Array,
        dy: Array,
        gamma: Array | None,
        mean: Array | None,  # as forward wrote it; None: RMS
        scale: Array,
        dx: Array,  # (N, D) written
        dgamma: Array | None,  # (D,) added to
        dbeta: Array | None,
        threads: int,
        /,
    ) -> None: ...
    def pointwise_forward(self, name: str, x: Array, y: Array, threads: int, /) -> None: ...  # flat; y may be x
    def pointwise_backward(
        self, name: str, x: Array, dy: Array, dx: Array, threads: int, /
    ) -> None: ...  # flat; name: gelu, gelu_tanh or silu
    def rotary(
        self,
        x: Array,  # (B, H, N, D), or dy in a backward
        y: Array,  # (B, H, N, D) written, not x
        cos: Array,  # (P, pairs)
        sin: Array,
        positions: Array | None,  # flat int64: (N,) or (B, N)
        interleaved: bool,
        back: bool,  # by the negative angle
        threads: int,
        /,
    ) -> None: ...
    def softmax_forward(self, x: Array, y: Array, threads: int, /) -> None: ...  # (N, D); y written, may be x
    def softmax_backward(self, y: Array, dy: Array, dx: Array, threads: int, /) -> None: ...  # dx written
    def optimizer_update(
        self,
        rule: str,  # a name of optimizer_rules.hpp
        params: Array,  # flat; written, and so are states and average
        grads: Array,  # as params
        states: tuple[Array, ...],  # as params, in the rule's order
        average: Array | None,  # as params
        runs: Array,  # (n, 3) int64: begin, end, whether weight_decay applies
        count: int,  # of updates, this one included
        learning_rate: float,
        numbers: tuple[float, ...],  # the rule's own
        grad_scale: float,
        limit: str,  # none, value, norm (of each run) or global_norm
        most: float,
        weight_decay: float,
        average_momentum: float,
        threads: int,
        /,
    ) -> None: ...
    def peak_flops(self, dtype_name: str, seconds: float, /) -> float: ...  # multiply-add peak of one core, FLOP/s
    def read_bandwidth(self, nbytes: int, threads: int, seconds: float, /) -> float: ...  # of a buffer so large, B/s
    @property
    def openmp(self) -> bool: ...  # compiled with threads
