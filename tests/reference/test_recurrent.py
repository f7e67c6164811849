"""Tests of every cell over a sequence: gradients, padding, direction, layouts, dtypes."""

import numpy as np
import pytest
from support.cases import BIASES, CALLS, VARIANTS, assert_gradient, central_differences, make_case, make_smooth_case
from support.pairwise import rows

from seqfuse import reference
from seqfuse._cells import CELLS
from seqfuse.reference.recurrent import valid_steps

# The variants of the GRU differ only in the equations of a step.
PLAIN = [param for param in VARIANTS if param.id in CELLS or param.id == "gru-reset_after=True-update_gate=previous"]
EACH = pytest.mark.parametrize(("cell", "options"), PLAIN)

NASTY = [(1, 1, 1, 1), (3, 7, 1, 2), (0, 2, 3, 2), (3, 0, 3, 2), (3, 2, 0, 2)]


def in_time_order(case, a):
    return a.swapaxes(0, 1) if case.call.get("batch_first") else a


def assert_same(actual, expected):
    for name, a, e in zip(type(expected)._fields, actual, expected):
        np.testing.assert_array_equal(a, e, err_msg=name)


@pytest.mark.parametrize(
    ("cell", "options", "call", "bias"),
    [
        pytest.param(*variant.values, call, bias, id=f"{variant.id}-{call}-{bias}")
        for variant, call, bias in rows(variant=VARIANTS, call=CALLS, bias=BIASES)
    ],
)
def test_backward_matches_central_differences(cell, options, call, bias):
    case = make_smooth_case(cell, options, T=4, B=3, I=2, H=3, call=call, bias=bias, states=bias != "none")
    grads = case.run(reference)[2]
    for name, array in case.arguments.items():
        numeric = central_differences(lambda: case.loss(reference), array)
        assert_gradient(f"d{name}", getattr(grads, f"d{name}"), numeric)


@EACH
@pytest.mark.parametrize(("T", "B", "I", "H"), NASTY)
def test_backward_matches_central_differences_at_nasty_sizes(cell, options, T, B, I, H):
    case = make_smooth_case(cell, options, T=T, B=B, I=I, H=H)
    out, _, grads = case.run(reference)
    assert out.y.shape == (T, B, H)
    for name, array in case.arguments.items():
        numeric = central_differences(lambda: case.loss(reference), array)
        assert_gradient(f"d{name}", getattr(grads, f"d{name}"), numeric)
    if T == 0:
        np.testing.assert_array_equal(out.h, case.arguments["h0"])
        np.testing.assert_array_equal(grads.dh0, case.doutputs["dh"])


@EACH
@pytest.mark.parametrize("call", ["lengths", "mask", "all"])
def test_nan_in_the_padding_affects_nothing(cell, options, call):
    case = make_case(cell, options, call=call)
    poisoned = make_case(cell, options, call=call)
    assert not case.real.all()
    in_time_order(poisoned, poisoned.arguments["x"])[~case.real] = np.nan
    in_time_order(poisoned, poisoned.doutputs["dy"])[~case.real] = np.nan
    (out, _, grads), (out_poisoned, _, grads_poisoned) = case.run(reference), poisoned.run(reference)
    assert_same(out_poisoned, out)
    assert_same(grads_poisoned, grads)
    assert not in_time_order(case, out.y)[~case.real].any()
    assert not in_time_order(case, grads.dx)[~case.real].any()


@EACH
def test_nan_in_a_valid_step_affects_its_row_from_there_on(cell, options):
    case = make_case(cell, options)
    y = case.forward(reference)[0].y
    case.arguments["x"][2, 1] = np.nan
    poisoned = case.forward(reference)[0].y
    reached = np.zeros(y.shape, dtype=bool)
    reached[2:, 1] = True
    np.testing.assert_array_equal(np.isnan(poisoned), reached)
    np.testing.assert_allclose(poisoned[~reached], y[~reached], rtol=1e-13)


