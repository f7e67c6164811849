"""Tests of readout: accuracy, gradients, leading axes, layouts and accumulation."""

import numpy as np
import pytest
from support.cases import FUNCTIONS, assert_accurate, assert_gradient, assert_same_bits, central_differences

import seqfuse as sf
from seqfuse import functional as F
from seqfuse import reference

pytestmark = pytest.mark.each_isa

NAMES = ("h", "x", "W", "V", "c")
# All arguments; without the skip connection; without the bias; without both.
PARTS = pytest.mark.parametrize("absent", ["", "xV", "c", "xVc"], ids=["all", "no skip", "no bias", "W alone"])
EACH_ACTIVATION = pytest.mark.parametrize("activation", FUNCTIONS, ids=str)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def draw(absent="", leading=(7, 3), H=19, I=5, O=6, dtype=np.float64, seed=0):
    """Return the arguments of a readout by name, with those in `absent` None, and dy."""
    rng = np.random.default_rng([H, I, O, seed])
    shapes = {"h": (*leading, H), "x": (*leading, I), "W": (H, O), "V": (I, O), "c": (O,)}
    arguments = {
        name: None if name in absent else (rng.normal(size=shape) / shape[0] ** (name in "WV") ** 0.5).astype(dtype)
        for name, shape in shapes.items()
    }
    return arguments, rng.normal(size=(*leading, O)).astype(dtype)


def astype(arguments, dtype):
    return {name: None if array is None else array.astype(dtype) for name, array in arguments.items()}


def run(module, arguments, dy, activation="linear", **options):
    y, tape = module.readout_forward(**arguments, activation=activation)
    return y, module.readout_backward(tape, dy, **options)


@PARTS
@EACH_ACTIVATION
def test_readout_is_as_accurate_as_the_reference(activation, absent):
    results = []
    for seed in range(20):  # over many seeds, because the largest of a few errors varies a lot
        arguments, dy = draw(absent, dtype=np.float32, seed=seed)
        wide = astype(arguments, np.float64), dy.astype(np.float64)
        runs = [run(F, arguments, dy, activation), run(reference, arguments, dy, activation)]
        runs.append(run(reference, *wide, activation))
        results.append([{"y": y, **grads._asdict()} for y, grads in runs])
    for name in results[0][0]:
        parts = [[run_results[name] for run_results in each] for each in zip(*results)]
        if name[1:] in absent and name != "y":
            assert parts == [[None] * 20] * 3, name
        else:
            assert_accurate(name, *map(np.stack, parts))


@PARTS
@EACH_ACTIVATION
def test_readout_backward_matches_central_differences(activation, absent):
    arguments, dy = draw(absent, leading=(4,), H=3, I=2, O=3)
    _, grads = run(F, arguments, dy, activation)
    for name, array in arguments.items():
        if array is not None:
            numeric = central_differences(lambda: (F.readout(**arguments, activation=activation) * dy).sum(), array)
            assert_gradient(f"d{name}", getattr(grads, f"d{name}"), numeric)


@DTYPES
@EACH_ACTIVATION
def test_readout_without_a_tape_has_the_same_bits(activation, dtype):
    arguments, _ = draw(dtype=dtype)
    y, _ = F.readout_forward(**arguments, activation=activation)
    np.testing.assert_array_equal(F.readout(**arguments, activation=activation), y)
    assert y.dtype == dtype


@DTYPES
@PARTS
def test_readout_without_skip_and_activation_equals_dense(absent, dtype):
    arguments, dy = draw(absent + "xV", dtype=dtype)
    y, grads = run(F, arguments, dy)
    dense_y, tape = F.dense_forward(arguments["h"], arguments["W"], arguments["c"])
    np.testing.assert_array_equal(y, dense_y)
    for actual, expected in zip((grads.dh, grads.dW, grads.dc), F.dense_backward(tape, dy), strict=True):
        np.testing.assert_array_equal(actual, expected)


@DTYPES
def test_readout_has_the_same_bits_for_any_batch_and_number_of_threads(dtype):
    arguments, dy = draw(leading=(301,), H=300, I=70, O=37, dtype=dtype)
    results = []
    for threads in (1, 2, 3):
        with sf.num_threads(threads):
            results.append(run(F, arguments, dy, "softsign"))
    for y, grads in results[1:]:
        np.testing.assert_array_equal(y, results[0][0])
        assert_same_bits(grads, results[0][1])
    for rows in (slice(0, 1), slice(40, 47), slice(150, 301)):
        row_arguments = {name: a[rows] if name in ("h", "x") else a for name, a in arguments.items()}
        y, grads = run(F, row_arguments, dy[rows], "softsign")
        np.testing.assert_array_equal(y, results[0][0][rows])
        np.testing.assert_array_equal(grads.dh, results[0][1].dh[rows])
        np.testing.assert_array_equal(grads.dx, results[0][1].dx[rows])


