"""Tests of the assertions in tests/support: they accept correct results and refuse wrong ones."""

from itertools import count

import numpy as np
import pytest
from support.cases import (
    CALLS,
    OPTIONS,
    VARIANTS,
    Setting,
    assert_accurate,
    assert_gradient,
    assert_gradients_along_a_line,
    central_differences,
    distance_from_kinks,
    make_case,
    make_smooth_case,
)

from seqfuse import reference
from seqfuse._cells import CELLS


def test_central_differences_of_a_cubic_restore_their_argument():
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    before = x.copy()
    assert_gradient("dx", 3 * x**2, central_differences(lambda: (x**3).sum(), x))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("wrong", [1e-6, np.nan])
def test_assert_gradient_refuses_a_wrong_gradient(wrong):
    with pytest.raises(AssertionError, match="dx is"):
        assert_gradient("dx", np.ones(3) + wrong, np.ones(3))


def test_assert_accurate_allows_twice_the_error_of_the_reference_and_1_ulp():
    truth = np.array([1.0, 0.5])
    reference_result = np.float32([1 + 2**-20, 0.5])  # an error of 8 ulp
    assert_accurate("y", np.float32([1 + 2**-19 + 2**-23, 0.5]), reference_result, truth)
    for wrong in (1 + 2**-18, np.nan):
        with pytest.raises(AssertionError, match="y has max error"):
            assert_accurate("y", np.float32([wrong, 0.5]), reference_result, truth)
    with pytest.raises(AssertionError, match="y is float64"):
        assert_accurate("y", truth, reference_result, truth)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_float32_case_has_the_values_of_its_float64_twin(cell, options, call):
    case = make_case(cell, options, T=9, H=5, dtype=np.float32, call=call)
    (out, _, grads), (truth, _, dtruth) = case.run(reference), case.astype(np.float64).run(reference)
    for name, a, t in zip((*out._fields, *grads._fields), (*out, *grads), (*truth, *dtruth)):
        assert (a is None) == (t is None) == (name == "dpeephole")
        if a is None:
            continue
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, t, rtol=1e-4, atol=1e-4, err_msg=name)
        assert_accurate(name, a, a, t)


class WrongInOneEntry:
    """The reference with one wrong entry of dU."""

    rnn_forward = staticmethod(reference.rnn_forward)

    @staticmethod
    def rnn_backward(*args, **options):
        grads = reference.rnn_backward(*args, **options)
        grads.dU[1, 2] += 1e-6
        return grads


def test_assert_gradients_along_a_line_refuses_one_wrong_entry():
    case = make_case(CELLS["rnn"])
    assert_gradients_along_a_line(case, reference)
    with pytest.raises(AssertionError, match="dU along a line is"):
        assert_gradients_along_a_line(case, WrongInOneEntry)


@pytest.mark.parametrize(("cell", "settings"), OPTIONS)
def test_settings_change_one_thing_of_a_case(cell, settings):
    ((option, value),) = settings
    plain, case = make_case(cell), make_case(cell, settings=settings)
    new = {**case.options, **case.call, **case.keeping, **case.arguments}
    assert new.keys() - plain.arguments.keys() == {option}
    if value is not True:
        assert new[option] == value
    if option not in ("recurrent_activation", "batch_first"):
        for name, array in plain.arguments.items():
            np.testing.assert_array_equal(case.arguments[name], array, err_msg=name)
    assert case.real.all() == (option not in ("lengths", "mask"))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_clip_of_a_case_clips_some_pre_activations_of_every_gate(cell):
    case = make_case(cell, settings=[Setting("clip", 0.7)])
    tape, G = case.forward(reference)[1], len(cell.gates)
    for a in zip(*(step.saved[G : 2 * G] for step in tape.steps)):
        clipped = np.mean(np.abs(a) > 0.7)
        assert 0.05 < clipped < 0.95


def test_make_smooth_case_goes_on_until_nothing_is_near_a_kink():
    rnn, settings = CELLS["rnn"], [Setting("activation", "relu"), Setting("clip", 0.7)]
    seed = next(n for n in count() if distance_from_kinks(make_case(rnn, settings=settings, seed=n)) < 1e-4)
    smooth = make_smooth_case(rnn, settings=settings, seed=seed)
    assert distance_from_kinks(smooth) >= 1e-4
    tape = smooth.forward(reference)[1]
    for step in tape.steps:
        a = step.saved[1]
        assert min(np.abs(a).min(), np.abs(a - 0.7).min(), np.abs(a + 0.7).min()) >= 1e-4
    assert distance_from_kinks(make_case(rnn)) == np.inf
    with pytest.raises(AssertionError, match="no seed"):
        make_smooth_case(rnn, settings=settings, T=1, I=0, bias="none", states=False)
