"""Tests of layer and RMS normalization: row statistics, sums over many rows, and accumulation."""

import numpy as np
import pytest
from support.cases import assert_accurate

import seqfuse as sf
from seqfuse import functional as F
from seqfuse import reference

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
OPERATIONS = pytest.mark.parametrize(
    ("operation", "names"),
    [("layer_norm", ("gamma", "beta")), ("rms_norm", ("gamma",))],
    ids=["layer_norm", "rms_norm"],
)


def draw(N, D, names, dtype=np.float64, seed=0):
    rng = np.random.default_rng([N, D, seed])
    x, dy = rng.normal(size=(2, N, D)).astype(dtype)
    return x, dy, {name: rng.normal(size=D).astype(dtype) for name in names}


def run(module, operation, x, dy, weights, **options):
    y, tape = getattr(module, f"{operation}_forward")(x, **weights)
    return y, getattr(module, f"{operation}_backward")(tape, dy, **options)


@DTYPES
@pytest.mark.parametrize("D", [2, 16, 17, 1000])
def test_normalized_rows_have_mean_0_and_variance_1(D, dtype):
    x, _, _ = draw(7, D, (), dtype)
    y = F.layer_norm(5 * x + 3, epsilon=0).astype(np.float64)
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(y.var(axis=-1), 1, rtol=16 * np.finfo(dtype).eps)
    rms_y = F.rms_norm(5 * x + 3, epsilon=0).astype(np.float64)
    np.testing.assert_allclose((rms_y**2).mean(axis=-1), 1, rtol=16 * np.finfo(dtype).eps)


@DTYPES
def test_layer_norm_is_as_accurate_as_the_reference_when_the_mean_is_large(dtype):
    # The variance is computed after the mean is subtracted. E(x^2) - E(x)^2 would lose all digits here.
    mean = dtype(1000) if dtype is np.float32 else dtype(1e7)
    wider = np.float64 if dtype is np.float32 else np.longdouble
    runs = []
    for seed in range(20):
        x, dy, weights = draw(5, 130, ("gamma", "beta"), dtype, seed)
        x = x + mean
        wide = [a.astype(wider) for a in (x, dy)]
        wide_weights = {name: a.astype(wider) for name, a in weights.items()}
        functional_and_reference = run(F, "layer_norm", x, dy, weights), run(reference, "layer_norm", x, dy, weights)
        runs.append([*functional_and_reference, run(reference, "layer_norm", *wide, wide_weights)])
    for name, get in {"y": lambda r: r[0], "dx": lambda r: r[1].dx, "dgamma": lambda r: r[1].dgamma}.items():
        assert_accurate(name, *(np.stack([get(each[i]) for each in runs]) for i in range(3)))


# Blocks of 32 rows and groups of 32 blocks: one less, full, one more.
ROWS = pytest.mark.parametrize("N", [1, 31, 32, 33, 1023, 1024, 1025, 3001])


@DTYPES
@ROWS
@OPERATIONS
def test_normalize_weight_gradients_are_as_accurate_as_the_reference(operation, names, N, dtype):
    wider, runs = (np.float64 if dtype is np.float32 else np.longdouble), []
    for seed in range(4):
        x, dy, weights = draw(N, 19, names, dtype, seed)
        wide = {name: a.astype(wider) for name, a in weights.items()}
        truth = run(reference, operation, x.astype(wider), dy.astype(wider), wide)
        runs.append([run(F, operation, x, dy, weights), run(reference, operation, x, dy, weights), truth])
    for name in names:
        assert_accurate(f"d{name}", *(np.stack([getattr(each[i][1], f"d{name}") for each in runs]) for i in range(3)))


@ROWS
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_normalize_weight_gradients_contain_every_row_once(N, threads):
    # Sums of small integers are exact in any order.
    dy = np.random.default_rng(N).integers(-9, 9, size=(N, 37)).astype(np.float32)
    x = np.where(np.arange(37) % 2, 1, -1) * np.ones((N, 1), np.float32)  # rows that are already normalized
    weights = {"gamma": np.ones(37, np.float32), "beta": np.ones(37, np.float32)}
    with sf.num_threads(threads):
        _, grads = run(F, "layer_norm", x, dy, weights)
        np.testing.assert_array_equal(grads.dbeta, dy.sum(axis=0))
        _, tape = F.rms_norm_forward(x, np.ones(37), epsilon=0)
        np.testing.assert_array_equal(F.rms_norm_backward(tape, dy).dgamma, (x * dy).sum(axis=0))


@pytest.mark.parametrize("leading", [(), (6,), (2, 3), (1, 2, 3)], ids=str)
@OPERATIONS
def test_normalize_accepts_any_leading_axes(operation, names, leading):
    x, dy, weights = draw(int(np.prod(leading)), 21, names)
    y, grads = run(F, operation, x.reshape(*leading, 21), dy.reshape(*leading, 21), weights)
    flat_y, flat_grads = run(F, operation, x, dy, weights)
    assert y.shape == grads.dx.shape == (*leading, 21)
    np.testing.assert_array_equal(y.reshape(-1, 21), flat_y)
    for actual, expected in zip(grads, flat_grads, strict=True):
        np.testing.assert_array_equal(actual.reshape(expected.shape), expected)