@pytest.mark.parametrize("leading", [(), (6,), (2, 3), (1, 2, 3), (0,), (3, 0)], ids=str)
def test_readout_accepts_any_leading_axes(leading):
    arguments, dy = draw(leading=leading)
    y, grads = run(F, arguments, dy, "tanh")
    assert y.shape == (*leading, 6)
    flat_arguments = {
        name: a.reshape(-1, a.shape[-1]) if name in ("h", "x") and a.size else a for name, a in arguments.items()
    }
    if not dy.size:
        assert not any(gradient.any() for gradient in grads)
        assert (grads.dh.shape, grads.dx.shape) == (arguments["h"].shape, arguments["x"].shape)
        return
    flat_y, flat_grads = run(F, flat_arguments, dy.reshape(-1, 6), "tanh")
    np.testing.assert_array_equal(y.reshape(-1, 6), flat_y)
    for actual, expected in zip(grads, flat_grads, strict=True):
        np.testing.assert_array_equal(actual.reshape(expected.shape), expected)


@pytest.mark.parametrize("sizes", [{"H": 0}, {"I": 0}, {"O": 0}, {"H": 0, "I": 0}], ids=str)
def test_readout_accepts_sizes_of_zero(sizes):
    arguments, dy = draw(**sizes)
    y, grads = run(F, arguments, dy, "tanh")
    np.testing.assert_allclose(y, reference.readout(**arguments, activation="tanh"), rtol=1e-12, atol=1e-14)
    for name, gradient in zip(NAMES, grads, strict=True):
        assert gradient.shape == arguments[name].shape


def every_second_column(array):
    return np.repeat(array, 2, -1)[..., ::2]


def byte_swapped(array):
    return array.astype(array.dtype.newbyteorder())


@pytest.mark.parametrize(
    "change_layout",
    [every_second_column, byte_swapped, np.asfortranarray, list, lambda a: a.swapaxes(0, -1).copy().swapaxes(0, -1)],
)
def test_readout_has_the_same_bits_for_any_layout_and_does_not_modify_it(change_layout):
    arguments, dy = draw()
    before = {name: array.copy() for name, array in arguments.items()}
    y, grads = run(F, arguments, dy, "elu")
    strided_y, strided_grads = run(
        F, {name: change_layout(array) for name, array in arguments.items()}, change_layout(dy), "elu"
    )
    np.testing.assert_array_equal(strided_y, y)
    assert_same_bits(strided_grads, grads)
    for name, array in arguments.items():
        np.testing.assert_array_equal(array, before[name])


def test_readout_computes_half_in_float32_and_in_float64_when_any_argument_is_float64():
    arguments, dy = draw(dtype=np.float16)
    y, grads = run(F, arguments, dy)
    assert y.dtype == np.float32
    wide, wide_grads = run(F, astype(arguments, np.float32), dy)
    np.testing.assert_array_equal(y, wide)
    assert_same_bits(grads, wide_grads)
    for name in NAMES:
        assert F.readout(**{**arguments, name: arguments[name].astype(np.float64)}).dtype == np.float64


def test_readout_backward_with_need_dx_false_omits_only_dx():
    arguments, dy = draw()
    _, grads = run(F, arguments, dy)
    _, without = run(F, arguments, dy, need_dx=False)
    assert without.dx is None
    assert_same_bits(without, grads._replace(dx=None))


@PARTS
def test_readout_backward_adds_to_into_and_returns_it(absent):
    arguments, dy = draw(absent)
    _, grads = run(F, arguments, dy, "tanh")
    into = tuple(None if arguments[name] is None else np.ones_like(arguments[name]) for name in "WVc")
    _, added = run(F, arguments, dy, "tanh", into=into)
    for actual, given, gradient in zip(added[2:], into, grads[2:], strict=True):
        assert actual is given
        if given is not None:
            np.testing.assert_array_equal(given, 1 + gradient)
    np.testing.assert_array_equal(added.dh, grads.dh)


def test_readout_backward_accepts_strided_into_and_the_weights_as_into_aliased():
    arguments, dy = draw()
    W, V, c = (arguments[name].copy() for name in "WVc")
    _, grads = run(F, arguments, dy, "tanh")
    into = np.asfortranarray(W), every_second_column(V), arguments["c"]
    run(F, arguments, dy, "tanh", into=into)
    for actual, start, gradient in zip(into, (W, V, c), grads[2:], strict=True):
        np.testing.assert_array_equal(actual, start + gradient)
    _, tape = F.readout_forward(**arguments, activation="tanh")
    expected = F.readout_backward(tape, dy)
    F.readout_backward(tape, dy, into=(arguments["W"], np.zeros_like(V), np.zeros_like(c)))
    np.testing.assert_array_equal(arguments["W"], W + expected.dW)


def test_readout_backward_refuses_into_for_weights_that_were_none():
    arguments, dy = draw("xV")
    _, tape = F.readout_forward(**arguments)
    with pytest.raises(
        ValueError, match=r"^readout_backward: into must have None for dV, because V was None; got ndarr"
    ):
        F.readout_backward(tape, dy, into=(np.zeros((19, 6)), np.zeros((5, 6)), np.zeros(6)))


def test_readout_tape_can_be_used_again():
    arguments, dy = draw()
    _, tape = F.readout_forward(**arguments, activation="softplus")
    assert_same_bits(F.readout_backward(tape, dy), F.readout_backward(tape, dy))
    assert repr(tape) == "<ReadoutTape h=(7, 3, 19) W=(19, 6) V=(5, 6) float64>"
