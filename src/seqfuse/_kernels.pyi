"""
Kernels of seqfuse for arrays that were checked: one type of number, native byte order, aligned,
contiguous last axis. Use `seqfuse.functional`, which checks and converts.

Shapes are in the symbols of the recurrent functions' docstrings. `valid` is None or bool (T, B) in
C order. Every function takes the number of threads last.
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
    ) -> KeyCacheDouble: ...
    def KeyCacheFloat(
        self,
        B: typing.SupportsInt | typing.SupportsIndex,
        Hk: typing.SupportsInt | typing.SupportsIndex,
        D: typing.SupportsInt | typing.SupportsIndex,
        Dv: typing.SupportsInt | typing.SupportsIndex,
        capacity: typing.SupportsInt | typing.SupportsIndex,
    ) -> KeyCacheFloat: ...
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
        Write y, which may be a, and slope, which may be None: flat arrays.
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
        Write dq; write dk, dv and dmask (B, Hq, Tq, Tk; may be None), which hold zeros, where keys
        were attended to.
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
        Write y; unless they are None, also statistics (2, B, Hq, Tq) in C order, each row's largest
        score and the reciprocal of the sum of exp(score - largest), and lse (B, Hq, Tq), the
        logarithm of the sum of exp(score).
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
        Write dlogits (N, C).
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
        Return the mean loss of logits (N, C); write row_max and inv_sum (N,).
        """
    def ctc_backward(
        self,
        tape: seqfuse.functional.ctc.CTCLossTape,
        dlosses: numpy.typing.NDArray[typing.Any],
        dlogits: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write dlogits (T, B, C) from dlosses (B,).
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
        Write losses (B,) from logits (T, B, C), labels (B, S) and label_lengths (B,), both int64. Return
        what the backward reads, or None without keep.
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
        Write dx (may be None); add to dW and db (may be None). With accumulate these hold values already, and keep them if Ctrl-C stops the call.
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
        Write y (N, O) = b + x (N, I) W (I, O); with add, add x W to y and pass None for b.
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
        Write y, which may be x: flat arrays.
        """
    def embedding_backward(
        self,
        ids: numpy.typing.NDArray[typing.Any],
        dy: numpy.typing.NDArray[typing.Any],
        dE: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Add to dE (V, D).
        """
    def embedding_forward(
        self,
        ids: numpy.typing.NDArray[typing.Any],
        E: numpy.typing.NDArray[typing.Any],
        y: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y (N, D) from ids (N,), int64, and E (V, D).
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
        Write dx (N, D); add to dgamma and dbeta (D,), which may be None. x: that of the tape, (N, D).
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
        Write y (N, D), mean (N,) and rstd (N,); mean is None for RMS normalization.
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
        Update params, the states of `update` and average (may be None), flat arrays. count: of updates,
        this one included.
        """
    def pack(
        self,
        cell: seqfuse.functional._cell.Cell,
        weights: seqfuse.functional._weights.Weights,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> PackedCell:
        """
        Pack the weights of a cell once.
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
        """
    def pointwise_forward(
        self,
        name: str,
        x: numpy.typing.NDArray[typing.Any],
        y: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y, which may be x: flat arrays; name: gelu, gelu_tanh or silu.
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
        Return (dx, dh0, dc0); add to dW, dU, db and dpeephole of `gradients`. With accumulate these hold
        values already, and keep them if Ctrl-C stops the call.
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
        Return (y, h, c, saved), None for what there is not; y is (B, T, H) if the sequence is batch_first.
        saved is what the backward reads:
        all steps if checkpoint is 0, which needs y; the states before every k-th step if it is k;
        nothing if it is None.
        """
    def recurrent_inspect(
        self,
        tape: seqfuse.functional._tape.Tape,
        states: list[numpy.typing.NDArray[typing.Any]],
        gates: list[numpy.typing.NDArray[typing.Any]],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write the states after every step, and the gates: arrays (T, B, H) each, or empty lists.
        """
    def rotary(
        self,
        x: numpy.typing.NDArray[typing.Any],
        y: numpy.typing.NDArray[typing.Any],
        cos: numpy.typing.NDArray[typing.Any],
        sin: numpy.typing.NDArray[typing.Any],
        positions: numpy.typing.NDArray[typing.Any] | None,
        interleaved: bool,
        back: bool,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y (B, H, N, D), not x. cos, sin: (P, pairs); positions: flat int64, (N,) or (B, N); back: by the negative angle, which makes dx of dy.
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
        """
    def softmax_forward(
        self,
        x: numpy.typing.NDArray[typing.Any],
        y: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Write y (N, D), which may be x.
        """
    @property
    def instruction_set(self) -> str: ...
    @property
    def openmp(self) -> bool:
        """
        Compiled with several threads.
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
        Sets with a fused multiply-add give equal bits.
        """
    @property
    def name(self) -> str: ...
    @property
    def supported(self) -> bool:
        """
        This CPU and operating system can run it.
        """

class StreamFloat:
    """
    One step of a recurrence per call; the state stays inside.
    """
    def c(self) -> typing.Any:
        """
        A copy of the cell state; None without one.
        """
    def copy(self) -> StreamFloat: ...
    def h(self) -> numpy.typing.NDArray[typing.Any]:
        """
        A copy of the hidden state.
        """
    def reset(self, rows: numpy.typing.NDArray[typing.Any] | None) -> None:
        """
        Set rows (int64) to zeros; None: all.
        """
    def set(self, h: numpy.typing.NDArray[typing.Any], c: numpy.typing.NDArray[typing.Any] | None) -> None: ...
    def step(self, x: typing.Any, out: typing.Any) -> numpy.typing.NDArray[typing.Any]:
        """
        Take one step; TypeError or ValueError, with nothing done, for arrays that are not exactly as needed.
        """

class StreamDouble:
    """
    One step of a recurrence per call; the state stays inside.
    """
    def c(self) -> typing.Any:
        """
        A copy of the cell state; None without one.
        """
    def copy(self) -> StreamDouble: ...
    def h(self) -> numpy.typing.NDArray[typing.Any]:
        """
        A copy of the hidden state.
        """
    def reset(self, rows: numpy.typing.NDArray[typing.Any] | None) -> None:
        """
        Set rows (int64) to zeros; None: all.
        """
    def set(self, h: numpy.typing.NDArray[typing.Any], c: numpy.typing.NDArray[typing.Any] | None) -> None: ...
    def step(self, x: typing.Any, out: typing.Any) -> numpy.typing.NDArray[typing.Any]:
        """
        Take one step; TypeError or ValueError, with nothing done, for arrays that are not exactly as needed.
        """

class PackedCell:
    """
    Weights of a cell, packed once; immutable.
    """
    def forward(
        self,
        sequence: seqfuse.functional._sequence.Sequence,
        has_c: bool,
        need_y: bool,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[typing.Any, numpy.typing.NDArray[typing.Any], typing.Any, typing.Any]:
        """
        Like Kernels.recurrent_forward, without a tape.
        """
    def stream(self, batch: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
        """
        A StreamFloat or StreamDouble with a state of zeros.
        """

class KeyCacheFloat:
    """
    Keys and values of the rows of a batch, packed in blocks.
    """
    def append(
        self,
        k: numpy.typing.NDArray[typing.Any],
        v: numpy.typing.NDArray[typing.Any],
        counts: numpy.typing.NDArray[typing.Any],
    ) -> None:
        """
        counts: int64 (B,).
        """
    def attend(
        self,
        q: numpy.typing.NDArray[typing.Any],
        longest: typing.SupportsInt | typing.SupportsIndex,
        options: seqfuse.functional._scores.ScoreOptions,
        y: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def capacity(self) -> int: ...
    def copy(self) -> KeyCacheFloat: ...
    def lengths(self) -> numpy.typing.NDArray[typing.Any]:
        """
        A copy of the lengths (B,), int64.
        """
    def longest(self) -> int:
        """
        The largest length.
        """
    def reset(self, rows: numpy.typing.NDArray[typing.Any] | None) -> None:
        """
        Empty rows (int64); None: all.
        """

class KeyCacheDouble:
    """
    Keys and values of the rows of a batch, packed in blocks.
    """
    def append(
        self,
        k: numpy.typing.NDArray[typing.Any],
        v: numpy.typing.NDArray[typing.Any],
        counts: numpy.typing.NDArray[typing.Any],
    ) -> None:
        """
        counts: int64 (B,).
        """
    def attend(
        self,
        q: numpy.typing.NDArray[typing.Any],
        longest: typing.SupportsInt | typing.SupportsIndex,
        options: seqfuse.functional._scores.ScoreOptions,
        y: numpy.typing.NDArray[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def capacity(self) -> int: ...
    def copy(self) -> KeyCacheDouble: ...
    def lengths(self) -> numpy.typing.NDArray[typing.Any]:
        """
        A copy of the lengths (B,), int64.
        """
    def longest(self) -> int:
        """
        The largest length.
        """
    def reset(self, rows: numpy.typing.NDArray[typing.Any] | None) -> None:
        """
        Empty rows (int64); None: all.
        """

def instruction_sets() -> list[InstructionSet]:
    """
    All instruction sets that seqfuse can be built for, the best last.
    """

def load(path: str) -> Kernels:
    """
    Load the library of kernels at `path`; ImportError if it is not one.
    """
