"""Excluded query-key pairs do not change a single bit of the results, even if they contain NaN or infinities.

0 * NaN is NaN, so a weight of 0 is not enough in a product, neither forward nor backward.
"""

from dataclasses import replace

import numpy as np
import pytest
from support.attention_cases import Setting, make_attention_case
from support.cases import assert_same_bits

from seqfuse import functional as F
from seqfuse import reference

pytestmark = pytest.mark.each_isa

# The kernels with several blocks of queries and keys; the reference, which is slower, with fewer.
MODULES = pytest.mark.parametrize(
    ("module", "dtype", "T"),
    [(F, np.float32, 130), (F, np.float64, 130), (reference, np.float64, 20)],
    ids=["float32", "float64", "reference"],
)
# Options that exclude query-key pairs, inside blocks of keys and along diagonals that cross blocks.
EXCLUSIONS = {
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


def poisoned_rows(length):
    """Return the rows to poison: the first, the last, and rows at the edges of blocks."""
    return [i for i in (0, 17, 63, 64, 100) if i < length - 1] + [length - 1]


def draw(exclusion, dtype, T, D=17):
    """Return a case of T queries and keys, with 4 query heads, 2 key heads and features that do not fill a packet."""
    chosen = (*EXCLUSIONS[exclusion], Setting("dlse"))
    return make_attention_case(chosen, B=2, Hq=4, Hk=2, Tq=T, D=D, Dv=D + 2, dtype=dtype)


def poisoned(case, name, row, value):
    """Return the case with one row of one array replaced, in batch row 1 and the last head."""
    group = case.doutputs if name.startswith("d") else case.arguments
    array = group[name].copy()
    array[1, -1, row] = value
    changed = {**group, name: array}
    return replace(case, **{"doutputs" if name.startswith("d") else "arguments": changed})


def assert_same_where(name, actual, expected, where):
    unsigned = f"u{expected.itemsize}"
    np.testing.assert_array_equal(actual.view(unsigned)[where], expected.view(unsigned)[where], err_msg=name)


def affected_keys(allowed, heads):
    """Return which keys (B, Hk, Tk) any query attends to, from `allowed` (B, Hq, Tq, Tk)."""
    B, Hq, Tq, Tk = allowed.shape
    return allowed.reshape(B, heads, Hq // heads, Tq, Tk).any(axis=(2, 3))


@MODULES
@pytest.mark.parametrize("name", ["k", "v"])
@pytest.mark.parametrize("exclusion", EXCLUSIONS)
def test_attention_key_affects_only_the_queries_that_attend_to_it(exclusion, name, module, dtype, T):
    case = draw(exclusion, dtype, T)
    clean, _, grads = case.run(module)
    for row in poisoned_rows(T):
        allowed = np.zeros_like(case.allowed)
        allowed[1, 2:, :, row] = case.allowed[1, 2:, :, row]
        affected = allowed.any(axis=-1)  # (B, Hq, Tq)
        changed_keys = affected_keys(case.allowed & affected[..., None], 2)  # (B, Hk, Tk), through affected queries
        for value in (np.nan, -np.inf if row % 2 else np.inf):
            out, _, actual_grads = poisoned(case, name, row, value).run(module)
            assert_same_where("y", out.y, clean.y, ~affected)
            assert_same_where("lse", out.lse, clean.lse, ~affected)
            assert_same_where("dq", actual_grads.dq, grads.dq, ~affected)
            assert_same_where("dk", actual_grads.dk, grads.dk, ~changed_keys)
            assert_same_where("dv", actual_grads.dv, grads.dv, ~changed_keys)
            if grads.dmask is not None:
                _assert_same_dmask(case, actual_grads.dmask, grads.dmask, affected)
            is_dropped = name == "v" and exclusion == "dropout"  # a dropped value does not affect y
            if value is np.nan and not is_dropped:
                assert np.isnan(out.y[affected]).all()
                assert np.isnan(out.lse[affected]).all() == (name == "k" or not affected.any())


@MODULES
@pytest.mark.parametrize("name", ["q", "dy", "dlse"])
@pytest.mark.parametrize("exclusion", EXCLUSIONS)
def test_attention_query_affects_only_the_keys_that_it_attends_to(exclusion, name, module, dtype, T):
    case = draw(exclusion, dtype, T)
    clean, _, grads = case.run(module)
    for row in poisoned_rows(case.shape[2]):
        affected = np.zeros(case.shape[:3], bool)
        affected[1, -1, row] = True
        changed_keys = affected_keys(case.allowed & affected[..., None], 2)
        for value in (np.nan, -np.inf if row % 2 else np.inf):
            out, _, actual_grads = poisoned(case, name, row, value).run(module)
            assert_same_where("y", out.y, clean.y, ~affected if name == "q" else ...)
            assert_same_where("lse", out.lse, clean.lse, ~affected if name == "q" else ...)
            assert_same_where("dq", actual_grads.dq, grads.dq, ~affected)
            assert_same_where("dk", actual_grads.dk, grads.dk, ~changed_keys)
            assert_same_where("dv", actual_grads.dv, grads.dv, ~changed_keys if name != "dlse" else ...)
            if grads.dmask is not None:
                _assert_same_dmask(case, actual_grads.dmask, grads.dmask, affected)
            if value is np.nan:
                assert np.isnan(actual_grads.dk[changed_keys]).all()


def _assert_same_dmask(case, actual, expected, affected):
    """Check the entries of dmask to which no affected query contributes."""
    allowed = case.allowed & affected[..., None]
    shape = (1,) * (4 - expected.ndim) + expected.shape
    for axis, n in enumerate(shape):
        allowed = allowed.any(axis=axis, keepdims=True) if n == 1 else allowed
    assert_same_where("dmask", actual, expected, ~allowed.reshape(expected.shape))


@MODULES
@pytest.mark.parametrize("D", [1, 5, 16, 17, 31, 64, 65])
@pytest.mark.parametrize("exclusion", ["lengths", "bool keys", "bottom_right", "fewer queries"])
def test_attention_ignores_values_of_unused_keys_and_of_queries_without_keys(exclusion, D, module, dtype, T):
    case = draw(exclusion, dtype, T, D)
    out, _, grads = case.run(module)
    unused_keys = ~affected_keys(case.allowed, 2)
    without_keys = ~case.allowed.any(axis=-1)
    assert unused_keys.any() or without_keys.any() or exclusion == "fewer queries"
    for value in VALUES:
        arguments, doutputs = dict(case.arguments), dict(case.doutputs)
        for name in ("k", "v"):
            arguments[name] = np.where(unused_keys[..., None], dtype(value), arguments[name])
        arguments["q"] = np.where(without_keys[..., None], dtype(value), arguments["q"])
        doutputs["dy"] = np.where(without_keys[..., None], dtype(value), doutputs["dy"])
        doutputs["dlse"] = np.where(without_keys, dtype(value), doutputs["dlse"])
        actual, _, actual_grads = replace(case, arguments=arguments, doutputs=doutputs).run(module)
        assert_same_bits(actual, out)
        assert_same_bits(actual_grads, grads)
    for name, excluded in (("dq", without_keys), ("dk", unused_keys), ("dv", unused_keys)):
        assert not getattr(grads, name)[excluded].any(), name
    assert not out.y[without_keys].any()


@MODULES
@pytest.mark.parametrize("exclusion", EXCLUSIONS)
def test_attention_backward_gradient_of_excluded_mask_entries_is_0(exclusion, module, dtype, T):
    case = draw(exclusion, dtype, T)
    if "mask" not in case.arguments or case.arguments["mask"].dtype == bool:
        case = case.with_argument("mask", np.where(case.arguments.get("mask", np.ones((1, 1), bool)), 0, -np.inf))
        case = case.with_argument("mask", np.broadcast_to(case.arguments["mask"].astype(dtype), case.shape).copy())
    grads = case.run(module)[2]
    assert grads.dmask.shape == case.arguments["mask"].shape
    assert grads.dmask.any()
    allowed = np.broadcast_to(case.allowed, case.shape)
    for axis, n in enumerate((1,) * (4 - grads.dmask.ndim) + grads.dmask.shape):
        allowed = allowed.any(axis=axis, keepdims=True) if n == 1 else allowed
    assert not grads.dmask[~allowed.reshape(grads.dmask.shape)].any()
