"""Tests that the bits of attention depend on nothing but the query, its keys and their values."""

from dataclasses import replace

import numpy as np
import pytest
from support.attention_cases import LAYOUTS, SETTINGS, Setting, make_attention_case
from support.cases import assert_same_bits

import seqfuse as sf
from seqfuse import functional as F
from seqfuse._results import AttentionOutput

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
THREADS = (1, 2, 3)
# Sizes near packets, blocks of queries and blocks of 64 keys.
SIZES = [(1, 1), (15, 15), (48, 48), (49, 64), (65, 65), (1, 130), (129, 63), (130, 200)]
EACH_SIZE = pytest.mark.parametrize(("Tq", "Tk"), SIZES)
MANY = (Setting("mask", "added:bhqk"), Setting("softcap", 1.5), Setting("dlse"), Setting("lengths"))
CALLS = {
    "plain": (),
    "causal": (Setting("causal", "bottom_right"), Setting("dlse")),
    "window": (Setting("causal", "top_left"), Setting("window", (40, None))),
    "many": MANY,
    "all": (*MANY, Setting("causal", "bottom_right"), Setting("window", (70, 0))),
}
EACH_CALL = pytest.mark.parametrize("call", CALLS)


def bits(array):
    return array.view(f"u{array.itemsize}")


def assert_bits(name, actual, expected):
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype), name
    np.testing.assert_array_equal(bits(actual), bits(expected), err_msg=name)


def run(case, threads=1):
    """Return the AttentionOutput and the AttentionGrads."""
    with sf.num_threads(threads):
        out, _, grads = case.run(F)
    return out, grads


