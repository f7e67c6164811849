"""Tests of the operations on rows of x: accuracy, gradients, equal bits in every call, layouts and dtypes."""

import ml_dtypes
import numpy as np
import pytest
from support.cases import assert_accurate, assert_gradient, central_differences
from support.row_operation_cases import OPERATIONS

import seqfuse as sf
from seqfuse import _backend, reference
from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

EACH = pytest.mark.parametrize("variant", OPERATIONS)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
# Cache lines have 8 or 16 numbers: one less, full, one more; several lines; chains of 64 lines.
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


def assert_rule_of_accuracy(cases):
    """Check the rule of accuracy over all cases together, because the largest of a few errors varies a lot."""
    wider = WIDER[cases[0].x.dtype.type]
    runs = [[case.run(F), case.run(reference), case.astype(wider).run(reference)] for case in cases]
    for name in runs[0][0]:
        assert_accurate(name, *(np.stack([run[i][name] for run in runs]) for i in range(3)))


@DTYPES
@WIDTHS
@EACH
def test_operation_is_as_accurate_as_the_reference(variant, D, dtype):
    assert_rule_of_accuracy([variant.case(D=D, dtype=dtype, seed=seed) for seed in range(8)])


@DTYPES
@pytest.mark.parametrize("scale", [1e-6, 1e-2, 20, 1e6])
@EACH
def test_operation_is_as_accurate_as_the_reference_for_small_and_large_x(variant, scale, dtype):
    assert_rule_of_accuracy([variant.case(D=37, dtype=dtype, seed=seed, scale=scale) for seed in range(8)])


@EACH
def test_operation_backward_matches_central_differences(variant):
    case = variant.case((2, 2, 2), D=8)
    grads = case.run(F)
    for name, array in {"x": case.x, **case.weights}.items():
        assert_gradient(f"d{name}", grads[f"d{name}"], central_differences(lambda: case.loss(F), array))


@DTYPES
@EACH
def test_operation_without_a_tape_has_the_same_bits(variant, dtype):
    case = variant.case(dtype=dtype)
    y = getattr(F, variant.operation)(**case.arguments)
    assert_same_bits({"y": y}, {"y": case.forward(F)[0]})


@DTYPES
@pytest.mark.parametrize(("leading", "D"), [((43, 7, 3), 130), ((2, 3, 2), 70_001), ((700, 5, 40), 1)])
@EACH
def test_operation_has_the_same_bits_with_any_number_of_threads(variant, leading, D, dtype):
    case = variant.case(leading, D, dtype=dtype)
    results = []
    for threads in (1, 2, 3):
        with sf.num_threads(threads):
            results.append(case.run(F))
    for result in results[1:]:
        assert_same_bits(result, results[0])


@DTYPES
@EACH
def test_operation_has_the_same_bits_for_a_row_in_any_batch(variant, dtype):
    case = variant.case((67, 3, 2), 37, dtype=dtype)
    all_rows = case.run(F)
    for rows in (slice(0, 1), slice(13, 30), slice(66, None), slice(None, None, -1)):
        some_rows = case.rows(rows).run(F)
        assert_same_bits(
            {name: some_rows[name] for name in ("y", "dx")}, {name: all_rows[name][rows] for name in ("y", "dx")}
        )


@pytest.mark.skipif(
    len(set(_backend.available()) & set(_backend.with_fma())) < 2,
    reason="needs two instruction sets with fused multiply-add",
)
@DTYPES
@WIDTHS
@pytest.mark.parametrize("scale", [1, 30])
@EACH
def test_operation_has_the_same_bits_with_every_fused_instruction_set(variant, D, scale, dtype, monkeypatch):
    case, results = variant.case((9, 5, 3), D, dtype=dtype, scale=scale), []
    for isa in _backend.available():
        if isa not in _backend.with_fma():
            continue  # without fused multiply-add the bits differ
        monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
        results.append(case.run(F))
    for result in results[1:]:
        assert_same_bits(result, results[0])


@pytest.mark.parametrize("isa", _backend.available())
@DTYPES
@EACH
def test_operation_is_as_accurate_as_the_reference_with_every_instruction_set(variant, dtype, isa, monkeypatch):
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    assert_rule_of_accuracy([variant.case(D=37, dtype=dtype, seed=seed) for seed in range(8)])


