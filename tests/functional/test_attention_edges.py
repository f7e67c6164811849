"""Tests of attention at its edges: no keys, extreme numbers and sizes of zero."""

import numpy as np
import pytest
from support.attention_cases import Setting, make_attention_case

from seqfuse import functional as F
from seqfuse import reference

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
MODULES = pytest.mark.parametrize("module", [F, reference], ids=["kernel", "reference"])


def run(module, q, k, v, dy=None, dlse=None, **options):
    """Return y, lse, dq, dk, dv and dmask.

    The gradients are those of the sum of y by default.
    """
    out, tape = module.attention_forward(q, k, v, return_lse=True, **options)
    has_dmask = options.get("mask") is not None and np.asarray(options["mask"]).dtype != bool
    dy = np.ones_like(out.y) if dy is None else dy
    return (*out, *module.attention_backward(tape, dy, dlse=dlse, need_dmask=has_dmask))


def draw(dtype, B=2, Hq=2, Hk=2, Tq=70, Tk=70, D=17, Dv=19, seed=0):
    rng = np.random.default_rng(seed)
    shapes = (B, Hq, Tq, D), (B, Hk, Tk, D), (B, Hk, Tk, Dv), (B, Hq, Tq, Dv)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def assert_equal_bits(results, expected):
    for name, a, e in zip(("y", "lse", "dq", "dk", "dv", "dmask"), results, expected, strict=True):
        assert (a is None) == (e is None), name
        if e is not None:
            np.testing.assert_array_equal(a.view(f"u{a.itemsize}"), e.view(f"u{e.itemsize}"), err_msg=name)


# ---- queries without keys --------------------------------------------------------------------------------------------


def mask_without_keys(kind):
    mask = np.ones((70, 70), bool)
    mask[[0, 5, 48, 63, 64, 69]] = False
    return {"mask": mask if kind == "bool" else np.where(mask, 0.0, -np.inf)}


WITHOUT_KEYS = {
    "bool": lambda: mask_without_keys("bool"),
    "-inf": lambda: mask_without_keys("-inf"),
    "lengths": lambda: {"lengths": [0, 70]},
    "bottom_right": lambda: {"lengths": [30, 1], "causal": "bottom_right"},
    "window": lambda: {"lengths": [20, 65], "causal": "bottom_right", "window": (3, 0)},
    "mask and causal": lambda: {"mask": np.arange(70)[None] > 50, "causal": True},
}


@MODULES
@DTYPES
@pytest.mark.parametrize("case", WITHOUT_KEYS)
def test_attention_of_queries_without_keys_is_0_without_gradients_for_any_dy(case, dtype, module):
    q, k, v, dy = draw(dtype)
    dlse = dy.sum(axis=-1)
    options = WITHOUT_KEYS[case]()
    clean = run(module, q, k, v, dy, dlse, **options)
    without_keys = np.isneginf(clean[1])
    assert without_keys.any()
    assert not without_keys.all()
    for value in (np.nan, np.inf, 3):
        poisoned = [np.where(without_keys[..., None], dtype(value), a) for a in (q, dy)]
        results = run(module, poisoned[0], k, v, poisoned[1], np.where(without_keys, dtype(value), dlse), **options)
        assert_equal_bits(results, clean)
    assert not clean[0][without_keys].any()
    assert not clean[2][without_keys].any()
    assert all(np.isfinite(a).all() for a in (clean[0], *clean[2:5]))


@MODULES
@DTYPES
@pytest.mark.parametrize("case", ["bool", "-inf", "lengths"])
def test_attention_without_any_allowed_key_is_0(case, dtype, module):
    q, k, v, dy = (np.full_like(a, np.nan) for a in draw(dtype))
    options = {"bool": {"mask": np.zeros((1, 70), bool)}, "-inf": {"mask": np.full((2, 1, 1, 70), -np.inf)}}
    results = run(module, q, k, v, dy, dy[..., 0], **options.get(case, {"lengths": [0, 0]}))
    assert np.isneginf(results[1]).all()
    assert not any(a.any() for a in (results[0], *results[2:]) if a is not None)


# ---- extreme numbers -------------------------------------------------------------------------------------------------


