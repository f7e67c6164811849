"""Tests of every option of every cell, alone and in combination: gradients and effects on the results."""

import numpy as np
import pytest
from support.cases import (
    VARIANTS,
    Setting,
    assert_gradients_along_a_line,
    assert_same_bits,
    make_case,
    make_smooth_case,
)

from seqfuse import reference
from seqfuse._cells import CELLS

from .settings import OPTIONS, TOGETHER, alone

TINY = {"T": 4, "B": 2, "I": 2, "H": 3}
EACH_OPTION = pytest.mark.parametrize(("cell", "settings"), OPTIONS)
EACH_CELL = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
EACH_VARIANT = pytest.mark.parametrize(("cell", "options"), VARIANTS)


def taking(option):
    return pytest.mark.parametrize(
        ("cell", "options"), [param for param in VARIANTS if option in param.values[0].accepts]
    )


def run(case):
    """Return the output and the gradients."""
    return case.run(reference)[::2]


def assert_same_results(case, expected):
    for actual, wanted in zip(run(case), run(expected)):
        assert_same_bits(actual, wanted)


@EACH_OPTION
def test_backward_matches_central_differences_with_each_option(cell, settings):
    assert_gradients_along_a_line(make_smooth_case(cell, settings=settings, **TINY), reference)


@pytest.mark.parametrize(("cell", "settings"), TOGETHER)
def test_backward_matches_central_differences_with_several_options(cell, settings):
    assert_gradients_along_a_line(make_smooth_case(cell, settings=settings, **{**TINY, "B": 3}), reference)


@EACH_CELL
def test_every_option_changes_the_outputs_but_checkpoint(cell):
    plain = make_case(cell)
    for setting in alone(cell):
        case = make_case(cell, settings=[setting])
        if "batch_first" in case.call:
            case = case.with_argument("x", plain.arguments["x"].swapaxes(0, 1))
        y, y_plain = (c.forward(reference)[0].y for c in (case, plain))
        same = y.shape == y_plain.shape and np.allclose(y, y_plain)
        assert same == (setting.option == "checkpoint"), setting


@EACH_CELL
@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_results_have_the_type_of_the_arguments_with_each_option(cell, dtype):
    for setting in alone(cell):
        out, tape, grads = make_case(cell, settings=[setting], dtype=dtype).run(reference)
        results = (*out, *grads, *tape.states().values(), *tape.gates().values())
        assert {a.dtype for a in results if a is not None} == {np.dtype(dtype)}, setting


@EACH_VARIANT
def test_defaults_written_out_are_the_defaults(cell, options):
    case = make_case(cell, options, call="all")
    written = {name: f.name for name, f in cell.activations.items()} | dict.fromkeys(cell.accepts)
    out, tape = case.forward(reference, **written, checkpoint=None)
    assert_same_bits(out, run(case)[0])
    assert_same_bits(case.backward(reference, tape), run(case)[1])


@EACH_VARIANT
def test_checkpoint_changes_no_bit(cell, options):
    case = make_case(cell, options, call="all")
    for checkpoint in (1, 3, 100):
        thin = make_case(cell, options, call="all", settings=[Setting("checkpoint", checkpoint)])
        assert thin.keeping == {"checkpoint": checkpoint}
        assert_same_results(thin, case)


# ---- clip --------------------------------------------------------------------------------------------------------


@taking("clip")
def test_clip_that_is_never_reached_changes_nothing(cell, options):
    case = make_case(cell, options)
    for clip in (1e3, np.inf, np.float32(1e3)):
        assert_same_results(make_case(cell, {**options, "clip": clip}), case)


@taking("clip")
def test_clip_of_numpy_keeps_the_type_of_the_arguments(cell, options):
    for dtype in (np.float32, np.longdouble):
        out, grads = run(make_case(cell, {**options, "clip": np.float64(0.7)}, dtype=dtype))
        assert {a.dtype for a in (*out, *grads) if a is not None} == {np.dtype(dtype)}


@taking("clip")
def test_clip_that_stops_everything_leaves_no_gradient_of_a_parameter(cell, options):
    case = make_case(cell, {**options, "clip": 1e-9})
    for name in ("W", "U", "b"):
        if name in case.arguments:
            case.arguments[name] += 3 * np.sign(case.arguments[name])
    case.arguments["x"][...] = 50
    grads = case.run(reference)[2]
    assert not grads.dW.any()
    assert not grads.dx.any()


# ---- recurrent_mask and peephole -----------------------------------------------------------------------------------


@taking("recurrent_mask")
def test_recurrent_mask_of_ones_changes_nothing(cell, options):
    case = make_case(cell, options)
    B, H = case.doutputs["dh"].shape
    assert_same_results(case.with_argument("recurrent_mask", np.ones((B, H))), case)


@taking("recurrent_mask")
def test_recurrent_mask_of_zeros_is_a_U_of_zeros_but_for_dU(cell, options):
    case = make_case(cell, options)
    masked = case.with_argument("recurrent_mask", np.zeros(case.doutputs["dh"].shape))
    without = case.with_argument("U", np.zeros_like(case.arguments["U"]))
    (out, grads), (out_without, grads_without) = run(masked), run(without)
    assert not grads.dU.any()
    for name in ("y", "h"):
        np.testing.assert_allclose(getattr(out, name), getattr(out_without, name), rtol=1e-13)
    for name in ("dx", "dW", "dh0"):
        np.testing.assert_allclose(getattr(grads, name), getattr(grads_without, name), rtol=1e-11, atol=1e-13)


@taking("recurrent_mask")
def test_recurrent_mask_goes_with_its_row(cell, options):
    case = make_case(cell, options, call="lengths", settings=[Setting("recurrent_mask")])
    y = case.forward(reference)[0].y
    for n in range(y.shape[1]):
        each = {**case.arguments, "x": case.arguments["x"][:, n : n + 1]}
        each |= {name: a[n : n + 1] for name, a in case.arguments.items() if a.shape == case.doutputs["dh"].shape}
        alone = getattr(reference, cell.name)(**each, **options, lengths=case.call["lengths"][n : n + 1])
        np.testing.assert_allclose(alone.y[:, 0], y[:, n], rtol=1e-12, atol=1e-14)


def test_peephole_of_zeros_changes_nothing_but_has_a_gradient():
    case = make_case(CELLS["lstm"])
    zeros = case.with_argument("peephole", np.zeros((3, 6)))
    out, grads = run(zeros)
    assert grads.dpeephole.all()
    assert_same_bits(out, run(case)[0])
    assert_same_bits(grads._replace(dpeephole=None), run(case)[1])


def test_dpeephole_is_new_when_the_other_gradients_are_added_to_arrays():
    case = make_case(CELLS["lstm"], settings=[Setting("peephole")])
    _, tape, grads = case.run(reference)
    into = tuple(np.ones_like(d) for d in (grads.dW, grads.dU, grads.db))
    added = case.backward(reference, tape, into=into)
    np.testing.assert_array_equal(added.dpeephole, grads.dpeephole)
    np.testing.assert_array_equal(added.dW, 1 + grads.dW)


@EACH_CELL
def test_unknown_activation_is_refused_by_name(cell):
    case = make_case(cell)
    for argument in cell.activations:
        with pytest.raises(ValueError, match=f"{cell.name}: {argument} must be one of .* Did you mean 'tanh'"):
            case.forward(reference, **{argument: "tahn"})
