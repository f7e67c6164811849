"""Pairs of a Transformer block: accuracy, gradients, the same bits in every call, and what is written where."""

import ml_dtypes
import numpy as np
import pytest
from support.cases import assert_accurate, assert_gradient, central_differences
from support.transformer_cases import PAIRS

import seqfuse as sf
from seqfuse import _backend, reference
from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

EACH = pytest.mark.parametrize("way", PAIRS)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
# Lines of 8 and 16 numbers less one, whole, plus one; several lines; chains of 64 lines.
WIDTHS = pytest.mark.parametrize("D", [1, 2, 15, 16, 17, 63, 65, 1000, 1100])
WIDER = {np.float32: np.float64, np.float64: np.longdouble}


def assert_same_bits(actual, expected):
    assert list(actual) == list(expected)
    for name, e in expected.items():
        a = actual[name]
        assert (a.dtype, a.shape) == (e.dtype, e.shape), name
        np.testing.assert_array_equal(
            np.ascontiguousarray(a).view(f"u{a.itemsize}"), np.ascontiguousarray(e).view(f"u{e.itemsize}"), err_msg=name
        )


def assert_keeps_the_rule_of_accuracy(cases):
    """Together: the largest of a few errors says little."""
    wider = WIDER[cases[0].x.dtype.type]
    runs = [[case.run(F), case.run(reference), case.astype(wider).run(reference)] for case in cases]
    for name in runs[0][0]:
        assert_accurate(name, *(np.stack([run[i][name] for run in runs]) for i in range(3)))


@DTYPES
@WIDTHS
@EACH
def test_a_pair_is_as_accurate_as_the_reference(way, D, dtype):
    assert_keeps_the_rule_of_accuracy([way.case(D=D, dtype=dtype, seed=seed) for seed in range(8)])


@DTYPES
@pytest.mark.parametrize("scale", [1e-6, 1e-2, 20, 1e6])
@EACH
def test_a_pair_is_as_accurate_as_the_reference_far_from_one(way, scale, dtype):
    assert_keeps_the_rule_of_accuracy([way.case(D=37, dtype=dtype, seed=seed, scale=scale) for seed in range(8)])


@EACH
def test_backward_matches_central_differences(way):
    case = way.case((2, 2, 2), D=8)
    grads = case.run(F)
    for name, array in {"x": case.x, **case.weights}.items():
        assert_gradient(f"d{name}", grads[f"d{name}"], central_differences(lambda: case.loss(F), array))


@DTYPES
@EACH
def test_the_plain_call_has_the_bits_of_the_forward(way, dtype):
    case = way.case(dtype=dtype)
    y = getattr(F, way.pair)(**case.arguments)
    assert_same_bits({"y": y}, {"y": case.forward(F)[0]})


@DTYPES
@pytest.mark.parametrize(("leading", "D"), [((43, 7, 3), 130), ((2, 3, 2), 70_001), ((700, 5, 40), 1)])
@EACH
def test_any_number_of_threads_gives_the_same_bits(way, leading, D, dtype):
    case = way.case(leading, D, dtype=dtype)
    results = []
    for threads in (1, 2, 3):
        with sf.num_threads(threads):
            results.append(case.run(F))
    for result in results[1:]:
        assert_same_bits(result, results[0])


@DTYPES
@EACH
def test_a_row_has_the_same_bits_in_any_batch(way, dtype):
    case = way.case((67, 3, 2), 37, dtype=dtype)
    whole = case.run(F)
    for rows in (slice(0, 1), slice(13, 30), slice(66, None), slice(None, None, -1)):
        part = case.rows(rows).run(F)
        assert_same_bits({name: part[name] for name in ("y", "dx")}, {name: whole[name][rows] for name in ("y", "dx")})


@pytest.mark.skipif(
    len(set(_backend.available()) & set(_backend.with_fma())) < 2,
    reason="one instruction set with fused multiply-add is here",
)
@DTYPES
@WIDTHS
@pytest.mark.parametrize("scale", [1, 30])
@EACH
def test_instruction_sets_agree(way, D, scale, dtype, monkeypatch):
    case, results = way.case((9, 5, 3), D, dtype=dtype, scale=scale), []
    for isa in _backend.available():
        if isa not in _backend.with_fma():
            continue  # multiplies, rounds, and adds
        monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
        results.append(case.run(F))
    for result in results[1:]:
        assert_same_bits(result, results[0])


@pytest.mark.parametrize("isa", _backend.available())
@DTYPES
@EACH
def test_every_instruction_set_keeps_the_rule_of_accuracy(way, dtype, isa, monkeypatch):
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    assert_keeps_the_rule_of_accuracy([way.case(D=37, dtype=dtype, seed=seed) for seed in range(8)])


def among_others(array):
    """Every second of twice as many along all axes but the last."""
    for axis in range(array.ndim - 1):
        array = np.repeat(array, 2, axis)
    return array[(slice(None, None, 2),) * (array.ndim - 1)]


