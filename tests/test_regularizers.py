"""Tests of the regularizers: values, gradients by central differences, names, invalid arguments."""

import numpy as np
import pytest

from seqfuse import regularizers

ALL = [
    regularizers.L1(0.3),
    regularizers.L2(0.2),
    regularizers.L1L2(0.3, 0.2),
    regularizers.L1L2(l2=0.2),
    regularizers.L1L2(),
]


@pytest.mark.parametrize("penalty", ALL, ids=repr)
def test_add_gradient_matches_central_differences(penalty):
    w = np.random.default_rng(1).normal(size=(3, 4))
    into = np.ones((3, 4))
    penalty.add_gradient(w, into)
    step = 1e-5  # the penalty is a parabola away from 0, so the only error is rounding: 1e-16 / 1e-5
    for place in np.ndindex(w.shape):
        up, down = w.copy(), w.copy()
        up[place] += step
        down[place] -= step
        wanted = (penalty.value(up) - penalty.value(down)) / (2 * step)
        assert abs(into[place] - 1 - wanted) < 1e-9


def test_value_is_the_weighted_sum_of_absolutes_and_squares():
    w = np.array([[-3.0, 0.0], [2.0, 1.0]])
    assert regularizers.L1(0.5).value(w) == 3.0
    assert regularizers.L2(0.5).value(w) == 7.0
    assert regularizers.L1L2(0.5, 2.0)(w) == 31.0
    assert regularizers.L1L2().value(w) == 0.0


def test_l1_gradient_is_zero_at_zero():
    into = np.zeros(3)
    regularizers.L1(1.0).add_gradient(np.array([0.0, -0.0, 1e-300]), into)
    assert into.tolist() == [0, 0, 1]


def test_add_gradient_keeps_type_and_memory_of_into():
    buffer = np.zeros(6, np.float32)
    into = buffer[2:5]
    regularizers.L1L2(0.1, 0.1).add_gradient(np.ones(3, np.float32), into)
    assert buffer.tolist() == [0, 0, *[float(np.float32(0.1) + np.float32(0.2))] * 3, 0]


def test_value_is_summed_in_float64():
    w = np.full(2**16 + 1, 1 + 2**-12, np.float32)
    assert regularizers.L2(1.0).value(w) == (2**16 + 1) * (1 + 2**-12) ** 2
    assert np.isfinite(regularizers.L2(1.0).value(np.full(2, 1e30, np.float32)))


@pytest.mark.parametrize(
    ("identifier", "wanted"),
    [
        ("l1", {"l1": 0.01}),
        ("l2", {"l2": 0.01}),
        ("L2", {"l2": 0.01}),
        ("l1_l2", {"l1": 0.01, "l2": 0.01}),
        ("l1l2", {"l1": 0.01, "l2": 0.01}),
        ("L1L2", {"l1": 0.01, "l2": 0.01}),
        (regularizers.L1, {"l1": 0.01}),
        (regularizers.l1_l2, {"l1": 0.0, "l2": 0.0}),
        (regularizers.l2(None), {"l2": 0.01}),
        ({"class_name": "L1L2", "config": {"l1": 0.5}}, {"l1": 0.5, "l2": 0.0}),
    ],
)
def test_get_accepts_names_classes_and_configs(identifier, wanted):
    found = regularizers.get(identifier)
    assert found.get_config() == wanted
    assert type(found).from_config(wanted).get_config() == wanted


def test_get_accepts_none_and_custom_classes():
    class Distance(regularizers.Regularizer):
        def value(self, w):
            return float(np.square(w - 1).sum())

        def add_gradient(self, w, into):
            into += 2 * (w - 1)

    assert regularizers.get(None) is None
    assert regularizers.get(Distance)(np.zeros(3)) == 3


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: regularizers.get("l3"), ValueError, 'identifier must be one of "l1", "l2", "l1l2"; got .l3.'),
        (lambda: regularizers.get("l1_l3"), ValueError, 'Did you mean "l1l2"'),
        (lambda: regularizers.get(np.sum), TypeError, "Derive a class from Regularizer"),
        (lambda: regularizers.get(0.01), TypeError, "value and add_gradient; got 0.01"),
        (lambda: regularizers.L1(-0.1), ValueError, "L1: l1 must be at least 0"),
        (lambda: regularizers.L2(float("nan")), ValueError, "L2: l2 must be at least 0"),
        (lambda: regularizers.L2(float("inf")), ValueError, "L2: l2 must be finite"),
        (lambda: regularizers.L1L2("a"), TypeError, "L1L2: l1 must be a real number"),
        (lambda: regularizers.Regularizer().value(np.ones(1)), NotImplementedError, "Regularizer must define value"),
    ],
)
def test_invalid_arguments_are_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
