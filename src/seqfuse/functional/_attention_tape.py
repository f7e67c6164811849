"""The tape of attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels
    from seqfuse.functional._scores import ScoreOptions, Shape


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class AttentionTape:
    """Tape of `attention_forward` for `attention_backward`: opaque, keeps references to q, k, v, y and the mask."""

    # The bindings read some of the fields by name.
    _kernels: Kernels
    _shape: Shape
    _options: ScoreOptions
    _q: Array
    _k: Array
    _v: Array
    _y: Array
    # (2, B, Hq, Tq): row_max, the greatest score of each query, and inv_sum = 1 / (sum of exp(score - row_max)).
    # For a query without keys they are -inf and 0.
    _statistics: Array
    _mask_shape: tuple[int, ...] | None  # shape of an additive mask before broadcasting; None if there is none
    _guards: tuple[object, ...]  # see _arrays.guard

    def __repr__(self) -> str:
        return f"<AttentionTape q={self._q.shape} k={self._k.shape} v={self._v.shape} {self._q.dtype}>"
