"""Tests with random shapes, strides, types, options and threads against the reference (hypothesis)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import BIASES, BOUNDED, CALLS, VARIANTS, activation_name, cell_settings, make_case

import seqfuse as sf
from seqfuse import functional as F
from seqfuse import reference

pytestmark = pytest.mark.each_isa

SETTINGS = settings(derandomize=True, max_examples=150, deadline=None, database=None)
NASTY = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33]
PLACES = st.sampled_from(["plain", "spread", "backwards", "columns", "columns backwards", "fortran", "broadcast"])


def with_layout(array, how):
    """Return an equal array with other strides."""
    if how == "spread" and array.ndim:
        return np.repeat(array, 3, 0)[::3]
    if how == "backwards":
        return array[::-1].copy()[::-1]
    if how == "columns":
        return np.repeat(array, 2, -1)[..., ::2]
    if how == "columns backwards":
        return array[..., ::-1].copy()[..., ::-1]
    if how == "fortran":
        return np.asfortranarray(array)
    return array


@st.composite
def cases(draw):
    cell, options = draw(st.sampled_from(VARIANTS)).values
    bias, sizes = draw(st.sampled_from(BIASES)), st.integers(1, 20) | st.sampled_from(NASTY)
    options = {name: value for name, value in options.items() if draw(st.booleans())}
    chosen = [
        s for s in cell_settings(cell) if s.option != "recurrent_activation" or activation_name(s.value) in BOUNDED
    ]
    case = make_case(
        cell,
        options,
        settings=draw(st.lists(st.sampled_from(chosen), max_size=4, unique_by=lambda setting: setting.option)),
        scale=0.5,
        T=draw(st.integers(0, 9) | st.sampled_from([130, 260])),
        B=draw(st.integers(0, 7)),
        I=draw(st.integers(0, 3) | sizes),
        H=draw(sizes),
        dtype=draw(st.sampled_from([np.float32, np.float64])),
        seed=draw(st.integers(0, 9)),
        call=draw(st.sampled_from(CALLS)),
        bias=bias,
        states=draw(st.booleans()),
    )
    if "lengths" in case.call:
        kind = draw(st.sampled_from([np.uint8, np.int8, np.int32, np.uint64]))
        if len(case.real) < 100:
            case.call["lengths"] = case.call["lengths"].astype(kind)
    how = draw(PLACES)
    if how == "broadcast" and case.arguments["x"].size:
        x = case.arguments["x"]
        case = case.with_argument("x", np.broadcast_to(x[:1, :1], x.shape))
    return case


def strided(case, draw):
    """Return the case with copies of all arrays in other memory layouts."""
    arguments = {name: with_layout(a, draw(PLACES)) for name, a in case.arguments.items()}
    doutputs = {name: with_layout(a, draw(PLACES)) for name, a in case.doutputs.items()}
    call = {name: with_layout(a, draw(PLACES)) if name == "mask" else a for name, a in case.call.items()}
    return replace(case, arguments=arguments, doutputs=doutputs, call=call)


@SETTINGS
@given(case=cases())
def test_random_call_matches_the_reference(case):
    dtype = case.arguments["x"].dtype.type
    (out, _, grads), (expected, _, expected_grads) = case.run(F), case.astype(np.float64).run(reference)
    # The rule of accuracy needs many numbers. Here each step rounds a few times, and a sum of n terms sqrt(n) times.
    steps, longest = len(case.real), max(*case.arguments["W"].shape, case.real.size)
    for name, a, e in zip(out._fields + grads._fields, (*out, *grads), (*expected, *expected_grads), strict=True):
        if e is None:
            assert a is None
            continue
        assert (a.shape, a.dtype) == (e.shape, dtype), name
        limit = np.finfo(dtype).eps * (8 + min(steps, 20)) * (4 + longest**0.5) * max(1, np.abs(e).max(initial=0))
        np.testing.assert_allclose(a, e, rtol=0, atol=limit, err_msg=name)


@SETTINGS
@given(case=cases(), data=st.data(), threads=st.sampled_from([1, 2, 3]))
def test_random_layout_and_threads_do_not_change_results(case, data, threads):
    out, _, grads = case.run(F)
    with sf.num_threads(threads):
        out_strided, _, grads_strided = strided(case, data.draw).run(F)
    for got, right in ((out_strided, out), (grads_strided, grads)):
        for name, a, e in zip(right._fields, got, right, strict=True):
            if e is not None:
                assert (a.shape, a.dtype) == (e.shape, e.dtype), name
                np.testing.assert_array_equal(a.view(f"u{a.itemsize}"), e.view(f"u{e.itemsize}"), err_msg=name)


@SETTINGS
@given(case=cases(), data=st.data())
def test_random_split_of_the_sequence_does_not_change_results(case, data):
    steps, time = len(case.real), 1 if case.call.get("batch_first") else 0
    cut = data.draw(st.integers(0, steps))
    real = case.real.T if case.call.get("batch_first") else case.real
    call = {name: value for name, value in case.call.items() if name not in ("lengths", "mask")}
    x, dy = case.arguments["x"], case.doutputs["dy"]

    def part(begin, end, states):
        section = (slice(None),) * time + (slice(begin, end),)
        arguments = {**case.arguments, "x": x[section], **states}
        return section, *getattr(F, f"{case.cell.name}_forward")(
            **arguments, **case.options, **call, mask=real[section]
        )

    out, _, grads = case.run(F)
    ends = [(0, cut), (cut, steps)][:: -1 if call.get("reverse") else 1]
    before, first, first_tape = part(*ends[0], {})
    behind, second, second_tape = part(*ends[1], {f"{s}0": getattr(first, s) for s in case.cell.states})
    back = getattr(F, f"{case.cell.name}_backward")
    given_back = {f"d{s}": case.doutputs[f"d{s}"] for s in case.cell.states}
    dsecond = back(second_tape, dy[behind], **given_back)
    dfirst = back(first_tape, dy[before], **{f"d{s}": getattr(dsecond, f"d{s}0") for s in case.cell.states})
    np.testing.assert_array_equal(first.y, out.y[before])
    np.testing.assert_array_equal(second.y, out.y[behind])
    np.testing.assert_array_equal(dfirst.dx, grads.dx[before])
    np.testing.assert_array_equal(dsecond.dx, grads.dx[behind])
    for s in case.cell.states:
        np.testing.assert_array_equal(getattr(second, s), getattr(out, s))
        np.testing.assert_array_equal(getattr(dfirst, f"d{s}0"), getattr(grads, f"d{s}0"))
