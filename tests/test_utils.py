"""Tests of utilities: one-hot classes, padding, windows, and the random seed."""

import random

import numpy as np
import pytest

from seqfuse import _seeds, utils


def test_set_random_seed_seeds_python_numpy_and_seqfuse():
    def drawn():
        return random.random(), float(np.random.random()), _seeds.next_seed()  # noqa: NPY002 (what it seeds)

    utils.set_random_seed(3)
    first = drawn()
    assert drawn() != first
    utils.set_random_seed(np.int64(3))
    assert drawn() == first
    utils.set_random_seed(4)
    assert all(a != b for a, b in zip(drawn(), first))


@pytest.mark.parametrize(
    ("x", "num_classes", "shape"),
    [
        ([0, 2, 1], None, (3, 3)),
        ([0, 2, 1], 5, (3, 5)),
        ([[0], [2]], None, (2, 3)),
        ([[0, 2], [1, 1]], 3, (2, 2, 3)),
        (2, None, (3,)),
        ([1.0, 0.0], None, (2, 2)),
        ([True, False], None, (2, 2)),
        (np.array([1, 0], np.uint8), 2, (2, 2)),
        ([], 3, (0, 3)),
    ],
)
def test_to_categorical_has_a_one_at_each_class(x, num_classes, shape):
    rows = utils.to_categorical(x, num_classes)
    assert rows.shape == shape
    assert rows.dtype == np.float64
    assert np.array_equal(rows.argmax(-1).ravel(), np.ravel(x))
    assert np.array_equal(rows.sum(-1), np.ones(shape[:-1]))


def test_pad_sequences_fills_and_cuts_on_either_side():
    given = [[1], [], [2, 3], [4, 5, 6]]
    assert utils.pad_sequences(given).tolist() == [[0, 0, 1], [0, 0, 0], [0, 2, 3], [4, 5, 6]]
    assert utils.pad_sequences(given, padding="post", value=9).tolist() == [[1, 9, 9], [9, 9, 9], [2, 3, 9], [4, 5, 6]]
    assert utils.pad_sequences(given, 2).tolist() == [[0, 1], [0, 0], [2, 3], [5, 6]]
    assert utils.pad_sequences(given, 2, truncating="post").tolist() == [[0, 1], [0, 0], [2, 3], [4, 5]]
    assert utils.pad_sequences(iter(given)).tolist() == utils.pad_sequences(given).tolist()
    assert utils.pad_sequences(given, 5, padding="post")[3].tolist() == [4, 5, 6, 0, 0]


def test_pad_sequences_keeps_the_shape_of_a_step_and_the_type():
    padded = utils.pad_sequences([np.ones((2, 3)), np.ones((4, 3))], dtype="float32", padding="post")
    assert padded.shape == (2, 4, 3)
    assert padded.dtype == np.float32
    assert padded[0, :, 0].tolist() == [1, 1, 0, 0]
    assert utils.pad_sequences([["a"], ["b", "c"]], dtype=object, value="")[0].tolist() == ["", "a"]


def test_pad_sequences_of_nothing():
    assert utils.pad_sequences([]).shape == (0, 0)
    assert utils.pad_sequences([[], []]).shape == (2, 0)
    assert utils.pad_sequences([[1, 2]], 0).shape == (1, 0)


SERIES = np.arange(60.0).reshape(20, 3)


@pytest.mark.parametrize("shape", [(20,), (20, 3), (20, 2, 3)])
@pytest.mark.parametrize(
    ("length", "stride", "rate", "horizon"), [(1, 1, 1, 1), (4, 3, 2, 0), (5, 1, 1, 2), (3, 7, 6, 7)]
)
def test_sequence_windows_have_the_steps_of_their_docstring(shape, length, stride, rate, horizon):
    data = np.arange(np.prod(shape)).reshape(shape)
    targets = np.arange(100, 120)
    windows, targets = utils.sequence_windows(
        data, length, targets=targets, horizon=horizon, stride=stride, sampling_rate=rate
    )
    starts = [n for n in range(0, 20, stride) if n + (length - 1) * rate + horizon < 20]
    assert windows.shape == (len(starts), length, *shape[1:])
    assert targets.tolist() == [100 + n + (length - 1) * rate + horizon for n in starts]
    for window, start in zip(windows, starts):
        assert np.array_equal(window, data[[start + k * rate for k in range(length)]])


def test_sequence_windows_return_later_values_of_the_series_without_targets():
    windows, targets = utils.sequence_windows(SERIES, 4, horizon=1)
    assert np.array_equal(targets, SERIES[4:])
    assert np.array_equal(windows[:, -1], SERIES[3:-1])
    assert utils.sequence_windows(SERIES, 20).shape == (1, 20, 3)


def test_sequence_windows_copy_nothing_and_cannot_be_written():
    windows = utils.sequence_windows(SERIES, 4)
    assert np.shares_memory(windows, SERIES)
    assert windows.strides[-1] == SERIES.itemsize  # what the kernels read in place
    with pytest.raises(ValueError, match="read-only"):
        windows[0, 0, 0] = 1