@EACH
def test_row_with_length_0_returns_its_initial_state(cell, options):
    case = make_case(cell, options, call="lengths")
    n = np.flatnonzero(case.call["lengths"] == 0)
    assert n.size
    out, _, grads = case.run(reference)
    for state in cell.states:
        np.testing.assert_array_equal(getattr(out, state)[n], case.arguments[f"{state}0"][n])
        np.testing.assert_array_equal(getattr(grads, f"d{state}0")[n], case.doutputs[f"d{state}"][n])


@EACH
def test_lengths_equal_the_mask_of_the_same_steps(cell, options):
    case = make_case(cell, options, call="lengths")
    masked = make_case(cell, options, call="lengths")
    masked.call.clear()
    masked.call["mask"] = case.real
    for one, other in zip(case.run(reference)[::2], masked.run(reference)[::2]):
        assert_same(one, other)


@EACH
@pytest.mark.parametrize("reverse", [False, True])
def test_lengths_equal_shorter_sequences(cell, options, reverse):
    case = make_case(cell, options, call="lengths")
    out, _ = case.forward(reference, reverse=reverse)
    for n, length in enumerate(case.call["lengths"]):
        alone = {name: a[:, n : n + 1][:length] if name == "x" else a for name, a in case.arguments.items()}
        alone |= {f"{state}0": case.arguments[f"{state}0"][n : n + 1] for state in cell.states}
        row = getattr(reference, cell.name)(**alone, **options, reverse=reverse)
        np.testing.assert_allclose(out.y[:length, n], row.y[:, 0], rtol=1e-13)
        np.testing.assert_allclose(out.h[n], row.h[0], rtol=1e-13)


@EACH
def test_reverse_is_forward_over_the_reversed_input(cell, options):
    case = make_case(cell, options, call="mask")
    out, tape = case.forward(reference, reverse=True)
    grads = case.backward(reference, tape)
    x_reversed = case.with_argument("x", case.arguments["x"][::-1])
    out_reversed, tape_reversed = x_reversed.forward(reference, mask=case.call["mask"][::-1])
    grads_reversed = x_reversed.backward(reference, tape_reversed, dy=case.doutputs["dy"][::-1])
    assert_same(out._replace(y=out.y[::-1]), out_reversed)
    assert_same(grads._replace(dx=grads.dx[::-1]), grads_reversed)


@EACH
def test_batch_first_exchanges_two_axes_and_nothing_else(cell, options):
    case = make_case(cell, options, call="mask")
    out, _, grads = case.run(reference)
    x_reversed = case.with_argument("x", case.arguments["x"].swapaxes(0, 1))
    out_reversed, tape = x_reversed.forward(reference, mask=case.call["mask"].T, batch_first=True)
    grads_reversed = x_reversed.backward(reference, tape, dy=case.doutputs["dy"].swapaxes(0, 1))
    assert_same(out_reversed._replace(y=out_reversed.y.swapaxes(0, 1)), out)
    assert_same(grads_reversed._replace(dx=grads_reversed.dx.swapaxes(0, 1)), grads)


@EACH
def test_chunks_that_carry_the_state_are_the_whole(cell, options):
    case = make_case(cell, options, T=6)
    whole, _, grads = case.run(reference)
    run, back = (getattr(reference, f"{cell.name}_{way}") for way in ("forward", "backward"))
    parameters = [name for name in ("W", "U", "b") if name in case.arguments]
    given = [case.arguments[name] for name in parameters]
    x, dy = case.arguments["x"], case.doutputs["dy"]
    first, first_tape = run(x[:2], *given, *(case.arguments[f"{s}0"] for s in cell.states), **options)
    second, second_tape = run(x[2:], *given, *first[1:], **options)
    np.testing.assert_allclose(np.concatenate([first.y, second.y]), whole.y, rtol=1e-13)
    dsecond = back(second_tape, dy[2:], *(case.doutputs[f"d{s}"] for s in cell.states))
    into = tuple(getattr(dsecond, f"d{name}") for name in parameters)
    dfirst = back(first_tape, dy[:2], *(getattr(dsecond, f"d{s}0") for s in cell.states), into=into)
    for name in (*(f"d{name}" for name in parameters), "dh0"):
        np.testing.assert_allclose(getattr(dfirst, name), getattr(grads, name), rtol=1e-11, atol=1e-13)


