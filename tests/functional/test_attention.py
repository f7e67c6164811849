"""Tests of attention: accuracy, gradients, and agreement with the reference in random calls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.accuracy import WIDER, all_results, assert_rule_of_accuracy
from support.attention_cases import (
    PAIRS,
    SETTINGS,
    Setting,
    assert_gradients,
    assert_gradients_along_a_line,
    choose_case,
    make_attention_case,
    with_random_layouts,
)
from support.cases import assert_same_bits

import seqfuse as sf
from seqfuse import functional as F
from seqfuse import reference
from seqfuse._results import AttentionGrads, AttentionOutput

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EACH = pytest.mark.parametrize("chosen", SETTINGS)
EACH_PAIR = pytest.mark.parametrize("chosen", PAIRS)
EXAMPLES = settings(derandomize=True, max_examples=300, deadline=None, database=None)

# Less than one block of 64 keys, and several; one query and many keys, as in decoding; wide heads; long sums.
SHAPES = [
    {"Tq": 9, "D": 16},
    {"Tq": 1, "Tk": 700, "D": 64, "Hk": 1},
    {"Tq": 3, "Tk": 1030, "D": 8},
    {"Tq": 49, "Tk": 65, "D": 128, "Dv": 33},
    {"Tq": 130, "D": 17, "B": 1, "Hq": 2},
    {"Tq": 1030, "Tk": 3, "D": 8, "B": 1},
]


def have_same_bits(a, e):
    return (a.shape, a.dtype) == (e.shape, e.dtype) and a.tobytes() == e.tobytes()


@DTYPES
@EACH
def test_attention_is_as_accurate_as_the_reference(chosen, dtype):
    chosen = (*chosen, Setting("dlse"))
    seeds = range(16 if Setting("mask", "added:") in chosen else 4)  # this mask has only one gradient per seed
    cases = [make_attention_case(chosen, Tq=70, D=19, dtype=dtype, seed=seed) for seed in seeds]
    assert_rule_of_accuracy([(chosen, cases)])


@DTYPES
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_attention_is_as_accurate_as_the_reference_at_every_shape(shape, dtype):
    seeds = range(20 if shape["Tq"] < 10 else 4)
    assert_rule_of_accuracy([(shape, [make_attention_case(dtype=dtype, seed=seed, **shape) for seed in seeds])])


@DTYPES
@pytest.mark.parametrize("scale", [1e-6, 3.0, 30.0])
def test_attention_is_as_accurate_as_the_reference_with_equal_weights_and_with_one_dominant_weight(scale, dtype):
    chosen = (Setting("scale", scale), Setting("dlse"))
    cases = [make_attention_case(chosen, Tq=70, D=16, dtype=dtype, seed=seed) for seed in range(6)]
    assert_rule_of_accuracy([(scale, cases)])


@EACH
def test_attention_backward_matches_central_differences(chosen):
    assert_gradients(make_attention_case(chosen, Hq=2, Hk=1, Tq=3, D=2), F)


@EACH_PAIR
def test_attention_backward_matches_central_differences_for_every_two_options(chosen):
    assert_gradients_along_a_line(make_attention_case(chosen, Tq=4), F)


@st.composite
def any_case(draw):
    def choose(options):
        return draw(st.sampled_from(options))

    case = choose_case(choose)
    return case, with_random_layouts(case, choose)


@EXAMPLES
@given(cases=any_case(), threads=st.sampled_from([1, 2, 3]))
def test_attention_agrees_with_the_reference_in_any_call(cases, threads):
    """Check a single random call with a generous bound.

    A single call may have a larger error than the average, so 8 times the error of the reference plus 32 ulp of the
    summed values are allowed. In the gradient of the scores, dP and the sum of P dP cancel, completely if there is one
    key. The ulp is therefore the ulp of dP.
    """
    case, strided_case = cases
    input_dtype = case.arguments["q"].dtype.type
    dtype = np.float32 if input_dtype is np.float16 else input_dtype
    with sf.num_threads(threads):
        results = all_results(strided_case, F)
    reference_results, truth = all_results(case, reference), all_results(case.astype(WIDER[dtype]), reference)
    assert set(results) == set(truth)
    dy, v = (np.abs(a.astype(float)).max(initial=0) for a in (case.doutputs["dy"], case.arguments["v"]))
    dP = dy * v * case.doutputs["dy"].shape[-1] ** 0.5 / (1 - case.options.get("dropout", 0))
    for name, true in truth.items():
        a, e = results[name], reference_results[name]
        assert (a.shape, a.dtype) == (true.shape, dtype), name
        finite = np.isfinite(true)
        np.testing.assert_array_equal(a[~finite], true[~finite], err_msg=name)
        error, reference_error = (np.abs(r[finite] - true[finite]).max(initial=0) for r in (a, e))
        magnitude = np.abs(true[finite]).max(initial=max(1, dP) if name in ("dq", "dk", "dmask") else 1)
        ulp = np.spacing(magnitude.astype(dtype))
        assert error <= 8 * reference_error + 32 * ulp, (
            f"{name}: error {error:.3g}, limit {8 * reference_error + 32 * ulp:.3g}"
        )


@DTYPES
@EACH
def test_attention_has_the_same_bits_with_and_without_a_tape_and_lse(chosen, dtype):
    case = make_attention_case(chosen, Tq=50, Tk=None if "window" in str(chosen[0]) else 50, D=18, dtype=dtype)
    (out, tape), call = case.forward(F), {**case.arguments, **case.options}
    assert isinstance(out, AttentionOutput)
    assert have_same_bits(F.attention(**call), out.y)
    assert_same_bits(F.attention(**call, return_lse=True), out)
    y, tape_of_y = F.attention_forward(**call)
    assert have_same_bits(y, out.y)
    grads = case.backward(F, tape)
    assert isinstance(grads, AttentionGrads)
    assert_same_bits(case.backward(F, tape_of_y), grads)
    if grads.dmask is not None:
        assert_same_bits(case.backward(F, tape, need_dmask=False), grads._replace(dmask=None))


@DTYPES
def test_attention_backward_dlse_is_zeros_by_default(dtype):
    case = make_attention_case((Setting("mask", "added:hqk"),), Tq=70, D=8, dtype=dtype)
    _, tape, grads = case.run(F)
    assert_same_bits(case.backward(F, tape, dlse=np.zeros((2, 4, 70))), grads)


def test_attention_backward_refuses_need_dmask_with_a_bool_mask():
    _, tape = make_attention_case((Setting("mask", "bool:qk"),), Tq=20, D=8).forward(F)
    message = "attention_backward: need_dmask=True needs an additive mask; got a bool mask"
    with pytest.raises(ValueError, match=message):
        F.attention_backward(tape, np.zeros((2, 4, 20, 8)), need_dmask=True)


def test_attention_dropout_of_0_needs_no_seed_and_ignores_one():
    case = make_attention_case(Tq=20, D=8)
    out = case.forward(F)[0]
    assert_same_bits(case.with_options(dropout=0.0).forward(F)[0], out)
    assert_same_bits(case.with_options(dropout=0, seed=5).forward(F)[0], out)
    assert_same_bits(case.with_options(seed=5).forward(F)[0], out)


@DTYPES
@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
def test_attention_dropout_pattern_equals_the_reference_and_does_not_change_lse(seed, dtype):
    # v is the identity matrix, so y is the matrix of weights.
    Tk = 131
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=(2, 3, 9, 4)).astype(dtype), rng.normal(size=(2, 3, Tk, 4)).astype(dtype)
    v = np.broadcast_to(np.eye(Tk, dtype=dtype), (2, 3, Tk, Tk))
    without_dropout, dropped = (F.attention(q, k, v, dropout=rate, seed=seed, return_lse=True) for rate in (0, 0.4))
    expected = reference.attention(q, k, v, dropout=0.4, seed=seed)
    np.testing.assert_array_equal(dropped.y == 0, expected == 0)
    np.testing.assert_allclose(
        dropped.y, np.where(expected == 0, 0, without_dropout.y / 0.6), rtol=8 * np.finfo(dtype).eps
    )
    assert have_same_bits(dropped.lse, without_dropout.lse)
