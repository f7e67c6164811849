"""What a query may not attend to changes no bit of it, nor the query a bit of that: NaN and infinities included.

A mistake of this kind hides in products: 0 * NaN is NaN, so a weight of 0 is not enough, in either direction.
"""

from dataclasses import replace

import numpy as np
import pytest
from support.attention_cases import Setting, make_attention_case
from support.cases import assert_same_bits

from seqfuse import functional as F
from seqfuse import reference

pytestmark = pytest.mark.each_isa

# The kernel over several blocks of queries and keys; the reference, which holds the meaning, over fewer.
SIDES = pytest.mark.parametrize(
    ("module", "dtype", "T"),
    [(F, np.float32, 130), (F, np.float64, 130), (reference, np.float64, 20)],
    ids=["float32", "float64", "reference"],
)
# With these, some pairs may not attend, in interior blocks of keys and on diagonals that cross blocks.
WAYS = {
    "causal": [Setting("causal", True)],
    "bottom_right": [Setting("causal", "bottom_right"), Setting("lengths")],
    "window": [Setting("window", (5, 3))],
    "causal and window": [Setting("causal", "top_left"), Setting("window", (70, 0))],
    "lengths": [Setting("lengths")],
    "bool": [Setting("mask", "bool:bhqk")],
    "bool keys": [Setting("mask", "bool:bk")],
    "-inf": [Setting("mask", "-inf:hqk")],
    "-inf and softcap": [Setting("mask", "-inf:bhqk"), Setting("softcap", 1.5)],
    "added and causal": [Setting("mask", "added:qk"), Setting("causal", True)],
    "fewer queries": [Setting("causal", "bottom_right"), Setting("Tq", "fewer")],
    "dropout": [Setting("causal", True), Setting("dropout", 0.3)],
}
VALUES = (np.nan, np.inf, -np.inf)


def places(length):
    """Rows to poison: the ends, and about the edges of blocks."""
    return [i for i in (0, 17, 63, 64, 100) if i < length - 1] + [length - 1]


def draw(way, dtype, T, D=17):
    """A case of T queries and keys, of 4 heads that read 2, with features that fill no packet."""
    chosen = (*WAYS[way], Setting("dlse"))
    return make_attention_case(chosen, B=2, Hq=4, Hk=2, Tq=T, D=D, Dv=D + 2, dtype=dtype)


def poisoned(case, name, place, value):
    """The case with rows of one array replaced: of q, k, v, dy or dlse, in batch row 1 and its last head."""
    of = case.doutputs if name.startswith("d") else case.arguments
    array = of[name].copy()
    array[1, -1, place] = value
    changed = {**of, name: array}
    return replace(case, **{"doutputs" if name.startswith("d") else "arguments": changed})


def assert_same_where(name, got, expected, where):
    unsigned = f"u{expected.itemsize}"
    np.testing.assert_array_equal(got.view(unsigned)[where], expected.view(unsigned)[where], err_msg=name)