def every_second_column(array):
    return np.repeat(array, 2, -1)[..., ::2]


def backwards(array):
    return array[..., ::-1].copy()[..., ::-1]


def byte_swapped(array):
    return array.astype(array.dtype.newbyteorder())


def unaligned(array):
    shifted = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def heads_last_but_one(array):
    """As `swapaxes(1, 2)` of a (B, T, H, D) array, where there are so many axes."""
    return array if array.ndim < 3 else array.swapaxes(1, 2).copy().swapaxes(1, 2)


LAYOUTS = [among_others, every_second_column, backwards, byte_swapped, unaligned, read_only, heads_last_but_one]


@DTYPES
@pytest.mark.parametrize("layout", [*LAYOUTS, np.asfortranarray])
@EACH
def test_any_layout_gives_the_same_bits_and_is_not_written(way, layout, dtype):
    case = way.case(dtype=dtype)
    given = case.map(layout)
    arrays = [given.x, given.dy, *given.weights.values(), *given.tables.values()]
    before = [a.tobytes() for a in arrays]
    assert_same_bits(given.run(F), case.run(F))
    assert before == [a.tobytes() for a in arrays]


@EACH
def test_lists_are_float64(way):
    case = way.case()
    assert_same_bits(case.map(np.ndarray.tolist).run(F), case.run(F))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.int8, np.uint16, bool], ids=str)
@EACH
def test_half_bool_and_integers_are_computed_in_float32(way, dtype):
    case = way.case(dtype=dtype)
    assert_same_bits(case.run(F), case.astype(np.float32).run(F))


@EACH
def test_dy_and_tables_do_not_widen_and_weights_do(way):
    case = way.case(dtype=np.float32)
    wide = case.astype(np.float64)
    narrow = case.map(lambda a: a)
    narrow.tables.update(wide.tables)
    y, tape = narrow.forward(F)
    assert y.dtype == np.float32
    assert {a.dtype for a in wide.backward(F, tape).values() if a is not None} == {np.dtype(np.float32)}
    for name in case.weights:
        narrow.weights[name] = wide.weights[name]
        assert narrow.forward(F)[0].dtype == np.float64
        narrow.weights[name] = case.weights[name]


@pytest.mark.parametrize(("leading", "D"), [((0, 2, 3), 8), ((2, 0, 3), 8), ((2, 3, 0), 8), ((2, 3, 4), 0)], ids=str)
@EACH
def test_nothing_in_gives_nothing_and_weights_zeros(way, leading, D):
    case = way.case(leading, D)
    results = case.run(F)
    assert results["y"].shape == results["dx"].shape == (*leading, D)
    for name in case.weights:
        np.testing.assert_array_equal(results[f"d{name}"], np.zeros(D))


@EACH
def test_a_row_of_nan_stays_alone(way):
    case = way.case((5, 2, 3), 37, dtype=np.float32)
    clean = case.run(F)
    case.x[2] = np.nan
    case.dy[2] = np.nan
    dirty = case.run(F)
    others = [0, 1, 3, 4]
    assert_same_bits(*({name: of[name][others] for name in ("y", "dx")} for of in (dirty, clean)))
    turned = 2 * (3 * 37 // 8)
    assert np.isnan(dirty["y"][2, ..., :turned]).all()
    assert np.isnan(dirty["dx"][2]).all()


@DTYPES
@EACH
def test_denormals_are_zeros_inside_on_every_thread_and_stay_alive_outside(way, dtype):
    tiny = np.finfo(dtype).tiny
    case = way.case((90, 3, 5), 63, dtype=dtype)
    case.dy[...] *= tiny * dtype(8)
    results = []
    for threads in (1, 2, 3):
        with sf.num_threads(threads):
            results.append(case.run(F))
        assert (np.full(67, tiny) * dtype(0.25) != 0).all()
    for result in results:
        assert_same_bits(result, results[0])
        turned = result["dx"][..., : 2 * (3 * 63 // 8)]
        assert ((turned == 0) | (np.abs(turned) >= tiny)).all()


@DTYPES
@EACH
def test_a_tape_is_read_again(way, dtype):
    case = way.case(dtype=dtype)
    _, tape = case.forward(F)
    first, again = case.backward(F, tape), case.backward(F, tape)
    assert_same_bits(*({name: a for name, a in of.items() if a is not None} for of in (again, first)))
    assert repr(tape).startswith(f"<{type(tape).__name__} x=(4, 3, 2, 19)")
    assert repr(tape).endswith(f"{np.dtype(dtype)}>")


@pytest.mark.parametrize("isa", _backend.available())
@EACH
def test_a_tape_keeps_to_the_kernels_that_made_it(way, isa, monkeypatch):
    case = way.case()
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    y, tape = case.forward(F)
    expected = case.run(F)
    for other in _backend.available():
        monkeypatch.setattr(_backend, "kernels", _backend.load(other))
        grads = {name: a for name, a in case.backward(F, tape).items() if a is not None}
        assert_same_bits({"y": y, **grads}, expected)
