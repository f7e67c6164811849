"""
Kernels of seqfuse. Arguments are not checked. Use `seqfuse.functional`, which checks and converts them.

All arrays of a call must have one element type, native byte order, alignment and a contiguous last
axis. The symbols in shapes are those of the recurrent functions. `valid` is None or a bool array
(T, B) in C order. The last argument of every function is the number of threads.
"""

from __future__ import annotations

import typing

import numpy.typing

import seqfuse._update
import seqfuse.functional._attention_tape
import seqfuse.functional._cell
import seqfuse.functional._gradients
import seqfuse.functional._normalize
import seqfuse.functional._scores
import seqfuse.functional._sequence
import seqfuse.functional._tape
import seqfuse.functional._weights
import seqfuse.functional.ctc

__all__: list[str] = [
    "InstructionSet",
    "Kernels",
    "KeyCacheDouble",
    "KeyCacheFloat",
    "PackedCell",
    "StreamDouble",
    "StreamFloat",
    "instruction_sets",
    "load",
]

class Kernels:
    """
    The functions of one library of kernels; `load` returns it.
    """
    def KeyCacheDouble(
        self,
        B: typing.SupportsInt | typing.SupportsIndex,
        Hk: typing.SupportsInt | typing.SupportsIndex,
        D: typing.SupportsInt | typing.SupportsIndex,
        Dv: typing.SupportsInt | typing.SupportsIndex,
        capacity: typing.SupportsInt | typing.SupportsIndex,
    ) -> KeyCacheDouble:
        """
        Return an empty cache with room for `capacity` keys per batch row.
        """
    def KeyCacheFloat(
        self,
        B: typing.SupportsInt | typing.SupportsIndex,
        Hk: typing.SupportsInt | typing.SupportsIndex,
        D: typing.SupportsInt | typing.SupportsIndex,
        Dv: typing.SupportsInt | typing.SupportsIndex,
        capacity: typing.SupportsInt | typing.SupportsIndex,
    ) -> KeyCacheFloat:
        """
        Return an empty cache with room for `capacity` keys per batch row.
        """
    def activation_forward(
        self,
        a: numpy.typing.NDArray[typing.Any],
        y: numpy.typing.NDArray[typing.Any],
        slope: numpy.typing.NDArray[typing.Any] | None,
        name: str,
        alpha: typing.SupportsFloat | typing.SupportsIndex,
        beta: typing.SupportsFloat | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y = f(a) and slope = f'(a), flat arrays. y may be the array a; slope may be None.
        """
    def attention_backward(
        self,
        tape: seqfuse.functional._attention_tape.AttentionTape,
        dy: numpy.typing.NDArray[typing.Any],
        dlse: numpy.typing.NDArray[typing.Any] | None,
        dq: numpy.typing.NDArray[typing.Any],
        dk: numpy.typing.NDArray[typing.Any],
        dv: numpy.typing.NDArray[typing.Any],
        dmask: numpy.typing.NDArray[typing.Any] | None,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write dq, dk, dv and, unless it is None, dmask (B, Hq, Tq, Tk).

        dk, dv and dmask must contain zeros. Entries of keys that no query may attend to are not written.
        """
    def attention_forward(
        self,
        q: numpy.typing.NDArray[typing.Any],
        k: numpy.typing.NDArray[typing.Any],
        v: numpy.typing.NDArray[typing.Any],
        options: seqfuse.functional._scores.ScoreOptions,
        y: numpy.typing.NDArray[typing.Any],
        statistics: numpy.typing.NDArray[typing.Any] | None,
        lse: numpy.typing.NDArray[typing.Any] | None,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y, the attention of q to k and v.

        Also write, unless they are None, statistics (2, B, Hq, Tq), contiguous, and lse (B, Hq, Tq).
        statistics[0] is row_max, the largest score of each query. statistics[1] is inv_sum, the reciprocal
        of the sum of exp(score - row_max). lse is the logarithm of the sum of exp(score).
        """
    def cross_entropy_backward(
        self,
        logits: numpy.typing.NDArray[typing.Any],
        labels: numpy.typing.NDArray[typing.Any],
        row_max: numpy.typing.NDArray[typing.Any],
        inv_sum: numpy.typing.NDArray[typing.Any],
        factor: typing.SupportsFloat | typing.SupportsIndex,
        dlogits: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write dlogits (N, C), which may be logits.

        factor is the gradient of the sum of the losses. row_max and inv_sum are from the forward.
        """
    def cross_entropy_forward(
        self,
        logits: numpy.typing.NDArray[typing.Any],
        labels: numpy.typing.NDArray[typing.Any],
        row_max: numpy.typing.NDArray[typing.Any],
        inv_sum: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> float:
        """
        Return the mean loss of logits (N, C) and labels (N,), int64.

        Write row_max (N,), the maximum of each row of the logits, and inv_sum (N,), the reciprocal of the
        sum of exp(logits - row_max).
        """
    def ctc_backward(
        self,
        tape: seqfuse.functional.ctc.CTCLossTape,
        dlosses: numpy.typing.NDArray[typing.Any],
        dlogits: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write dlogits (T, B, C) for the gradients dlosses (B,) of the losses.
        """
    def ctc_forward(
        self,
        logits: numpy.typing.NDArray[typing.Any],
        valid: numpy.typing.NDArray[typing.Any] | None,
        labels: numpy.typing.NDArray[typing.Any],
        label_lengths: numpy.typing.NDArray[typing.Any],
        blank: typing.SupportsInt | typing.SupportsIndex,
        losses: numpy.typing.NDArray[typing.Any],
        keep: bool,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> numpy.typing.NDArray[typing.Any] | None:
        """
        Write losses (B,) and return the tape for ctc_backward, or None if keep is false.

        logits: (T, B, C). valid: (T, B), one byte per step, 0 for padding, or None. labels (B, S) and
        label_lengths (B,): int64.
        """
    def dense_backward(
        self,
        x: numpy.typing.NDArray[typing.Any],
        W: numpy.typing.NDArray[typing.Any],
        dy: numpy.typing.NDArray[typing.Any],
        dx: numpy.typing.NDArray[typing.Any] | None,
        dW: numpy.typing.NDArray[typing.Any],
        db: numpy.typing.NDArray[typing.Any] | None,
        accumulate: bool,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write dx and add to dW and db; dx and db may be None. With accumulate, dW and db contain earlier gradients and keep them if Ctrl-C cancels the call.
        """
    def dense_forward(
        self,
        x: numpy.typing.NDArray[typing.Any],
        W: numpy.typing.NDArray[typing.Any],
        b: numpy.typing.NDArray[typing.Any] | None,
        y: numpy.typing.NDArray[typing.Any],
        add: bool,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y (N, O) = x (N, I) W (I, O) + b. With add, add x W to y; b must be None.
        """
    def dropout(
        self,
        x: numpy.typing.NDArray[typing.Any],
        y: numpy.typing.NDArray[typing.Any],
        rate: typing.SupportsFloat | typing.SupportsIndex,
        seed: typing.SupportsInt | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y, the dropout of x. y may be x.

        Both are flat arrays. rate is the fraction of the elements that is dropped.
        """
    def embedding_backward(
        self,
        ids: numpy.typing.NDArray[typing.Any],
        dy: numpy.typing.NDArray[typing.Any],
        dE: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Add dy (N, D) to the rows ids (N,) of dE (V, D).
        """
    def embedding_forward(
        self,
        ids: numpy.typing.NDArray[typing.Any],
        E: numpy.typing.NDArray[typing.Any],
        y: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y (N, D), the rows ids (N,), int64, of E (V, D).
        """
    def normalize_backward(
        self,
        tape: seqfuse.functional._normalize.NormalizeTape,
        x: numpy.typing.NDArray[typing.Any],
        dy: numpy.typing.NDArray[typing.Any],
        dx: numpy.typing.NDArray[typing.Any],
        dgamma: numpy.typing.NDArray[typing.Any] | None,
        dbeta: numpy.typing.NDArray[typing.Any] | None,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write dx (N, D) and add to dgamma and dbeta (D,), unless they are None.

        dx may be dy. x (N, D) is the input of the forward.
        """
    def normalize_forward(
        self,
        x: numpy.typing.NDArray[typing.Any],
        gamma: numpy.typing.NDArray[typing.Any] | None,
        beta: numpy.typing.NDArray[typing.Any] | None,
        epsilon: typing.SupportsFloat | typing.SupportsIndex,
        y: numpy.typing.NDArray[typing.Any],
        mean: numpy.typing.NDArray[typing.Any] | None,
        rstd: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y (N, D), mean (N,) and rstd (N,), the reciprocal of the standard deviation.

        y may be x. mean is None for RMS normalization. gamma and beta: (D,) or None.
        """
    def optimizer_update(
        self,
        update: seqfuse._update.Update,
        params: numpy.typing.NDArray[typing.Any],
        grads: numpy.typing.NDArray[typing.Any],
        average: numpy.typing.NDArray[typing.Any] | None,
        count: typing.SupportsInt | typing.SupportsIndex,
        learning_rate: typing.SupportsFloat | typing.SupportsIndex,
        average_momentum: typing.SupportsFloat | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Update params, the states of `update`, and average unless it is None, in place.

        All are flat arrays of the same size. count is the number of updates, including this one.
        """
    def pack(
        self,
        cell: seqfuse.functional._cell.Cell,
        weights: seqfuse.functional._weights.Weights,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> PackedCell:
        """
        Pack the weights of a cell and return a PackedCell.
        """
    def peak_flops(self, dtype_name: str, seconds: typing.SupportsFloat | typing.SupportsIndex) -> float:
        """
        Measure the multiply-add peak of one core in FLOP/s.
        """
    def pointwise_backward(
        self,
        name: str,
        x: numpy.typing.NDArray[typing.Any],
        dy: numpy.typing.NDArray[typing.Any],
        dx: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write dx, which may be x or dy.

        All arrays are flat.
        """
    def pointwise_forward(
        self,
        name: str,
        x: numpy.typing.NDArray[typing.Any],
        y: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y, the function `name` of x: gelu, gelu_tanh or silu.

        All arrays are flat. y may be x.
        """
    def read_bandwidth(
        self,
        bytes: typing.SupportsInt | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
        seconds: typing.SupportsFloat | typing.SupportsIndex,
    ) -> float:
        """
        Measure how many bytes per second are read from a buffer of `bytes` bytes.
        """
    def recurrent_backward(
        self,
        tape: seqfuse.functional._tape.Tape,
        dy: numpy.typing.NDArray[typing.Any] | None,
        dh: numpy.typing.NDArray[typing.Any] | None,
        dc: numpy.typing.NDArray[typing.Any] | None,
        gradients: seqfuse.functional._gradients.Gradients,
        need_dx: bool,
        accumulate: bool,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[typing.Any, numpy.typing.NDArray[typing.Any], typing.Any]:
        """
        Return (dx, dh0, dc0) and add to dW, dU, db and dpeephole of `gradients`.

        With accumulate, these contain earlier gradients and keep them if Ctrl-C cancels the call.
        """
    def recurrent_forward(
        self,
        cell: seqfuse.functional._cell.Cell,
        weights: seqfuse.functional._weights.Weights,
        sequence: seqfuse.functional._sequence.Sequence,
        need_y: bool,
        checkpoint: typing.SupportsInt | typing.SupportsIndex | None,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[typing.Any, numpy.typing.NDArray[typing.Any], typing.Any, typing.Any]:
        """
        Return (y, h, c, saved).

        y is (B, T, H) if the sequence is batch_first, and None without need_y. c is None for cells without a
        cell state. saved is the array that the backward reads. With checkpoint 0 it contains all steps, which
        requires y. With checkpoint k it contains the states before every k-th step. With checkpoint None it
        is None.
        """
    def recurrent_inspect(
        self,
        tape: seqfuse.functional._tape.Tape,
        states: list[numpy.typing.NDArray[typing.Any]],
        gates: list[numpy.typing.NDArray[typing.Any]],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write the states after every step, and the gates. Both are lists of arrays (T, B, H) and may be empty.
        """
    def rotary(
        self,
        x: numpy.typing.NDArray[typing.Any],
        y: numpy.typing.NDArray[typing.Any],
        cos: numpy.typing.NDArray[typing.Any],
        sin: numpy.typing.NDArray[typing.Any],
        positions: numpy.typing.NDArray[typing.Any] | None,
        interleaved: bool,
        inverse: bool,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y (B, H, N, D), which must not be x.

        cos and sin: (P, pairs). positions: int64, N or B * N positions as a flat array, or None. inverse: rotate
        by the negative angles, which computes dx from dy.
        """
    def softmax_backward(
        self,
        y: numpy.typing.NDArray[typing.Any],
        dy: numpy.typing.NDArray[typing.Any],
        dx: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write dx (N, D), which may be dy.

        y is the output of the forward.
        """
    def softmax_forward(
        self,
        x: numpy.typing.NDArray[typing.Any],
        y: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y (N, D), the softmax of each row of x. y may be x.
        """
    @property
    def instruction_set(self) -> str: ...
    @property
    def openmp(self) -> bool:
        """
        Whether the kernels were compiled with OpenMP.
        """

class InstructionSet:
    """
    One row of cpp/cmake/InstructionSets.cmake.
    """
    @property
    def flags(self) -> str: ...
    @property
    def has_fma(self) -> bool:
        """
        Whether it has a fused multiply-add. All such sets return equal bits.
        """
    @property
    def name(self) -> str: ...
    @property
    def supported(self) -> bool:
        """
        Whether this CPU and operating system can run it.
        """

class StreamFloat:
    """
    Recurrent cell with an internal state that computes one step per call.
    """
    def c(self) -> typing.Any:
        """
        Return a copy of the cell state, or None if the cell has none.
        """
    def copy(self) -> StreamFloat: ...
    def h(self) -> numpy.typing.NDArray[typing.Any]:
        """
        Return a copy of the hidden state.
        """
    def reset(self, rows: numpy.typing.NDArray[typing.Any] | None) -> None:
        """
        Set the states of the given rows (int64), or of all rows if None, to zero.
        """
    def set(self, h: numpy.typing.NDArray[typing.Any], c: numpy.typing.NDArray[typing.Any] | None) -> None: ...
    def step(self, x: typing.Any, out: typing.Any) -> numpy.typing.NDArray[typing.Any]:
        """
        Compute one step. Raise ValueError, without changing the state, if an array does not match exactly.
        """

class StreamDouble:
    """
    Recurrent cell with an internal state that computes one step per call.
    """
    def c(self) -> typing.Any:
        """
        Return a copy of the cell state, or None if the cell has none.
        """
    def copy(self) -> StreamDouble: ...
    def h(self) -> numpy.typing.NDArray[typing.Any]:
        """
        Return a copy of the hidden state.
        """
    def reset(self, rows: numpy.typing.NDArray[typing.Any] | None) -> None:
        """
        Set the states of the given rows (int64), or of all rows if None, to zero.
        """
    def set(self, h: numpy.typing.NDArray[typing.Any], c: numpy.typing.NDArray[typing.Any] | None) -> None: ...
    def step(self, x: typing.Any, out: typing.Any) -> numpy.typing.NDArray[typing.Any]:
        """
        Compute one step. Raise ValueError, without changing the state, if an array does not match exactly.
        """

class PackedCell:
    """
    Weights of a cell, packed once. Immutable.
    """
    def forward(
        self,
        sequence: seqfuse.functional._sequence.Sequence,
        has_c: bool,
        need_y: bool,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[typing.Any, numpy.typing.NDArray[typing.Any], typing.Any, typing.Any]:
        """
        Run the forward as Kernels.recurrent_forward does, without a tape.
        """
    def stream(self, batch: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
        """
        Return a StreamFloat or StreamDouble with a zero state.
        """

class KeyCacheFloat:
    """
    Cache of the keys and values of a batch, packed in blocks.
    """
    def append(
        self,
        k: numpy.typing.NDArray[typing.Any],
        v: numpy.typing.NDArray[typing.Any],
        counts: numpy.typing.NDArray[typing.Any],
    ) -> None:
        """
        Append the first counts[b] keys and values of batch row b.

        k: (B, Hk, T, D). v: (B, Hk, T, Dv). counts: int64 (B,).
        """
    def attend(
        self,
        q: numpy.typing.NDArray[typing.Any],
        longest: typing.SupportsInt | typing.SupportsIndex,
        options: seqfuse.functional._scores.ScoreOptions,
        y: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y (B, Hq, Tq, Dv), the attention of q (B, Hq, Tq, D) to the cache.

        longest is the largest length.
        """
    def capacity(self) -> int:
        """
        Return how many keys per batch row fit without new memory.
        """
    def copy(self) -> KeyCacheFloat:
        """
        Return a copy.
        """
    def lengths(self) -> numpy.typing.NDArray[typing.Any]:
        """
        Return a copy of the lengths (B,), int64.
        """
    def longest(self) -> int:
        """
        Return the largest length.
        """
    def reset(self, rows: numpy.typing.NDArray[typing.Any] | None) -> None:
        """
        Remove all keys of the batch rows `rows`, int64, or of all batch rows if it is None.
        """

class KeyCacheDouble:
    """
    Cache of the keys and values of a batch, packed in blocks.
    """
    def append(
        self,
        k: numpy.typing.NDArray[typing.Any],
        v: numpy.typing.NDArray[typing.Any],
        counts: numpy.typing.NDArray[typing.Any],
    ) -> None:
        """
        Append the first counts[b] keys and values of batch row b.

        k: (B, Hk, T, D). v: (B, Hk, T, Dv). counts: int64 (B,).
        """
    def attend(
        self,
        q: numpy.typing.NDArray[typing.Any],
        longest: typing.SupportsInt | typing.SupportsIndex,
        options: seqfuse.functional._scores.ScoreOptions,
        y: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y (B, Hq, Tq, Dv), the attention of q (B, Hq, Tq, D) to the cache.

        longest is the largest length.
        """
    def capacity(self) -> int:
        """
        Return how many keys per batch row fit without new memory.
        """
    def copy(self) -> KeyCacheDouble:
        """
        Return a copy.
        """
    def lengths(self) -> numpy.typing.NDArray[typing.Any]:
        """
        Return a copy of the lengths (B,), int64.
        """
    def longest(self) -> int:
        """
        Return the largest length.
        """
    def reset(self, rows: numpy.typing.NDArray[typing.Any] | None) -> None:
        """
        Remove all keys of the batch rows `rows`, int64, or of all batch rows if it is None.
        """

def instruction_sets() -> list[InstructionSet]:
    """
    Return all instruction sets that seqfuse can be built for; the best is last.
    """

def load(path: str) -> Kernels:
    """
    Load the kernel library at `path`. Raise ImportError if it is not one.
    """
