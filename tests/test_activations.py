"""Tests of the activations: values, slopes, extreme numbers and NaN, and parsing of arguments."""

import math
import re

import numpy as np
import pytest
from support.cases import FUNCTIONS, central_differences

from seqfuse._activations import DEFINITIONS, Activation, parse

EACH = pytest.mark.parametrize("written", FUNCTIONS, ids=str)
POINTS = [-700.0, -30.0, -4.0, -3.0, -1.5, -0.5, -1e-9, 0.0, 1e-9, 0.25, 1.0, 2.9, 3.1, 30.0, 700.0]

# The formulas of textbooks, computed with Python's floats.
FORMULAS = {
    "tanh": lambda a: math.tanh(a),
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
    "relu": lambda a: max(0.0, a),
    "linear": lambda a: a,
    "hard_sigmoid": lambda a, alpha=1 / 6, beta=0.5: min(1.0, max(0.0, alpha * a + beta)),
    "softsign": lambda a: a / (1 + abs(a)),
    "softplus": lambda a: math.log1p(math.exp(a)),
    "elu": lambda a, alpha=1.0: a if a > 0 else alpha * math.expm1(a),
    "leaky_relu": lambda a, alpha=0.2: a if a > 0 else alpha * a,
}


def read(written):
    return parse("test", "activation", written)


def test_there_are_nine_activations():
    assert list(DEFINITIONS) == list(FORMULAS)


@EACH
def test_value_is_the_formula(written):
    name, *constants = (written,) if isinstance(written, str) else written
    expected = [FORMULAS[name](a, *constants) for a in POINTS]
    np.testing.assert_allclose(read(written).value(np.array(POINTS)), expected, rtol=1e-14)


