"""Tests of every option of the recurrent cells and of every pair of options: gradients, accuracy, bits, padding."""

import numpy as np
import pytest
from support.accuracy import assert_rule_of_accuracy
from support.cases import (
    EVERY_ACTIVATION,
    OPTIONS,
    PAIRS,
    assert_gradient,
    assert_gradients_along_a_line,
    assert_same_bits,
    central_differences,
    make_case,
    make_smooth_case,
)

import seqfuse as sf
from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

SCALE = 0.5  # keeps products of unbounded gates small
EACH = pytest.mark.parametrize(("cell", "settings"), OPTIONS)
EACH_ACTIVATION_TOO = pytest.mark.parametrize(("cell", "settings"), OPTIONS + EVERY_ACTIVATION)
EACH_PAIR = pytest.mark.parametrize(("cell", "settings"), PAIRS)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


@EACH_ACTIVATION_TOO
def test_backward_matches_central_differences(cell, settings):
    case = make_smooth_case(cell, settings=settings, T=4, B=2, I=2, H=3, scale=SCALE)
    grads = case.run(F)[2]
    for name, array in case.differentiable.items():
        assert_gradient(f"d{name}", getattr(grads, f"d{name}"), central_differences(lambda: case.loss(F), array))


@EACH_PAIR
def test_backward_matches_differences_for_every_pair_of_options(cell, settings):
    assert_gradients_along_a_line(make_smooth_case(cell, settings=settings, T=4, B=3, I=2, H=3, scale=SCALE), F)


@DTYPES
@EACH_ACTIVATION_TOO
def test_cells_obey_the_rule_of_accuracy_with_every_option(cell, settings, dtype):
    def seeds():
        sizes = {"T": 9, "B": 7, "I": 6, "H": 19, "scale": SCALE}
        return [make_case(cell, settings=settings, dtype=dtype, seed=seed, **sizes) for seed in range(20)]

    assert_rule_of_accuracy([(settings, seeds())])


def results(case, threads):
    with sf.num_threads(threads):
        out, tape = case.forward(F)
        return out, tape, case.backward(F, tape)


# (T, B, I, H) for teams that split the rows and teams that split the units; see test_invariance.
@DTYPES
@pytest.mark.parametrize(("T", "B", "I", "H"), [(140, 10, 5, 35), (5, 2, 3, 263)])
@EACH
def test_results_do_not_depend_on_threads_packing_and_checkpoints(cell, settings, T, B, I, H, dtype):
    case = make_case(cell, settings=settings, T=T, B=B, I=I, H=H, dtype=dtype, scale=SCALE)
    case.keeping["checkpoint"] = None
    out, tape, grads = results(case, 1)
    described = {**tape.states(), **{f"gate {name}": a for name, a in tape.gates().items()}}
    for threads, checkpoint in ((2, None), (3, None), (1, 1), (2, 3), (1, 12), (3, 17), (1, 1000)):
        case.keeping["checkpoint"] = checkpoint
        again, thin, grads_again = results(case, threads)
        assert_same_bits(again, out)
        assert_same_bits(grads_again, grads)
        for name, a in {**thin.states(), **{f"gate {name}": a for name, a in thin.gates().items()}}.items():
            np.testing.assert_array_equal(a, described[name], err_msg=name)
    assert_same_bits(getattr(F, cell.name)(**case.arguments, **case.options, **case.call), out)
    arguments, options = dict(case.arguments), dict(case.options)
    weights = {name: arguments.pop(name) for name in ("W", "U", "b", "peephole") if name in arguments}
    packed = getattr(F, f"pack_{cell.name}")(**weights, **options)
    assert_same_bits(packed(**arguments, **case.call), out)
    if "recurrent_mask" not in arguments and not case.call:
        stream = packed.stream(B)
        stream.state = tuple(arguments[f"{s}0"] for s in cell.states) if len(cell.states) > 1 else arguments["h0"]
        steps = np.array([stream.step(x) for x in arguments["x"]])
        np.testing.assert_array_equal(steps, out.y)


@DTYPES
@EACH
def test_padding_does_not_affect_results_with_every_option(cell, settings, dtype):
    case = make_case(cell, settings=settings, T=90, B=13, I=3, H=9, dtype=dtype, scale=SCALE)
    time = (lambda a: a.swapaxes(0, 1)) if case.call.get("batch_first") else (lambda a: a)
    real = np.random.default_rng(1).random((90, 13)) < 0.6
    case.call["mask"] = time(real)
    out, tape = case.forward(F)
    grads = case.backward(F, tape)
    if "lengths" in case.call:
        real &= np.arange(90)[:, None] < case.call["lengths"]
    for value in (np.nan, np.inf):
        time(case.arguments["x"])[~real] = value
        time(case.doutputs["dy"])[~real] = value
        poisoned, tape = case.forward(F)
        assert_same_bits(poisoned, out)
        assert_same_bits(case.backward(F, tape), grads)
    assert not time(out.y)[~real].any()
    assert not time(grads.dx)[~real].any()