def selected(case, axis, rows):
    """Return the case of some rows of the batch (axis 0) or some heads (axis 1).

    Heads must be whole groups.
    """
    group = case.shape[1] // case.arguments["k"].shape[1]
    key_rows = sorted({row // group for row in rows}) if axis else rows

    def select(name, array):
        if name == "mask":
            axis_of_mask = axis - 4 + array.ndim
            return array if axis_of_mask < 0 or array.shape[axis_of_mask] == 1 else array.take(rows, axis_of_mask)
        return array.take(key_rows if name in ("k", "v") else rows, axis)

    arguments = {name: select(name, a) for name, a in case.arguments.items()}
    options = dict(case.options)
    if axis == 0 and "lengths" in options:
        options["lengths"] = np.asarray(options["lengths"])[rows]
    return replace(
        case, arguments=arguments, options=options, doutputs={n: select(n, d) for n, d in case.doutputs.items()}
    )


def assert_selected(case, axis, rows, actual, expected):
    """Check that the results of `selected` are the rows or heads of the full results."""
    group = case.shape[1] // case.arguments["k"].shape[1]
    key_rows = sorted({row // group for row in rows}) if axis else rows
    for name, a, e in zip(
        (*actual[0]._fields, *actual[1]._fields), (*actual[0], *actual[1]), (*expected[0], *expected[1])
    ):
        if e is not None:
            assert_bits(f"{name} of {rows}", a, e.take(key_rows if name in ("dk", "dv") else rows, axis))


@DTYPES
@EACH_CALL
@EACH_SIZE
def test_attention_has_the_same_bits_for_a_row_in_any_batch_and_position(Tq, Tk, call, dtype):
    case = make_attention_case(CALLS[call], B=5, Tq=Tq, Tk=Tk, D=19, Dv=21, dtype=dtype)
    full = run(case)
    for rows in ([0], [3], [4, 1], [2, 2, 2, 0], [4, 3, 2, 1, 0]):
        assert_selected(case, 0, rows, run(selected(case, 0, rows)), full)


@DTYPES
@EACH_CALL
@EACH_SIZE
def test_attention_has_the_same_bits_for_a_head_among_any_others(Tq, Tk, call, dtype):
    case = make_attention_case(CALLS[call], Hq=6, Hk=3, Tq=Tq, Tk=Tk, D=19, Dv=21, dtype=dtype)
    full = run(case)
    for heads in ([0, 1], [4, 5], [0, 1, 4, 5]):
        assert_selected(case, 1, heads, run(selected(case, 1, heads)), full)


@DTYPES
@EACH_CALL
def test_attention_grouped_heads_have_the_bits_of_repeated_keys(call, dtype):
    case = make_attention_case(CALLS[call], Hq=6, Hk=2, Tq=70, D=19, dtype=dtype)
    repeated = case
    for name in ("k", "v"):
        repeated = repeated.with_argument(name, case.arguments[name].repeat(3, axis=1))
    (out, grads), (repeated_out, repeated_grads) = run(case), run(repeated)
    assert_same_bits(repeated_out, out)
    assert_same_bits(repeated_grads, grads, of=("dq", "dmask"))


@DTYPES
@pytest.mark.parametrize("call", ["plain", "many"])
@pytest.mark.parametrize("Tk", [1, 64, 65, 200])
def test_attention_has_the_same_bits_for_a_query_among_any_others(Tk, call, dtype):
    case = make_attention_case(CALLS[call], Tq=101, Tk=Tk, D=19, dtype=dtype)
    out, grads = run(case)
    for begin, end in ((0, 1), (1, 2), (0, 48), (47, 49), (48, 101), (100, 101), (5, 90)):

        def select(name, array, part=slice(begin, end)):
            return array if name in ("k", "v") else array[:, :, part]

        doutputs = {name: select(name, d) for name, d in case.doutputs.items()}
        arguments = {name: select(name, a) for name, a in case.arguments.items()}
        part, dpart = run(replace(case, arguments=arguments, doutputs=doutputs))
        assert_bits("y", part.y, out.y[:, :, begin:end])
        assert_bits("lse", part.lse, out.lse[:, :, begin:end])
        assert_bits("dq", dpart.dq, grads.dq[:, :, begin:end])
        if dpart.dmask is not None:
            assert_bits("dmask", dpart.dmask, grads.dmask[:, :, begin:end])


@DTYPES
@pytest.mark.parametrize("options", [{}, {"window": (70, 0)}, {"window": (3, None), "softcap": 1.5}], ids=str)
@pytest.mark.parametrize("steps", [1, 7, 48, 64])
def test_attention_step_by_step_has_the_bits_of_the_causal_run(steps, options, dtype):
    case = make_attention_case(Tq=150, D=19, dtype=dtype)
    q, k, v = case.arguments.values()
    full = F.attention(q, k, v, causal=True, return_lse=True, **options)
    caches = [np.full((2, 2, 170, 19), np.nan, dtype) for _ in range(2)]  # caches, filled step by step
    for begin in range(0, 150, steps) if steps > 1 else (0, 1, 47, 48, 63, 64, 65, 127, 128, 129, 149):
        end = min(begin + steps, 150)
        for cache, array in zip(caches, (k, v)):
            cache[:, :, :end] = array[:, :, :end]
        queries = q[:, :, begin:end]
        growing_arrays = (queries, k[:, :, :end], v[:, :, :end]), {}
        padded_cache = (queries, *caches), {"lengths": [end, end]}
        for arguments, more_options in (growing_arrays, padded_cache):
            part = F.attention(*arguments, causal="bottom_right", return_lse=True, **options, **more_options)
            assert_same_bits(part, AttentionOutput(full.y[:, :, begin:end], full.lse[:, :, begin:end]))


@DTYPES
@pytest.mark.parametrize(("Tq", "Tk"), [(48, 48), (65, 65), (1, 130), (130, 200)])
@pytest.mark.parametrize("chosen", SETTINGS)
def test_attention_has_the_same_bits_with_any_number_of_threads(chosen, Tq, Tk, dtype):
    square = chosen[0].option == "window" or chosen == (Setting("causal", True),)
    case = make_attention_case((*chosen, Setting("dlse")), Tq=Tk if square else Tq, Tk=Tk, D=19, dtype=dtype)
    out, grads = run(case)
    for threads in THREADS[1:]:
        other_out, other_grads = run(case, threads)
        assert_same_bits(other_out, out)
        assert_same_bits(other_grads, grads)


@DTYPES
@pytest.mark.parametrize(("B", "Hq", "Hk"), [(1, 1, 1), (1, 8, 1), (3, 1, 1), (1, 5, 5), (7, 2, 1)])
def test_attention_has_the_same_bits_with_any_number_of_threads_with_few_and_many_heads(B, Hq, Hk, dtype):
    case = make_attention_case(CALLS["all"], B=B, Hq=Hq, Hk=Hk, Tq=300, D=64, dtype=dtype)
    out, grads = run(case)
    for threads in THREADS[1:]:
        other_out, other_grads = run(case, threads)
        assert_same_bits(other_out, out)
        assert_same_bits(other_grads, grads)


@DTYPES
@pytest.mark.parametrize("threads", THREADS)
def test_attention_dropout_is_reproducible_with_the_same_seed(threads, dtype):
    case = make_attention_case((*CALLS["many"], Setting("dropout", 0.3)), Tq=70, D=19, dtype=dtype)
    out, grads = run(case)
    with sf.num_threads(threads):
        other_out, tape = case.forward(F)
        assert_same_bits(other_out, out)
        assert_same_bits(case.backward(F, tape), grads)
        assert_same_bits(case.backward(F, tape), grads)
    other = case.with_options(seed=case.options["seed"] + 1).forward(F)[0]
    assert not np.array_equal(other.y, out.y)
    assert_bits("lse", other.lse, out.lse)


@DTYPES
@pytest.mark.parametrize("layout", range(1, len(LAYOUTS)))
@pytest.mark.parametrize("chosen", SETTINGS[:12] + [CALLS["all"]], ids=lambda chosen: str(chosen[0]))
def test_attention_has_the_same_bits_with_any_strides(chosen, layout, dtype):
    case = make_attention_case(chosen, Tq=50, D=19, dtype=dtype)
    change_layout = LAYOUTS[layout]
    strided = replace(
        case,
        arguments={name: change_layout(a) for name, a in case.arguments.items()},
        doutputs={name: change_layout(d) for name, d in case.doutputs.items()},
    )
    (out, grads), (strided_out, strided_grads) = run(case), run(strided)
    assert_same_bits(strided_out, out)
    assert_same_bits(strided_grads, grads)


# ---- equivalent options ----------------------------------------------------------------------------------------------


def equivalent_lengths(n, T):
    mask = np.arange(T) < n
    return [
        {"lengths": [n, n]},
        {"mask": mask[None]},
        {"mask": np.broadcast_to(mask, (2, 4, T, T))},
        {"mask": np.where(mask, 0.0, -np.inf)[None, None, None]},
        {"mask": mask[None], "lengths": [n, n]},
    ]


def equivalent_positions(left, right, T):
    distance = np.arange(T) - np.arange(T)[:, None]  # j - i
    allowed = (distance <= right) & (-distance <= left)
    equivalent_options = [{"mask": allowed}, {"mask": np.where(allowed, 0.0, -np.inf)[None]}]
    if right == 0:
        window = None if left >= T else (left, None)
        equivalent_options += [{"causal": causal, "window": window} for causal in (True, "top_left", "bottom_right")]
        equivalent_options += [{"causal": "bottom_right", "window": window, "lengths": [T, T]}]
    return [*equivalent_options, {"window": (left, right)}, {"window": (left, right), "lengths": [T, T]}]


def assert_all_equal(case, equivalent_options):
    """Check that all options give the same bits, without the gradient of a mask, which only some of them have."""
    results = []
    for options in equivalent_options:
        (mask, rest) = options.get("mask"), {name: value for name, value in options.items() if name != "mask"}
        arguments = {**case.arguments, **({} if mask is None else {"mask": mask})}
        results.append(run(replace(case, arguments=arguments, options={**case.options, **rest})))
    for out, grads in results[1:]:
        assert_same_bits(out, results[0][0])
        assert_same_bits(grads, results[0][1], of=("dq", "dk", "dv"))
    return results[0]


OTHER_OPTIONS = pytest.mark.parametrize(
    "chosen", [(), (Setting("softcap", 1.5), Setting("dropout", 0.2), Setting("dlse"))], ids=["plain", "options"]
)


@DTYPES
@OTHER_OPTIONS
@pytest.mark.parametrize("n", [1, 15, 63, 64, 65, 128, 129, 130])
def test_attention_lengths_have_the_bits_of_masks_and_of_fewer_keys(n, chosen, dtype):
    case = make_attention_case(chosen, Tq=130, D=19, dtype=dtype)
    out, grads = assert_all_equal(case, equivalent_lengths(n, 130))
    shorter = case
    for name in ("k", "v"):
        shorter = shorter.with_argument(name, case.arguments[name][:, :, :n])
    shorter_out, shorter_grads = run(shorter)
    assert_same_bits(shorter_out, out)
    assert_bits("dq", shorter_grads.dq, grads.dq)
    assert_bits("dk", shorter_grads.dk, np.ascontiguousarray(grads.dk[:, :, :n]))
    assert_bits("dv", shorter_grads.dv, np.ascontiguousarray(grads.dv[:, :, :n]))
    assert not grads.dk[:, :, n:].any()
    assert not grads.dv[:, :, n:].any()


@DTYPES
@OTHER_OPTIONS
@pytest.mark.parametrize(
    ("left", "right"), [(1000, 0), (0, 1000), (0, 0), (3, 0), (70, 0), (64, 5), (2, 63), (100, 100)]
)
def test_attention_causal_and_window_have_the_bits_of_masks(left, right, chosen, dtype):
    case = make_attention_case(chosen, Tq=130, D=19, dtype=dtype)
    assert_all_equal(case, equivalent_positions(left, right, 130))


@DTYPES
def test_attention_lengths_have_the_bits_of_each_row_cut_to_its_length(dtype):
    case = make_attention_case(CALLS["all"], B=4, Tq=70, D=19, dtype=dtype)
    out, grads = run(case)
    for b, n in enumerate(case.options["lengths"]):
        single_row = selected(case, 0, [b])
        del single_row.options["lengths"]
        for name in ("k", "v"):
            single_row = single_row.with_argument(name, single_row.arguments[name][:, :, :n])
        single_row = single_row.with_argument("mask", single_row.arguments["mask"][..., :n])
        row_out, row_grads = run(single_row)
        assert_bits("y", row_out.y, out.y[b : b + 1])
        assert_bits("lse", row_out.lse, out.lse[b : b + 1])
        assert_bits("dq", row_grads.dq, grads.dq[b : b + 1])
        for name in ("dk", "dv"):
            assert_bits(name, getattr(row_grads, name), np.ascontiguousarray(getattr(grads, name)[b : b + 1, :, :n]))
