"""Preparation of sequences and labels with Keras's names, and the seed of all random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks, _names, _seeds
from seqfuse._windows import WindowBatches, sequence_windows, timeseries_dataset_from_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array

__all__ = [
    "WindowBatches",
    "pad_sequences",
    "sequence_windows",
    "set_random_seed",
    "timeseries_dataset_from_array",
    "to_categorical",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def set_random_seed(seed: int) -> None:
    """Seed Python's random, numpy.random and all random numbers of seqfuse.

    Parameters
    ----------
    seed : int
        Seed in [0, 2**32), the range that numpy.random accepts.

    Raises
    ------
    ValueError
        If the seed is out of range.
    TypeError
        If the seed is not an integer.

    Examples
    --------
    >>> from seqfuse import initializers, utils
    >>> utils.set_random_seed(1)
    >>> first = initializers.GlorotUniform()((2, 2))
    >>> utils.set_random_seed(1)
    >>> bool((initializers.GlorotUniform()((2, 2)) == first).all())
    True
    """
    import random

    seed = _checks.integer("set_random_seed", "seed", seed, 0, 2**32 - 1, "in [0, 2**32)")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (as in Keras, because programs use it to shuffle)
    _seeds.set_seed(seed)


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> Array:
    """Convert class indices to one-hot rows.

    Parameters
    ----------
    x : array_like of int, shape (...) or (..., 1)
        Class indices in 0..C-1. Floats with integer values are accepted.
    num_classes : int, optional
        Number of classes C. The largest index plus one by default.

    Returns
    -------
    ndarray of float64, shape (..., C)
        One-hot rows.

    Raises
    ------
    ValueError
        If an index is outside 0..C-1, or x is empty and `num_classes` is not given.
    TypeError
        If the indices are not integers.

    Examples
    --------
    >>> from seqfuse import utils
    >>> utils.to_categorical([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    function = "to_categorical"
    classes = _arrays.asarray(function, "x", x)
    if classes.dtype == bool or (classes.dtype.kind == "f" and np.array_equal(classes, np.trunc(classes))):
        classes = classes.astype(np.int64)  # numbers read from a text file are float64
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if num_classes is None:
        if not classes.size:
            raise ValueError(f"{function}: num_classes must be given if x is empty; got {classes.shape}")
        num_classes = max(1, int(classes.max()) + 1) if classes.dtype.kind in "iu" else 1
    num_classes = _checks.integer(function, "num_classes", num_classes, 1)
    flat, shape = _checks.indices(function, "x", classes, "0..C-1", num_classes - 1, copy=False)
    _checks.sizes(function, "the result (..., C)", *shape, num_classes)
    rows = np.zeros((flat.size, num_classes))
    rows[np.arange(flat.size), flat] = 1
    return rows.reshape(*shape, num_classes)


_SIDES = {"pre": "pre", "post": "post"}


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Array:
    """Pad sequences of different lengths to one array.

    Parameters
    ----------
    sequences : sequence of B array_like, each of shape (T_b, ...)
        Sequences.
    maxlen : int, optional
        Number of steps T of the result. The longest length by default.
    dtype : dtype_like, default "int32"
        Type of the result.
    padding : {"pre", "post"}, default "pre"
        Whether padding is added before or after a sequence. The argument `lengths` of the kernels needs "post".
    truncating : {"pre", "post"}, default "pre"
        Whether steps are removed from the start or the end of a sequence that is too long.
    value : float or str, default 0.0
        Value of the padding.

    Returns
    -------
    ndarray, shape (B, T, ...)
        Padded sequences.

    Raises
    ------
    ValueError
        If the shapes of the steps differ, or a name is neither "pre" nor "post".
    TypeError
        If an entry of `sequences` has no length.

    Examples
    --------
    >>> from seqfuse import utils
    >>> utils.pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    function = "pad_sequences"
    pad_before = _names.look_up(function, "padding", padding, _SIDES) == "pre"
    keep_last = _names.look_up(function, "truncating", truncating, _SIDES) == "pre"
    try:
        sequences = list(sequences)
        lengths = [len(sequence) for sequence in sequences]
    except TypeError:
        raise TypeError(f"{function}: sequences must be a list of sequences; got {sequences!r:.60}") from None
    steps = max(lengths, default=0) if maxlen is None else _checks.integer(function, "maxlen", maxlen, 0)
    step_shape = next((np.shape(sequence)[1:] for sequence in sequences if len(sequence)), ())
    _checks.sizes(function, "the result (B, T, ...)", len(lengths), steps, *step_shape)
    try:
        padded = np.full((len(lengths), steps, *step_shape), value, dtype)
    except ValueError as error:
        raise ValueError(f"{function}: value must be a {np.dtype(dtype)}; got {value!r}. Pass dtype") from error
    for n, (sequence, length) in enumerate(zip(sequences, lengths)):
        kept = min(length, steps)
        part = np.asarray(sequence[length - kept :] if keep_last else sequence[:kept])
        if length and part.shape[1:] != step_shape:
            raise ValueError(
                f"{function}: sequences must have steps of one shape = {step_shape}; got {part.shape[1:]} at [{n}]"
            )
        if part.dtype.kind == "f" and padded.dtype.kind in "iu" and (part != np.trunc(part)).any():
            raise ValueError(
                f"{function}: sequences must be integers for dtype={padded.dtype}; got other values at [{n}]. "
                'Pass dtype="float32"'
            )
        if kept:
            padded[n, steps - kept if pad_before else 0 :][:kept] = part
    return padded