@MODULES
@DTYPES
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_attention_with_a_mask_row_of_the_lowest_number_is_the_mean_of_the_values(fraction, dtype, module):
    # The scores are too small to change the sum: a softmax of equal scores, forward and backward.
    q, k, v, dy = draw(dtype, B=1)
    lowest = np.finfo(dtype).min * dtype(fraction)
    mask = np.zeros((70, 70), dtype)
    mask[[3, 50]] = lowest
    mask[50, 60:] = -np.inf
    y, lse, dq, *_, dmask = run(module, q, k, v, dy, mask=mask)
    eps = np.finfo(dtype).eps
    for i, n in ((3, 70), (50, 60)):
        np.testing.assert_allclose(y[:, :, i], v[:, :, :n].mean(axis=2), rtol=0, atol=n * eps)
        np.testing.assert_array_equal(lse[:, :, i], lowest)
        weight, dP = 1 / n, np.einsum("bhd,bhjd->bhj", dy[:, :, i], v[:, :, :n])
        ds = weight * (dP - dP.mean(axis=-1, keepdims=True))
        np.testing.assert_allclose(dmask[i, :n], ds.sum(axis=(0, 1)), rtol=0, atol=n * eps)
        expected = np.einsum("bhj,bhjd->bhd", ds, k[:, :, :n]) / 17**0.5
        np.testing.assert_allclose(dq[:, :, i], expected, rtol=0, atol=4 * n**0.5 * eps)
    assert not dmask[50, 60:].any()


@MODULES
@DTYPES
@pytest.mark.parametrize(
    "overflowing_keys", [slice(None, None, 3), slice(0, 64), slice(0, 65), slice(64, 130), slice(1, None)], ids=str
)
def test_attention_key_has_weight_0_when_its_score_overflows_to_minus_infinity(overflowing_keys, dtype, module):
    # Includes a block in which every score is -inf: -inf - -inf would be NaN.
    large = np.sqrt(np.finfo(dtype).max) * dtype(4)
    q, k = np.full((1, 1, 3, 1), large), np.zeros((1, 1, 130, 1), dtype)
    k[..., overflowing_keys, :] = -large
    v = np.arange(130, dtype=dtype).reshape(1, 1, 130, 1)
    y, lse, dq, dk, dv, _ = run(module, q, k, v, scale=1)
    is_other_key = k[0, 0, :, 0] == 0
    without = run(module, q, k, v, scale=1, mask=is_other_key[None])
    np.testing.assert_array_equal(y, without[0])
    np.testing.assert_array_equal(lse, without[1])
    np.testing.assert_array_equal(dv, without[4])
    np.testing.assert_allclose(y.ravel(), v[0, 0, is_other_key].mean(), rtol=130 * np.finfo(dtype).eps)
    assert np.isfinite(dq).all()
    assert np.isfinite(dk).all()
    assert not dv[0, 0, ~is_other_key].any()


@MODULES
@DTYPES
def test_attention_of_a_query_is_nan_when_all_its_scores_overflow_to_minus_infinity(dtype, module):
    large = np.sqrt(np.finfo(dtype).max) * dtype(4)
    q, k, v, _ = draw(dtype, B=1, Hq=1, Hk=1, D=1, Dv=5)
    k[...] = large
    q[:, :, 7] = -large
    y, lse, *_ = run(module, q, k, v, scale=1)
    assert np.isnan(y[:, :, 7]).all()
    assert not np.isfinite(lse[:, :, 7]).any()


@MODULES
@DTYPES
def test_attention_is_nan_only_for_the_query_with_a_score_of_plus_infinity(dtype, module):
    q, k, v, _ = draw(dtype)
    mask = np.zeros((70, 70), dtype)
    clean = run(module, q, k, v, mask=mask)
    mask[9, 66] = np.inf
    y, lse, *_ = run(module, q, k, v, mask=mask)
    other_queries = np.arange(70) != 9
    assert np.isnan(y[:, :, 9]).all()
    np.testing.assert_array_equal(y[:, :, other_queries], clean[0][:, :, other_queries])
    np.testing.assert_array_equal(lse[:, :, other_queries], clean[1][:, :, other_queries])