def every_second_row(array):
    """Return the array as every second entry of a larger one, along all axes but the last."""
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


def heads_next_to_features(array):
    """Return the array with the memory layout of `swapaxes(1, 2)` of an array (B, T, H, D)."""
    return array if array.ndim < 3 else array.swapaxes(1, 2).copy().swapaxes(1, 2)


LAYOUTS = [every_second_row, every_second_column, backwards, byte_swapped, unaligned, read_only, heads_next_to_features]


@DTYPES
@pytest.mark.parametrize("layout", [*LAYOUTS, np.asfortranarray])
@EACH
def test_operation_has_the_same_bits_for_any_layout_and_does_not_modify_it(variant, layout, dtype):
    case = variant.case(dtype=dtype)
    changed = case.map(layout)
    arrays = [changed.x, changed.dy, *changed.weights.values(), *changed.tables.values()]
    before = [a.tobytes() for a in arrays]
    assert_same_bits(changed.run(F), case.run(F))
    assert before == [a.tobytes() for a in arrays]


@EACH
def test_operation_computes_lists_in_float64(variant):
    case = variant.case()
    assert_same_bits(case.map(np.ndarray.tolist).run(F), case.run(F))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.int8, np.uint16, bool], ids=str)
@EACH
def test_operation_computes_half_bool_and_integers_in_float32(variant, dtype):
    case = variant.case(dtype=dtype)
    assert_same_bits(case.run(F), case.astype(np.float32).run(F))


@EACH
def test_operation_dtype_depends_on_x_and_weights_only(variant):
    case = variant.case(dtype=np.float32)
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
def test_operation_on_empty_arrays_has_zero_weight_gradients(variant, leading, D):
    case = variant.case(leading, D)
    results = case.run(F)
    assert results["y"].shape == results["dx"].shape == (*leading, D)
    for name in case.weights:
        np.testing.assert_array_equal(results[f"d{name}"], np.zeros(D))


@EACH
def test_operation_with_nan_in_a_row_does_not_change_other_rows(variant):
    case = variant.case((5, 2, 3), 37, dtype=np.float32)
    clean = case.run(F)
    case.x[2] = np.nan
    case.dy[2] = np.nan
    dirty = case.run(F)
    other_rows = [0, 1, 3, 4]
    assert_same_bits(*({name: results[name][other_rows] for name in ("y", "dx")} for results in (dirty, clean)))
    rotated = 2 * (3 * 37 // 8)
    assert np.isnan(dirty["y"][2, ..., :rotated]).all()
    assert np.isnan(dirty["dx"][2]).all()


@DTYPES
@EACH
def test_operation_flushes_denormals_and_restores_the_mode_of_the_caller(variant, dtype):
    tiny = np.finfo(dtype).tiny
    case = variant.case((90, 3, 5), 63, dtype=dtype)
    case.dy[...] *= tiny * dtype(8)
    results = []
    for threads in (1, 2, 3):
        with sf.num_threads(threads):
            results.append(case.run(F))
        assert (np.full(67, tiny) * dtype(0.25) != 0).all()
    for result in results:
        assert_same_bits(result, results[0])
        rotated = result["dx"][..., : 2 * (3 * 63 // 8)]
        assert ((rotated == 0) | (np.abs(rotated) >= tiny)).all()


@DTYPES
@EACH
def test_operation_tape_can_be_used_again(variant, dtype):
    case = variant.case(dtype=dtype)
    _, tape = case.forward(F)
    first, again = case.backward(F, tape), case.backward(F, tape)
    assert_same_bits(*({name: a for name, a in results.items() if a is not None} for results in (again, first)))
    assert repr(tape).startswith(f"<{type(tape).__name__} x=(4, 3, 2, 19)")
    assert repr(tape).endswith(f"{np.dtype(dtype)}>")


@pytest.mark.parametrize("isa", _backend.available())
@EACH
def test_operation_backward_uses_the_kernels_of_the_forward(variant, isa, monkeypatch):
    case = variant.case()
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    y, tape = case.forward(F)
    expected = case.run(F)
    for other in _backend.available():
        monkeypatch.setattr(_backend, "kernels", _backend.load(other))
        grads = {name: a for name, a in case.backward(F, tape).items() if a is not None}
        assert_same_bits({"y": y, **grads}, expected)