def test_timeseries_batches_count_targets_from_the_start_of_a_window():
    batches = utils.timeseries_dataset_from_array(SERIES[:-4], SERIES[4:], 4, batch_size=5)
    assert len(batches) == 3
    pairs = list(batches)
    assert [len(x) for x, _ in pairs] == [5, 5, 3]
    windows, targets = utils.sequence_windows(SERIES, 4, horizon=1)
    assert np.array_equal(np.concatenate([x for x, _ in pairs]), windows[:13])
    assert np.array_equal(np.concatenate([y for _, y in pairs]), targets[:13])


def test_timeseries_batches_use_the_part_from_start_to_before_end():
    (pair,) = utils.timeseries_dataset_from_array(SERIES, np.arange(20), 2, 2, start_index=3, end_index=8)
    assert pair[0][:, :, 0].tolist() == [[9, 12], [15, 18]]
    assert pair[1].tolist() == [3, 5]


def test_timeseries_batches_without_batches_or_targets():
    assert [x.tolist() for x in utils.timeseries_dataset_from_array(range(4), None, 3, batch_size=None)] == [
        [0, 1, 2],
        [1, 2, 3],
    ]


def test_timeseries_batches_are_shuffled_anew_in_every_pass_by_the_seed():
    def passes(seed):
        batches = utils.timeseries_dataset_from_array(np.arange(50), np.arange(50), 3, 2, 1, 7, True, seed)
        return [[(x[0], y) for xs, ys in batches for x, y in zip(xs, ys)] for _ in range(2)]

    first, second = passes(1)
    assert first != second
    assert sorted(first) == sorted(second) == [(n, n) for n in range(0, 48, 2)]
    assert passes(1) == [first, second]
    assert passes(2)[0] != first
    utils.set_random_seed(5)
    unseeded = passes(None)
    utils.set_random_seed(5)
    assert passes(None) == unseeded


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: utils.set_random_seed(2**32), ValueError, "set_random_seed: seed must be in"),
        (lambda: utils.set_random_seed("1"), TypeError, "set_random_seed: seed must be an integer"),
        (lambda: utils.to_categorical([0, -1]), ValueError, r"x must be in 0..C-1 = 0..0; got -1 at \[1\]"),
        (lambda: utils.to_categorical([0, 3], 3), ValueError, r"x must be in 0..C-1 = 0..2; got 3 at \[1\]"),
        (lambda: utils.to_categorical([0.5]), TypeError, "x must be integers; got float64"),
        (lambda: utils.to_categorical([float("nan")]), TypeError, "x must be integers; got float64"),
        (lambda: utils.to_categorical([]), ValueError, "num_classes must be given"),
        (lambda: utils.to_categorical([0], 0), ValueError, "num_classes must be at least 1"),
        (lambda: utils.pad_sequences([1, 2]), TypeError, "sequences must be a list of sequences"),
        (lambda: utils.pad_sequences([[1]], padding="pots"), ValueError, 'padding must be .* Did you mean "post"'),
        (lambda: utils.pad_sequences([[1]], truncating="end"), ValueError, "truncating must be one of"),
        (lambda: utils.pad_sequences([[1]], -1), ValueError, "maxlen must be at least 0"),
        (lambda: utils.pad_sequences([[[1, 2]], [[1]]]), ValueError, r"one shape = \(2,\); got \(1,\) at \[1\]"),
        (lambda: utils.pad_sequences([[0.5]]), ValueError, 'integers for dtype=int32; .*dtype="float32"'),
        (lambda: utils.pad_sequences([["a"]], value="b"), ValueError, "value must be a int32; got 'b'"),
        (lambda: utils.sequence_windows(SERIES, 20, horizon=1), ValueError, "at least 21 steps; got"),
        (lambda: utils.sequence_windows(1.0, 1), ValueError, "data must have at least 1 steps"),
        (lambda: utils.sequence_windows(SERIES, 0), ValueError, "sequence_windows: length must be at least 1"),
        (lambda: utils.sequence_windows(SERIES, 2, stride=0), ValueError, "stride must be at least 1"),
        (lambda: utils.sequence_windows(SERIES, 2, targets=SERIES[1:]), ValueError, r"targets must be .* \(20, "),
        (
            lambda: utils.timeseries_dataset_from_array(SERIES, None, 2, sequence_stride=0),
            ValueError,
            "timeseries_dataset_from_array: sequence_stride must be at least 1",
        ),
        (
            lambda: utils.timeseries_dataset_from_array(SERIES, SERIES[:2], 2, start_index=2),
            ValueError,
            "targets must be .* M > 2",
        ),
        (
            lambda: utils.timeseries_dataset_from_array(SERIES, None, 2, start_index=5, end_index=4),
            ValueError,
            "end_index must be in start_index..N = 5..20; got 4",
        ),
    ],
)
def test_errors_name_the_argument(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