@MODULES
@DTYPES
def test_attention_selects_one_value_exactly_when_scores_of_a_million_differ_widely(dtype, module):
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, 131, 50)
    q = np.zeros((1, 1, 50, 2), dtype)
    q[..., 0], q[..., 1] = 1000, chosen
    # score = 1000 * (1000 - j * j) + chosen * 2000 * j = 1000 * (1000 + chosen**2 - (j - chosen)**2)
    # The score of the chosen key exceeds all others by at least 1000.
    j = np.arange(131)
    k = np.stack([1000 - j * j, 2000 * j], axis=-1)[None, None].astype(dtype)
    v = rng.normal(size=(1, 1, 131, 7)).astype(dtype)
    y, lse, *_, dv, _ = run(module, q, k, v, scale=1)
    np.testing.assert_array_equal(y[0, 0], v[0, 0, chosen])
    np.testing.assert_array_equal(lse.ravel(), 1000 * (1000 + chosen.astype(dtype) ** 2))
    np.testing.assert_array_equal(dv[0, 0, :, 0], np.bincount(chosen, minlength=131))


@MODULES
@DTYPES
@pytest.mark.parametrize("shift", [1e6, -1e6])
def test_attention_has_the_same_bits_when_all_scores_are_shifted_by_a_million(shift, dtype, module):
    # Integers up to 2**24 are exact, and the maximum is subtracted before exp.
    rng = np.random.default_rng(1)
    n = rng.integers(-6, 7, (1, 1, 131)).astype(dtype)
    q, (_, _, v, dy) = np.broadcast_to(np.array([1, 1000], dtype), (1, 1, 9, 2)), draw(dtype, 1, 1, 1, 9, 131)
    near, far = (np.stack([n, np.full_like(n, shift_value / 1000)], axis=-1) for shift_value in (0, shift))
    mask = np.zeros((9, 131), dtype)
    near_results, far_results = (run(module, q, k, v, dy, scale=1, mask=mask) for k in (near, far))
    for name, i in (("y", 0), ("dv", 4), ("dmask", 5)):
        np.testing.assert_array_equal(far_results[i], near_results[i], err_msg=name)
    np.testing.assert_allclose(far_results[1], near_results[1] + shift, rtol=2 * np.finfo(dtype).eps)


@MODULES
@DTYPES
def test_attention_with_1e30_in_mask_and_values(dtype, module):
    q, k, v, dy = draw(dtype, B=1)
    v *= dtype(1e30)
    mask = np.zeros((70, 70), dtype)
    mask[1, 40], mask[2], mask[3, ::2], mask[4, 65], mask[5, :64] = 1e30, -1e30, -1e30, -1e30, -1e30
    y, _, dq, dk, dv, dmask = run(module, q, k, v, dy, mask=mask)
    np.testing.assert_array_equal(y[:, :, 1], v[:, :, 40])
    np.testing.assert_allclose(y[:, :, 2], v.mean(axis=2), rtol=0, atol=70 * 1e30 * np.finfo(dtype).eps)
    for row, allowed in ((3, np.arange(70) % 2 == 1), (4, np.arange(70) != 65), (5, np.arange(70) >= 64)):
        without = run(module, q, k, v, dy, mask=np.where(allowed, dtype(0), -np.inf)[None])
        np.testing.assert_array_equal(y[:, :, row], without[0][:, :, row])
    assert all(np.isfinite(a).all() for a in (y, dq, dk, dv, dmask))
    assert not dmask[1].any(), "the only weight is 1, so its gradient is 0"


@MODULES
@DTYPES
def test_attention_with_queries_and_keys_of_1e30_follows_ieee_arithmetic(dtype, module):
    # The products are 1e60: infinite in float32. In float64 one pair of keys gets all the weight.
    sign = np.array([1.0, -1.0, 1.0, -1.0])
    q = np.array([1.0, -1.0]).reshape(1, 1, 2, 1).astype(dtype) * dtype(1e30)
    k = sign.reshape(1, 1, 4, 1).astype(dtype) * dtype(1e30)
    v = np.arange(8.0).reshape(1, 1, 4, 2).astype(dtype)
    y = run(module, q, k, v)[0]
    if dtype is np.float32:
        assert np.isnan(y).all()  # inf - inf
    else:
        np.testing.assert_array_equal(y[0, 0], [[2, 3], [4, 5]])  # the means of rows 0, 2 and of rows 1, 3
    small_key_results, ones = (
        run(module, q, sign.reshape(k.shape) * dtype(1e-30), v),
        np.array([1, -1]).reshape(q.shape),
    )
    ones_results = run(module, ones, sign.reshape(k.shape), v)
    np.testing.assert_allclose(small_key_results[0], ones_results[0], rtol=16 * np.finfo(dtype).eps)