def attending(may, heads):
    """(B, Hq, Tq) of may, which queries attend to a key of what is poisoned, as (B, Hk, Tk) for keys of heads."""
    B, Hq, Tq, Tk = may.shape
    return may.reshape(B, heads, Hq // heads, Tq, Tk).any(axis=(2, 3))


@SIDES
@pytest.mark.parametrize("name", ["k", "v"])
@pytest.mark.parametrize("way", WAYS)
def test_a_key_reaches_the_queries_that_attend_to_it_and_nothing_else(way, name, module, dtype, T):
    case = draw(way, dtype, T)
    clean, _, grads = case.run(module)
    for place in places(T):
        may = np.zeros_like(case.allowed)
        may[1, 2:, :, place] = case.allowed[1, 2:, :, place]
        reached = may.any(axis=-1)  # (B, Hq, Tq)
        keys = attending(case.allowed & reached[..., None], 2)  # (B, Hk, Tk), through the queries that were reached
        for value in (np.nan, -np.inf if place % 2 else np.inf):
            out, _, dgot = poisoned(case, name, place, value).run(module)
            assert_same_where("y", out.y, clean.y, ~reached)
            assert_same_where("lse", out.lse, clean.lse, ~reached)
            assert_same_where("dq", dgot.dq, grads.dq, ~reached)
            assert_same_where("dk", dgot.dk, grads.dk, ~keys)
            assert_same_where("dv", dgot.dv, grads.dv, ~keys)
            if grads.dmask is not None:
                _assert_same_dmask(case, dgot.dmask, grads.dmask, reached)
            if value is np.nan and not (name == "v" and way == "dropout"):  # a value that is dropped may be left out
                assert np.isnan(out.y[reached]).all()
                assert np.isnan(out.lse[reached]).all() == (name == "k" or not reached.any())


@SIDES
@pytest.mark.parametrize("name", ["q", "dy", "dlse"])
@pytest.mark.parametrize("way", WAYS)
def test_a_query_reaches_the_keys_that_it_attends_to_and_nothing_else(way, name, module, dtype, T):
    case = draw(way, dtype, T)
    clean, _, grads = case.run(module)
    for place in places(case.shape[2]):
        reached = np.zeros(case.shape[:3], bool)
        reached[1, -1, place] = True
        keys = attending(case.allowed & reached[..., None], 2)
        for value in (np.nan, -np.inf if place % 2 else np.inf):
            out, _, dgot = poisoned(case, name, place, value).run(module)
            assert_same_where("y", out.y, clean.y, ~reached if name == "q" else ...)
            assert_same_where("lse", out.lse, clean.lse, ~reached if name == "q" else ...)
            assert_same_where("dq", dgot.dq, grads.dq, ~reached)
            assert_same_where("dk", dgot.dk, grads.dk, ~keys)
            assert_same_where("dv", dgot.dv, grads.dv, ~keys if name != "dlse" else ...)
            if grads.dmask is not None:
                _assert_same_dmask(case, dgot.dmask, grads.dmask, reached)
            if value is np.nan:
                assert np.isnan(dgot.dk[keys]).all()


def _assert_same_dmask(case, got, expected, reached):
    """Entries that no query which was reached has a part in."""
    may = case.allowed & reached[..., None]
    shape = (1,) * (4 - expected.ndim) + expected.shape
    for axis, n in enumerate(shape):
        may = may.any(axis=axis, keepdims=True) if n == 1 else may
    assert_same_where("dmask", got, expected, ~may.reshape(expected.shape))


@SIDES
@pytest.mark.parametrize("D", [1, 5, 16, 17, 31, 64, 65])
@pytest.mark.parametrize("way", ["lengths", "bool keys", "bottom_right", "fewer queries"])
def test_keys_that_nobody_attends_to_and_queries_with_nothing_may_hold_anything(way, D, module, dtype, T):
    case = draw(way, dtype, T, D)
    out, _, grads = case.run(module)
    nobody = ~attending(case.allowed, 2)
    nothing = ~case.allowed.any(axis=-1)
    assert nobody.any() or nothing.any() or way == "fewer queries"
    for value in VALUES:
        arguments, doutputs = dict(case.arguments), dict(case.doutputs)
        for name in ("k", "v"):
            arguments[name] = np.where(nobody[..., None], dtype(value), arguments[name])
        arguments["q"] = np.where(nothing[..., None], dtype(value), arguments["q"])
        doutputs["dy"] = np.where(nothing[..., None], dtype(value), doutputs["dy"])
        doutputs["dlse"] = np.where(nothing, dtype(value), doutputs["dlse"])
        got, _, dgot = replace(case, arguments=arguments, doutputs=doutputs).run(module)
        assert_same_bits(got, out)
        assert_same_bits(dgot, grads)
    for name, empty in (("dq", nothing), ("dk", nobody), ("dv", nobody)):
        assert not getattr(grads, name)[empty].any(), name
    assert not out.y[nothing].any()


@SIDES
@pytest.mark.parametrize("way", WAYS)
def test_excluded_entries_of_a_mask_have_no_gradient(way, module, dtype, T):
    case = draw(way, dtype, T)
    if "mask" not in case.arguments or case.arguments["mask"].dtype == bool:
        case = case.with_argument("mask", np.where(case.arguments.get("mask", np.ones((1, 1), bool)), 0, -np.inf))
        case = case.with_argument("mask", np.broadcast_to(case.arguments["mask"].astype(dtype), case.shape).copy())
    grads = case.run(module)[2]
    assert grads.dmask.shape == case.arguments["mask"].shape
    assert grads.dmask.any()
    may = np.broadcast_to(case.allowed, case.shape)
    for axis, n in enumerate((1,) * (4 - grads.dmask.ndim) + grads.dmask.shape):
        may = may.any(axis=axis, keepdims=True) if n == 1 else may
    assert not grads.dmask[~may.reshape(grads.dmask.shape)].any()