def test_normalize_backward_gradients_are_none_for_weights_that_were_none():
    x, dy, weights = draw(4, 5, ("gamma", "beta"))
    for absent in weights:
        present = {name: a for name, a in weights.items() if name != absent}
        _, grads = run(F, "layer_norm", x, dy, present)
        _, all_grads = run(F, "layer_norm", x, dy, weights)
        assert getattr(grads, f"d{absent}") is None
        for name in present:
            np.testing.assert_array_equal(getattr(grads, f"d{name}"), getattr(all_grads, f"d{name}"))
    assert run(F, "rms_norm", x, dy, {})[1].dgamma is None
    _, grads = run(F, "layer_norm", x, dy, {}, into=(None, None))
    assert grads[1:] == (None, None)


@DTYPES
@OPERATIONS
def test_normalize_backward_adds_to_into_and_returns_it(operation, names, dtype):
    x, dy, weights = draw(70, 37, names, dtype)
    _, grads = run(F, operation, x, dy, weights)
    into = tuple(np.full(37, 3, dtype) for _ in names)
    _, added = run(F, operation, x, dy, weights, into=into)
    np.testing.assert_array_equal(added.dx, grads.dx)
    for actual, given, gradient in zip(added[1:], into, grads[1:], strict=True):
        assert actual is given
        np.testing.assert_array_equal(given, 3 + gradient)


@OPERATIONS
def test_normalize_backward_accepts_strided_into_and_the_weights_as_into_aliased(operation, names):
    x, dy, weights = draw(9, 37, names)
    start = {name: a.copy() for name, a in weights.items()}
    _, grads = run(F, operation, x, dy, weights)
    strided = tuple(np.zeros((37, 2))[:, 1] for _ in names)
    run(F, operation, x, dy, weights, into=strided)
    for actual, gradient in zip(strided, grads[1:], strict=True):
        np.testing.assert_array_equal(actual, gradient)
    _, added = run(F, operation, x, dy, weights, into=tuple(weights.values()))
    np.testing.assert_array_equal(added.dx, grads.dx)
    for name, gradient in zip(names, grads[1:], strict=True):
        np.testing.assert_array_equal(weights[name], start[name] + gradient)


def test_normalize_backward_refuses_into_that_overlaps():
    x, dy, weights = draw(4, 5, ("gamma", "beta"))
    both = np.zeros(9)
    with pytest.raises(ValueError, match=r"^layer_norm_backward: dbeta must not overlap dgamma; got arrays that share"):
        run(F, "layer_norm", x, dy, weights, into=(both[:5], both[4:]))


@DTYPES
@OPERATIONS
def test_normalize_of_constant_rows_huge_rows_and_infinities(operation, names, dtype):
    x = np.ones((4, 20), dtype) * np.array([[3], [0], [1], [1]], dtype)
    x[2, 0], x[3, 0] = np.inf, np.nan
    y = getattr(F, operation)(x)
    if operation == "layer_norm":
        np.testing.assert_array_equal(y[:2], 0)
        assert np.isnan(y[2]).all()
    else:
        np.testing.assert_allclose(y[0], 1, rtol=1e-3)
        np.testing.assert_array_equal(y[1], 0)
        np.testing.assert_array_equal(y[2, 1:], 0)
        assert np.isnan(y[2, 0])
    assert np.isnan(y[3]).all()


@DTYPES
@pytest.mark.parametrize("D", [1, 3, 16, 100, 1000])
@pytest.mark.parametrize("epsilon", [0, 1e-300, 1e-12, 1e-3])
def test_layer_norm_of_constant_rows_is_exactly_0(epsilon, D, dtype):
    # Rounding the mean of 0.1 leaves deviations of 1e-9, which 1 / sqrt(epsilon) would make large.
    info = np.finfo(dtype)
    constants = np.array([0.1, 1 / 3, -7.7, 1e8 / 3, 1e-30, 1e30, info.max, -info.max / 3, info.tiny], dtype)
    x = np.repeat(constants[:, None], D, axis=1)
    y, tape = F.layer_norm_forward(x, epsilon=epsilon)
    np.testing.assert_array_equal(y, 0)
    dx = F.layer_norm_backward(tape, np.ones_like(x)).dx
    np.testing.assert_array_equal(dx, 0)


@DTYPES
@OPERATIONS
@pytest.mark.parametrize("exponent", [0.4, 0.6, 0.9])
def test_normalize_of_huge_rows_is_that_of_the_scaled_rows(exponent, operation, names, dtype):
    # The squares of numbers above 1e19 overflow in float32.
    x, dy, weights = draw(5, 37, names, dtype)
    factor = dtype(2.0 ** np.floor(exponent * np.finfo(dtype).maxexp - 2))
    forward, backward = getattr(F, f"{operation}_forward"), getattr(F, f"{operation}_backward")
    y, tape = forward(factor * x, **weights, epsilon=1e-6)
    expected, expected_tape = forward(x, **weights, epsilon=0)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    grads, expected_grads = backward(tape, dy), backward(expected_tape, dy)
    np.testing.assert_allclose(grads.dx * factor, expected_grads.dx, rtol=1e-4, atol=1e-5)
    for actual, correct in zip(grads[1:], expected_grads[1:], strict=True):
        np.testing.assert_allclose(actual, correct, rtol=1e-5, atol=1e-5)


def test_layer_norm_tape_keeps_references_to_x_and_gamma():
    x, _, weights = draw(4, 5, ("gamma", "beta"))
    _, tape = F.layer_norm_forward(x, **weights)
    assert np.shares_memory(tape._x, x)
    assert np.shares_memory(tape._gamma, weights["gamma"])