@EACH
def test_slope_matches_central_differences_away_from_kinks(written):
    f = read(written)
    a = np.array([p for p in POINTS if 0.1 < abs(p) < 100])
    kinks = [-f.beta / f.alpha, (1 - f.beta) / f.alpha] if f.name == "hard_sigmoid" else [0]
    a = a[np.min([np.abs(a - kink) for kink in kinks], axis=0) > 1e-3]
    numeric = central_differences(lambda: f.value(a).sum(), a)
    # The sum of about 70 loses 70 * eps / step to rounding.
    np.testing.assert_allclose(f.slope(a, f.value(a)), numeric, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize(
    ("written", "a", "slope"),
    [
        ("relu", [-1, 0, 1], [0, 0, 1]),
        ("leaky_relu", [-1, 0, 1], [0.2, 0.2, 1]),
        (("leaky_relu", 0.1), [-1, 0, 1], [0.1, 0.1, 1]),
        (("elu", 0.7), [-np.inf, 0, 1], [0, 0.7, 1]),
        ("softsign", [0, 1, -3], [1, 1 / 4, 1 / 16]),
        ("softplus", [0], [0.5]),
        ("linear", [-5, 0, 5], [1, 1, 1]),
        (("hard_sigmoid", 0.25), [-3, -2, -1, 1, 2, 3], [0, 0, 0.25, 0.25, 0, 0]),
    ],
    ids=str,
)
def test_slope_at_and_around_kinks(written, a, slope):
    f, a = read(written), np.array(a, dtype=float)
    np.testing.assert_array_equal(f.slope(a, f.value(a)), slope)


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_nan_is_propagated_and_dtypes_are_kept(written, dtype):
    f, a = read(written), np.array([np.nan, 1.0, -1.0], dtype)
    y = f.value(a)
    np.testing.assert_array_equal(np.isnan(y), [True, False, False])
    assert y.dtype == f.slope(a, y).dtype == dtype
    assert y.shape == f.slope(a, y).shape == a.shape


LIMITS = {  # at -inf and inf: the value, and the slope
    "tanh": ((-1, 1), (0, 0)),
    "sigmoid": ((0, 1), (0, 0)),
    "relu": ((0, np.inf), (0, 1)),
    "linear": ((-np.inf, np.inf), (1, 1)),
    "hard_sigmoid": ((0, 1), (0, 0)),
    "softsign": ((-1, 1), (0, 0)),
    "softplus": ((0, np.inf), (0, 1)),
    "elu": ((-1, np.inf), (0, 1)),
    "leaky_relu": ((-np.inf, np.inf), (0.2, 1)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("name", LIMITS)
def test_extremes_give_the_limits_without_overflow(name, dtype):  # a warning is an error here
    f = read(name)
    values, slopes = (np.array(limits, dtype) for limits in LIMITS[name])
    infinite = np.array([-np.inf, np.inf], dtype)
    y = f.value(infinite)
    np.testing.assert_array_equal(y, values)
    np.testing.assert_allclose(f.slope(infinite, y), slopes, rtol=1e-7)
    for size in (dtype(1e30), np.finfo(dtype).max):
        huge = np.array([-size, size])
        y, bounded = f.value(huge), np.isfinite(values)
        np.testing.assert_array_equal(y[bounded], values[bounded])
        np.testing.assert_allclose(y[~bounded] / huge[~bounded], slopes[~bounded], rtol=1e-7)
        np.testing.assert_allclose(f.slope(huge, y), slopes, rtol=1e-7, atol=1e-30)


def test_small_and_large_values_are_accurate():
    a = np.array([-80.0, -1e-12, 1e-12])
    np.testing.assert_allclose(read("softplus").value(a)[0], np.exp(-80.0), rtol=1e-15)
    np.testing.assert_allclose(read("elu").value(a)[1:], [-1e-12, 1e-12], rtol=1e-11)
    np.testing.assert_allclose(read("sigmoid").value(a)[0], np.exp(-80.0), rtol=1e-15)


def test_longdouble_values_have_the_digits_of_longdouble():
    a = np.array([0.3, -0.3])
    for name in DEFINITIONS:
        f = read(name)
        wide = f.value(a.astype(np.longdouble))
        np.testing.assert_allclose(f.value(a), wide.astype(float), rtol=1e-15)
    if np.finfo(np.longdouble).eps < np.finfo(float).eps:
        softplus = read("softplus").value(a.astype(np.longdouble))
        np.testing.assert_allclose(np.expm1(softplus), np.exp(a.astype(np.longdouble)), rtol=1e-18)


# ---- parse -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("tanh", ("tanh", 0.0, 0.0)),
        (("tanh",), ("tanh", 0.0, 0.0)),
        ("hard_sigmoid", ("hard_sigmoid", 1 / 6, 0.5)),
        (("hard_sigmoid", 0.2), ("hard_sigmoid", 0.2, 0.5)),
        (("hard_sigmoid", 1, np.float32(0.25)), ("hard_sigmoid", 1.0, 0.25)),
        ("elu", ("elu", 1.0, 0.0)),
        (("elu", -2), ("elu", -2.0, 0.0)),
        ("leaky_relu", ("leaky_relu", 0.2, 0.0)),
        (np.str_("relu"), ("relu", 0.0, 0.0)),
        (Activation("elu", 0.5, 0.0), ("elu", 0.5, 0.0)),
    ],
    ids=str,
)
def test_parse_reads_names_and_tuples(written, expected):
    got = read(written)
    assert type(got) is Activation
    assert got == expected
    assert type(got.alpha) is type(got.beta) is float


def test_parse_of_a_name_returns_the_same_object():
    assert read("softsign") is read("softsign")


NAMES = "tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu, leaky_relu"


@pytest.mark.parametrize(
    ("error", "written", "message"),
    [
        (ValueError, "tahn", f"must be one of {NAMES}; got 'tahn'. Did you mean 'tanh'?"),
        (ValueError, "ReLU", f"must be one of {NAMES}; got 'ReLU'. Did you mean 'relu'?"),
        (ValueError, "gaussian", f"must be one of {NAMES}; got 'gaussian'"),
        (ValueError, ("eul", 1.0), f"must be one of {NAMES}; got 'eul'. Did you mean 'elu'?"),
        (ValueError, ("tanh", 1.0), "must be 'tanh', which has no constants; got ('tanh', 1.0)"),
        (ValueError, ("elu", 1, 2), "must be ('elu', alpha); got ('elu', 1, 2)"),
        (ValueError, ("hard_sigmoid", 1, 2, 3), "must be ('hard_sigmoid', alpha, beta); got ('hard_sigmoid', 1, 2, 3)"),
        (ValueError, ("elu", math.inf), "must have a finite alpha; got inf"),
        (ValueError, ("hard_sigmoid", 0.2, math.nan), "must have a finite beta; got nan"),
        (ValueError, ("elu", 10**400), f"must have a finite alpha; got {10**400}"),
        (TypeError, ("elu", "1"), "must have a real number for alpha; got '1'"),
        (TypeError, ("elu", True), "must have a real number for alpha; got True"),
        (TypeError, ("elu", None), "must have a real number for alpha; got None"),
        (TypeError, ("elu", 1j), "must have a real number for alpha; got 1j"),
        (TypeError, None, "must be a name or a tuple (name, alpha, beta); got NoneType"),
        (TypeError, ["elu", 1.0], "must be a name or a tuple (name, alpha, beta); got list"),
        (TypeError, np.tanh, "must be a name or a tuple (name, alpha, beta); got ufunc"),
        (TypeError, (), "must be a name or a tuple (name, alpha, beta); got ()"),
        (TypeError, (1.0, "elu"), "must be a name or a tuple (name, alpha, beta); got (1.0, 'elu')"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_parse_refuses_invalid_activations(error, written, message):
    with pytest.raises(error, match=re.escape(f"lstm: recurrent_activation {message}") + "$"):
        parse("lstm", "recurrent_activation", written)
