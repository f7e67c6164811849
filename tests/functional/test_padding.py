"""Tests of padding: it does not affect results, and rows equal those without padding bitwise."""

import numpy as np
import pytest
from support.cases import VARIANTS, assert_same_bits, make_case

from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EACH = pytest.mark.parametrize(("cell", "options"), VARIANTS)
CALLS = pytest.mark.parametrize("call", ["lengths", "mask", "all"])
# Steps at which no row is valid; several segments of the backward (512 rows); B larger than a segment; one row; sums
# over several blocks of 64 terms.
SIZES = pytest.mark.parametrize(
    ("T", "B", "I", "H"), [(7, 5, 4, 19), (1, 3, 2, 1), (90, 13, 3, 9), (5, 521, 2, 5), (530, 1, 3, 5), (4, 3, 7, 261)]
)


def bits(array):
    return array.view(f"u{array.itemsize}")


def in_time_order(case, a):
    return a.swapaxes(0, 1) if case.call.get("batch_first") else a


def padded_case(*arguments, **sizes):
    """Return a case with steps that are padding in all rows: at the end, and with a mask also before and in between."""
    case = make_case(*arguments, **sizes)
    if "lengths" in case.call:
        case.call["lengths"][:] = np.minimum(case.call["lengths"], len(case.real) - 1)
        case.real[-1] = False
    if "mask" in case.call:
        mask = in_time_order(case, case.call["mask"])
        for t in {0, len(mask) // 2, len(mask) - 1}:
            mask[t] = case.real[t] = False
    return case


@DTYPES
@CALLS
@SIZES
@EACH
def test_padding_does_not_affect_results(cell, options, T, B, I, H, call, dtype):
    case = padded_case(cell, options, T=T, B=B, I=I, H=H, call=call, dtype=dtype)
    out, _, grads = case.run(F)
    assert not case.real.all()
    for value in (np.nan, -np.inf):
        in_time_order(case, case.arguments["x"])[~case.real] = value
        in_time_order(case, case.doutputs["dy"])[~case.real] = value
        poisoned, _, poisoned_grads = case.run(F)
        assert_same_bits(poisoned, out)
        assert_same_bits(poisoned_grads, grads)
    for array in (out.y, grads.dx):
        assert not bits(in_time_order(case, array)[~case.real]).any()  # also excludes negative zeros


@DTYPES
@pytest.mark.parametrize("reverse", [False, True])
@CALLS
@SIZES
@EACH
def test_row_equals_its_valid_steps_alone_bitwise(cell, options, T, B, I, H, call, reverse, dtype):
    case = padded_case(cell, options, T=T, B=B, I=I, H=H, call=call, dtype=dtype)
    case.call["reverse"] = reverse
    out, _, grads = case.run(F)
    x, dy = (in_time_order(case, a) for a in (case.arguments["x"], case.doutputs["dy"]))
    y, dx = (in_time_order(case, a) for a in (out.y, grads.dx))
    weights = {name: case.arguments[name] for name in ("W", "U", "b") if name in case.arguments}
    for n in range(0, B, max(1, B // 5)):
        real = case.real[:, n]
        states = {f"{s}0": case.arguments[f"{s}0"][n : n + 1] for s in cell.states}
        alone, tape = getattr(F, f"{cell.name}_forward")(
            x[real, n][:, None], **weights, **states, **options, reverse=reverse
        )
        doutputs = {f"d{s}": case.doutputs[f"d{s}"][n : n + 1] for s in cell.states}
        back = getattr(F, f"{cell.name}_backward")(tape, dy[real, n][:, None], **doutputs)
        row = {f: getattr(out, f)[n : n + 1] for f in cell.states} | {"y": y[real, n][:, None]}
        assert_same_bits(type(out)(**row), alone)
        drow = {f"d{s}0": getattr(grads, f"d{s}0")[n : n + 1] for s in cell.states} | {"dx": dx[real, n][:, None]}
        assert_same_bits(back._replace(**drow), back)


@EACH
def test_states_are_unchanged_and_gradients_zero_when_no_step_is_valid(cell, options):
    case = make_case(cell, options, T=6, B=5, H=19)
    for name in ("x", "dy"):
        (case.arguments if name == "x" else case.doutputs)[name][...] = np.nan
    for real in ({"lengths": np.zeros(5, int)}, {"mask": np.zeros((6, 5), bool)}):
        out, tape = case.forward(F, **real)
        grads = case.backward(F, tape)
        zeros = [out.y, *(getattr(grads, name) for name in ("dx", "dW", "dU", "db") if hasattr(grads, name))]
        assert not any(bits(a).any() for a in zeros)
        for state in cell.states:
            np.testing.assert_array_equal(bits(getattr(out, state)), bits(case.arguments[f"{state}0"]))
            np.testing.assert_array_equal(bits(getattr(grads, f"d{state}0")), bits(case.doutputs[f"d{state}"]))
