"""Compare pad_sequences, to_categorical and timeseries_dataset_from_array with Keras."""

import keras
import numpy as np
import pytest
from support.pairwise import pairwise

from seqfuse import utils

SEQUENCES = [[1], [], [2, 3], [4, 5, 6, 7, 8]]


@pairwise(
    maxlen=[None, 1, 3, 7],
    padding=["pre", "post"],
    truncating=["pre", "post"],
    steps=[(), (2,)],
    dtype=["int32", "float32"],
)
def test_pad_sequences_matches_keras(maxlen, padding, truncating, steps, dtype):
    given = [np.multiply.outer(s, np.ones(steps, int)) for s in SEQUENCES if s] if steps else SEQUENCES
    arguments = {"maxlen": maxlen, "dtype": dtype, "padding": padding, "truncating": truncating, "value": -1}
    ours, theirs = utils.pad_sequences(given, **arguments), keras.utils.pad_sequences(given, **arguments)
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("x", [[0, 2, 1], [[0], [2]], [[0, 1], [2, 0]], [2.0, 0.0], [True, False], 3])
@pytest.mark.parametrize("num_classes", [None, 5])
def test_to_categorical_matches_keras(x, num_classes):
    ours, theirs = utils.to_categorical(x, num_classes), keras.utils.to_categorical(x, num_classes)
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)


@pairwise(
    part=[(None, None, None), (30, None, 20), (15, None, None), (30, 5, 25)],
    batch_size=[None, 4],
    window=[(3, 1, 1), (4, 2, 3), (2, 5, 1)],
)
def test_timeseries_dataset_from_array_matches_keras(part, batch_size, window):
    (count, start, end), (length, stride, rate) = part, window
    pytest.importorskip("tensorflow")
    data, targets = np.arange(60.0).reshape(30, 2), None if count is None else np.arange(100, 100 + count)
    arguments = (data, targets, length, stride, rate, batch_size, False, None, start, end)
    expected = list(keras.utils.timeseries_dataset_from_array(*arguments).as_numpy_iterator())
    got = list(utils.timeseries_dataset_from_array(*arguments))
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected):
        if targets is None:
            assert np.array_equal(ours, theirs)
        else:
            assert np.array_equal(ours[0], theirs[0])
            assert np.array_equal(ours[1], theirs[1])
