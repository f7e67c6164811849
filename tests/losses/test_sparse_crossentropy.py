"""Tests of the sparse cross-entropy: hand-computed values, comparison with the categorical one, invalid labels."""

import re

import numpy as np
import pytest

from seqfuse import functional as F
from seqfuse import losses

log = np.log


@pytest.mark.parametrize(
    ("options", "y_true", "y_pred", "expected"),
    [
        ({}, [1, 0], [[1, 3], [1, 1]], [-log(0.75), log(2)]),
        ({"from_logits": True}, [1, 0], [[0, log(3)], [5, 5]], [-log(0.75), log(2)]),
        ({"ignore_class": 0}, [1, 0], [[1, 3], [1, 1]], [-log(0.75), 0]),
        ({"ignore_class": -1, "from_logits": True}, [[-1], [0]], [[0, log(3)], [5, 5]], [0, log(2)]),
        ({}, [0], [[0, 1]], [-log(1e-7)]),
    ],
)
def test_function_returns_one_value_per_row(options, y_true, y_pred, expected):
    values = losses.sparse_categorical_crossentropy(y_true, np.array(y_pred, float), **options)
    np.testing.assert_allclose(values, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("from_logits", "reduction"), [(False, "sum_over_batch_size"), (True, "sum"), (True, None), (False, "sum")]
)
def test_sparse_equals_categorical_of_one_hot_rows(reduction, from_logits):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(5, size=(4, 3)), rng.uniform(0.1, 1, size=(4, 3, 5))
    weights, mask = rng.uniform(size=(4, 3)), rng.random(size=(4, 3)) < 0.6
    results = []
    for loss, target in [
        (losses.SparseCategoricalCrossentropy(from_logits, reduction=reduction), y_true),
        (losses.CategoricalCrossentropy(from_logits, reduction=reduction), np.eye(5)[y_true]),
    ]:
        value, tape = loss.forward(target, y_pred, weights, mask)
        results.append((value, loss.backward(tape)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-12, atol=1e-15)


def test_unweighted_gradient_equals_the_kernel_bitwise():
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(5, size=(4, 3)), rng.normal(size=(4, 3, 5)).astype(np.float32)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    value, tape = loss.forward(labels, logits)
    expected, kernel_tape = F.softmax_cross_entropy_forward(logits, labels)
    assert value == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(loss.backward(tape), F.softmax_cross_entropy_backward(kernel_tape), rtol=1e-6)


def test_ignored_labels_do_not_count_in_a_mean():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    value, tape = loss.forward(np.uint8([1, 255]), [[0.5, 0.5], [0.0, 0.0]])
    assert value == pytest.approx(log(2))
    np.testing.assert_allclose(loss.backward(tape), [[1, -1], [0, 0]], atol=1e-12)


def test_tape_is_unaffected_when_labels_change():
    labels, logits = np.array([0, 1]), np.zeros((2, 2))
    for from_logits, y_pred in ((True, logits), (False, logits + 0.5)):
        loss = losses.SparseCategoricalCrossentropy(from_logits)
        _, tape = loss.forward(labels, y_pred)
        expected = loss.backward(tape)
        labels[:] = 99
        np.testing.assert_array_equal(loss.backward(tape), expected)
        labels[:] = 0, 1


@pytest.mark.parametrize(
    ("y_true", "error", "message"),
    [
        ([[0, 3], [0, 0]], ValueError, "y_true must be in 0..C-1 = 0..2; got 3 at [0, 1]. Negative classes do not"),
        (
            [[0, 0], [-1, 0]],
            ValueError,
            "got -1 at [1, 0]. Negative classes do not count from the end. For padding use",
        ),
        (
            [[0, 0.5], [0, 0]],
            ValueError,
            "must be class indices, which are integers; got 0.5 at [0, 1]. For real-valued",
        ),
        ([[0, np.nan], [0, 0]], ValueError, "must be class indices, which are integers; got nan at [0, 1]"),
        ([[0, 1e30], [0, 0]], ValueError, "must be class indices, which are integers; got 1e+30 at [0, 1]"),
        ([["a", "b"], ["c", "d"]], TypeError, "y_true must be float64, float32, half, integers or bool; got <U1"),
        ([0, 1], ValueError, "y_true must be (...) = (2, 2); got (2,)"),
        (np.zeros((2, 2, 3)), ValueError, "y_true must be (...) = (2, 2); got (2, 2, 3). For one-hot rows or rows"),
    ],
)
def test_forward_refuses_invalid_labels(y_true, error, message):
    for from_logits in (False, True):
        with pytest.raises(error, match=r"^SparseCategoricalCrossentropy: y_true must be ") as caught:
            losses.SparseCategoricalCrossentropy(from_logits)(y_true, np.full((2, 2, 3), 0.3))
        assert message in str(caught.value)


def test_forward_accepts_bool_labels():
    assert losses.SparseCategoricalCrossentropy()([True, False], [[0.5, 0.5], [0.5, 0.5]]) == pytest.approx(log(2))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"from_logits": "yes"}, TypeError, "from_logits must be True or False; got 'yes'"),
        ({"ignore_class": 0.5}, TypeError, "ignore_class must be an integer or None; got 0.5"),
        ({"axis": 0}, ValueError, "axis must be -1; got 0"),
    ],
)
def test_constructor_refuses_invalid_options(options, error, message):
    with pytest.raises(error, match=re.escape(f"SparseCategoricalCrossentropy: {message}")):
        losses.SparseCategoricalCrossentropy(**options)