@EACH
def test_forward_is_the_call_without_its_tape(cell, options):
    case = make_case(cell, options, call="all")
    run = getattr(reference, cell.name)
    assert_same(run(**case.arguments, **options, **case.call), case.forward(reference)[0])
    out = run(**case.arguments, **options, **case.call, return_sequences=False)
    assert out.y is None
    np.testing.assert_array_equal(out.h, case.forward(reference)[0].h)


@EACH
def test_backward_twice_gives_the_same(cell, options):
    case = make_case(cell, options, call="all")
    _, tape, grads = case.run(reference)
    assert_same(case.backward(reference, tape), grads)


@EACH
def test_backward_takes_missing_gradients_for_zeros(cell, options):
    case = make_case(cell, options)
    _, tape = case.forward(reference)
    zeros = {name: np.zeros_like(d) for name, d in case.doutputs.items()}
    back = getattr(reference, f"{cell.name}_backward")
    for name, d in case.doutputs.items():
        assert_same(back(tape, **{name: d}), back(tape, **{**zeros, name: d}))


@EACH
@pytest.mark.parametrize("bias", BIASES)
def test_backward_adds_into_arrays_and_returns_them(cell, options, bias):
    case = make_case(cell, options, bias=bias)
    _, tape, grads = case.run(reference)
    names = [name for name in ("dW", "dU", "db") if name in grads._fields]
    into = tuple(None if d is None else np.ones_like(d) for d in (getattr(grads, name) for name in names))
    added = case.backward(reference, tape, into=into, need_dx=False)
    assert added.dx is None
    for total, name in zip(into, names, strict=True):
        alone = getattr(grads, name)
        assert getattr(added, name) is total
        if alone is not None:
            np.testing.assert_array_equal(total, 1 + alone)


@EACH
def test_inputs_are_not_written(cell, options):
    for call in ("plain", "all"):
        case = make_case(cell, options, call=call)
        for a in (*case.arguments.values(), *case.doutputs.values()):
            a.flags.writeable = False
        case.run(reference)


@pytest.mark.parametrize(("cell", "options"), PLAIN[1:3])
@pytest.mark.parametrize(
    ("given", "computed"),
    [("i4", "f4"), ("?", "f4"), ("f2", "f4"), (">f4", "f4"), ("f4", "f4"), ("f8", "f8"), (">f8", "f8"), ("g", "g")],
)
def test_results_have_the_widest_type_of_the_arguments(cell, options, given, computed):
    case = make_case(cell, options, dtype=np.float32)
    out, _, grads = case.with_argument("W", case.arguments["W"].astype(given)).run(reference)
    assert {a.dtype for a in (*out, *grads) if a is not None} == {np.dtype(computed)}


@EACH
def test_longdouble_is_the_truth_of_float64(cell, options):
    case = make_case(cell, options, T=20, H=11)
    out, truth = case.run(reference)[0].y, case.astype(np.longdouble).run(reference)[0].y
    error = np.abs(out - truth).max()
    assert error < 50 * np.finfo(np.float64).eps
    assert error > 0 or np.finfo(np.longdouble).eps == np.finfo(np.float64).eps


def test_valid_steps_are_those_of_lengths_and_mask_both():
    mask = np.array([[1, 1, 0], [0, 1, 1]], dtype=bool)  # (T, B)
    expected = np.array([[1, 0, 0], [0, 0, 1]], dtype=bool)
    np.testing.assert_array_equal(valid_steps(2, 3, np.array([2, 0, 2], np.uint8), mask, False), expected)
    np.testing.assert_array_equal(valid_steps(2, 3, [2, 0, 2], mask.T, True), expected)
