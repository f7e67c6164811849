"""What the forward of attention keeps for the backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels
    from seqfuse.functional._scores import ScoreOptions, Shape


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class AttentionTape:
    """What `attention_backward` reads: opaque. The kernels read the fields by name."""

    _kernels: Kernels
    _shape: Shape
    _options: ScoreOptions
    _q: Array
    _k: Array
    _v: Array
    _y: Array
    # (2, B, Hq, Tq): the largest score of each query and the reciprocal of the sum of exp(score - largest), -inf and 0
    # if it attends to nothing
    _statistics: Array
    _mask_shape: tuple[int, ...] | None  # of an additive mask as it was given

    def __repr__(self) -> str:
        return f"<AttentionTape q={self._q.shape} k={self._k.shape} v={self._v.shape} {self._q.dtype}>"