# ---- sizes of zero and one -------------------------------------------------------------------------------------------


@MODULES
@DTYPES
@pytest.mark.parametrize("options", ["plain", "all"])
@pytest.mark.parametrize(
    "sizes",
    [{"B": 0}, {"Tq": 0}, {"Tk": 0}, {"D": 0}, {"Dv": 0}, {"Tq": 0, "Tk": 0}, {"D": 0, "Dv": 0}, {"B": 0, "Tk": 0}],
    ids=str,
)
def test_attention_accepts_sizes_of_zero(sizes, options, dtype, module):
    q, k, v, dy = draw(dtype, **{"Tq": 5, "Tk": 5, **sizes})
    (B, H, Tq, D), Tk = q.shape, k.shape[2]
    settings = {"mask": np.zeros((H, Tq, Tk), dtype)}
    if options == "all":
        settings |= {"causal": "bottom_right", "window": (9, 9), "softcap": 2.0, "dropout": 0.5, "seed": 1}
        settings |= {"lengths": np.full(B, Tk)}
    y, lse, *grads = run(module, q, k, v, dy, np.full((B, H, Tq), np.nan if Tk == 0 else 1), **settings)
    assert [a.shape for a in (y, lse, *grads)] == [dy.shape, dy.shape[:3], q.shape, k.shape, v.shape, (H, Tq, Tk)]
    assert {a.dtype for a in (y, lse, *grads)} == {np.dtype(dtype)}
    if Tk == 0:
        assert np.isneginf(lse).all()
    if 0 in (B, Tq, Tk):
        assert not any(a.any() for a in (y, *grads))
    elif D == 0 and options == "plain":
        np.testing.assert_allclose(y, np.broadcast_to(v.mean(axis=2, keepdims=True), y.shape), rtol=0, atol=1e-6)
        np.testing.assert_allclose(lse, np.log(5), rtol=1e-6)


def test_attention_refuses_a_result_larger_than_the_address_space_overflow():
    q, k, v = np.zeros((1, 1, 2**57, 0)), np.zeros((1, 1, 1, 0)), np.zeros((1, 1, 1, 1))
    with pytest.raises(ValueError, match=r"^attention: y \(B, Hq, Tq, Dv\) must have at most 2\*\*56 elements; got"):
        F.attention(q, k, v)


@MODULES
def test_attention_of_one_query_one_key_and_one_feature(module):
    y, lse, dq, dk, dv, dmask = run(module, [[[[2.0]]]], [[[[3.0]]]], [[[[5.0]]]], [[[[7.0]]]], [[[0.5]]], mask=[[1.0]])
    assert [float(a.item()) for a in (y, lse, dq, dk, dv, dmask)] == [5, 7, 1.5, 1.0, 7, 0.5]


@MODULES
@DTYPES
def test_attention_accepts_a_scale_of_zero_and_negative_scales(dtype, module):
    q, k, v, dy = draw(dtype)
    y, _, dq, dk, *_ = run(module, q, k, v, dy, scale=0)
    np.testing.assert_allclose(
        y, np.broadcast_to(v.mean(axis=2, keepdims=True), y.shape), atol=70 * np.finfo(dtype).eps
    )
    assert not dq.any()
    assert not dk.any()
    negative_scale, negative_q = run(module, q, k, v, dy, scale=-0.5), run(module, -q, k, v, dy, scale=0.5)
    for name, sign, a, e in zip(("y", "lse", "dq", "dk", "dv"), (1, 1, -1, 1, 1), negative_scale, negative_q):
        np.testing.assert_array_equal(a, sign * e, err_msg=name)


@MODULES
def test_attention_grouped_heads_use_the_key_head_of_their_group(module):
    case = make_attention_case((Setting("dlse"),), B=1, Hq=6, Hk=2, Tq=3, Tk=4)
    case_with_nan = case.with_argument("k", case.arguments["k"] * np.array([1, np.nan]).reshape(1, 2, 1, 1))
    y = case_with_nan.forward(module)[0].y
    assert np.isfinite(y[:, :3]).all()
    assert np.isnan(y[:, 3:]).all()
