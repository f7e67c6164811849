"""Tests of batches: how arrays and iterables are split, shuffled and validated."""

import numpy as np
import pytest

from seqfuse.models._batches import (
    ArrayBatches,
    IterableBatches,
    is_array_data,
    list_arrays,
    split_validation,
    to_arrays,
    unpack_batch,
)

X, Y = np.arange(7), np.arange(7) * 10


def seeds(start=5):
    counter = iter(range(start, 1000))
    return lambda: next(counter)


def listed(batches):
    return [(list(x), list(y)) for x, y, _ in batches]


def test_array_batches_end_with_a_smaller_batch():
    batches = ArrayBatches("fit", (X, Y, None), 3)
    assert len(batches) == 3
    assert listed(batches) == [([0, 1, 2], [0, 10, 20]), ([3, 4, 5], [30, 40, 50]), ([6], [60])]
    assert [len(x) for x, _, _ in ArrayBatches("fit", (X, Y, None), None)] == [7]
    assert [len(x) for x, _, _ in ArrayBatches("fit", (X, Y, None), 100)] == [7]


def test_array_batches_contain_every_sample_once_when_shuffled():
    batches = ArrayBatches("fit", (X, Y, None), 3, True, seeds())
    first, second = listed(batches), listed(batches)
    assert first != second
    for epoch in (first, second):
        assert [len(x) for x, _ in epoch] == [3, 3, 1]
        assert sorted(i for x, _ in epoch for i in x) == list(X)
        assert all([10 * i for i in x] == y for x, y in epoch)


def test_array_batches_order_depends_on_the_seed():
    assert listed(ArrayBatches("fit", (X, Y, None), 3, True, seeds())) == listed(
        ArrayBatches("fit", (X, Y, None), 3, True, seeds())
    )
    assert listed(ArrayBatches("fit", (X, Y, None), 3, True, seeds())) != listed(
        ArrayBatches("fit", (X, Y, None), 3, True, seeds(77))
    )


def test_array_batches_keep_their_samples_when_batches_are_shuffled():
    x = np.arange(64)
    epochs = [tuple(tuple(b) for b, _, _ in ArrayBatches("fit", (x, x, None), 8, "batch", seeds(i))) for i in range(3)]
    for epoch in epochs:
        assert sorted(epoch) == [tuple(range(i, i + 8)) for i in range(0, 64, 8)]
    assert len(set(epochs)) > 1
    rest = [list(b) for b, _, _ in ArrayBatches("fit", (X, Y, None), 3, "batch", seeds())]
    assert sorted(i for x in rest for i in x) == list(X)


def test_array_batches_shuffle_inputs_targets_and_weights_together():
    data = [X, X[:, None]], {"a": Y, "b": Y + 1}, X * 0.5
    for x, y, w in ArrayBatches("fit", data, 3, True, seeds()):
        np.testing.assert_array_equal(x[0], x[1][:, 0])
        np.testing.assert_array_equal(y["a"], 10 * x[0])
        np.testing.assert_array_equal(y["b"], 10 * x[0] + 1)
        np.testing.assert_array_equal(w, x[0] / 2)


def test_array_batches_have_no_targets_when_y_is_none():
    assert [y for _, y, _ in ArrayBatches("predict", (X, None, None), 4, True, seeds())] == [None, None]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            (X, Y[:5], None),
            {},
            "must have the same number of samples; got x with 7 and y with 5",
        ),
        ((X, Y, Y[:5]), {}, "got x with 7 and sample_weight with 5"),
        (([X, X[:3]], Y, None), {}, "same number of samples"),
        ((np.array(3), None, None), {}, "x must have a first axis, the samples"),
        (([], None, None), {}, "x must be given"),
        ((X, Y, None), {"batch_size": 0}, "batch_size must be at least 1; got 0"),
        ((X, Y, None), {"shuffle": "batches"}, 'shuffle must be True, False or "batch"'),
    ],
)
def test_array_batches_reject_invalid_arguments(data, options, message):
    with pytest.raises(ValueError, match=message):
        ArrayBatches("fit", data, **{"batch_size": 3, **options})


