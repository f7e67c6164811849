"""The dtype in which a reference function computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def computed_dtype(*arrays: npt.ArrayLike | None) -> np.dtype[Any]:
    """Return the widest dtype of the arguments.

    float16, bfloat16, bool and integers count as float32. None is ignored.

    Raises
    ------
    TypeError
        If an argument has complex numbers, objects or strings.

    Examples
    --------
    >>> computed_dtype([1, 2], np.float16(3), None)
    dtype('float32')
    >>> computed_dtype(np.float32(1), np.float64(1))
    dtype('float64')
    """
    return np.result_type(*(_counts_as(np.asarray(a).dtype) for a in arrays if a is not None))


def _counts_as(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which numbers of `dtype` are computed."""
    if dtype.kind == "f" and dtype.itemsize >= 4:
        return np.dtype(dtype.type)  # in native byte order
    if dtype.kind in "fbiu" or dtype.name == "bfloat16":
        return np.dtype(np.float32)
    raise TypeError(f"the dtype must be floating-point, integer or bool; got {dtype}")