def test_split_validation_returns_the_last_samples_as_keras_does():
    (x, _y, _), (vx, vy, _) = split_validation("fit", (X, Y, None), 0.3)
    assert (list(x), list(vx)) == ([0, 1, 2, 3], [4, 5, 6])
    assert list(vy) == [40, 50, 60]
    (xs, _, w), (vxs, _, vw) = split_validation("fit", ({"a": X}, Y, X), 0.3)
    assert (len(xs["a"]), len(w), len(vxs["a"]), len(vw)) == (4, 4, 3, 3)
    for fraction in (0.01, 1.0, -0.1):
        if fraction == 0.01:
            assert [len(part[0]) for part in split_validation("fit", (X, Y, None), fraction)] == [6, 1]
        else:
            with pytest.raises(ValueError, match="validation_split must be"):
                split_validation("fit", (X, Y, None), fraction)
    with pytest.raises(ValueError, match="leave samples for training and validation"):
        split_validation("fit", (X[:1], Y[:1], None), 0.5)


def test_to_arrays_converts_lists_of_numbers_and_keeps_lists_of_arrays():
    assert to_arrays("f", "x", [1, 2, 3], False).shape == (3,)
    assert to_arrays("f", "x", [[1, 2], [3, 4]], False).shape == (2, 2)
    assert [a.shape for a in to_arrays("f", "x", [[1, 2], [3, 4]], True)] == [(2,), (2,)]
    assert [a.shape for a in to_arrays("f", "x", [X, Y], False)] == [(7,), (7,)]
    assert to_arrays("f", "x", {"a": [1, 2]}, False)["a"].shape == (2,)
    assert to_arrays("f", "x", None, True) is None
    assert list_arrays({"a": [X, Y], "b": X}) == [X, Y, X]
    with pytest.raises(ValueError, match=r"f: x\[1\] must be an array; got list\. NumPy says"):
        to_arrays("f", "x", [[1, 2], [[1], 2]], True)


def test_unpack_batch_returns_x_y_and_sample_weight():
    assert unpack_batch("fit", X)[1:] == (None, None)
    assert unpack_batch("fit", (X,)) == (X, None, None)
    assert unpack_batch("fit", [X, Y]) == (X, Y, None)
    assert unpack_batch("fit", (X, Y, Y)) == (X, Y, Y)
    with pytest.raises(ValueError, match=r"must be x, \(x, y\) or \(x, y, sample_weight\); got 4 parts"):
        unpack_batch("fit", (X, Y, Y, Y))


class IndexedDataset:
    """Dataset with a length and indexed batches, like Keras's PyDataset. Its `__getitem__` accepts any index."""

    def __init__(self):
        self.ends = 0

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return np.full(2, i), np.full(2, i)

    def on_epoch_end(self):
        self.ends += 1


def test_iterable_batches_accept_sequences_generators_and_lists():
    assert [int(x[0]) for x, _, _ in IterableBatches("fit", IndexedDataset())] == [0, 1, 2]
    assert IterableBatches("fit", IndexedDataset()).steps == 3
    generator = IterableBatches("fit", ((X, Y) for _ in range(2)))
    assert generator.steps is None
    assert len(list(generator)) == 2
    assert list(generator) == []  # a generator can only be consumed once
    batches = IterableBatches("fit", [(X, Y), (X, Y)])
    assert len(list(batches)) == len(list(batches)) == batches.steps == 2
    with pytest.raises(TypeError, match="x must be arrays or an iterable of batches; got int"):
        IterableBatches("fit", 3)


def test_iterable_batches_call_on_epoch_end_of_the_dataset():
    dataset = IndexedDataset()
    batches = IterableBatches("fit", dataset)
    for epoch in (1, 2):
        list(batches)
        assert dataset.ends == epoch


def test_is_array_data_distinguishes_arrays_from_batches():
    class ArrayLike:
        def __array__(self, dtype=None, copy=None):
            return X

    for x in (X, [X, Y], [1, 2], {"a": X}, (X, Y), ArrayLike()):
        assert is_array_data(x)
    for x in ([(X, Y)], iter([(X, Y)]), IndexedDataset()):
        assert not is_array_data(x)
