"""Tests of the reference attention: against loops, central differences and PyTorch, and at the edges."""

import math

import numpy as np
import pytest
from support.attention_cases import (
    SETTINGS,
    Setting,
    assert_gradients,
    assert_gradients_along_a_line,
    make_attention_case,
)

from seqfuse import reference
from seqfuse._results import AttentionOutput

from .settings import ATTENTION


def attention_with_loops(case):
    """Return y and lse of a case, computed query by query with Python floats."""
    (q, k, v, mask), options = (case.arguments.get(name) for name in ("q", "k", "v", "mask")), case.options
    (B, Hq, Tq, D), Tk, group = q.shape, k.shape[2], q.shape[1] // k.shape[1]
    scale = options.get("scale", D**-0.5)
    cap, rate, seed = options.get("softcap"), options.get("dropout", 0), options.get("seed", 0)
    y, lse = np.zeros((B, Hq, Tq, v.shape[3])), np.full((B, Hq, Tq), -np.inf)
    added = None if mask is None or mask.dtype == bool else np.broadcast_to(mask, (B, Hq, Tq, Tk))
    for b, h, i in np.ndindex(B, Hq, Tq):
        keys = np.flatnonzero(case.allowed[b, h, i])
        scores = []
        for j in keys:
            s = math.fsum(q[b, h, i] * k[b, h // group, j]) * scale
            s = s if cap is None else cap * math.tanh(s / cap)
            scores.append(s if added is None else s + added[b, h, i, j])
        exp_sum = math.fsum(map(math.exp, scores))
        for j, s in zip(keys, scores):
            words = reference.philox4x32([j // 4, i, h, b], [seed % 2**32, seed // 2**32])
            if words[j % 4] >= math.floor(rate * 2**32):
                y[b, h, i] += math.exp(s) / exp_sum / (1 - rate) * v[b, h // group, j]
        if len(keys):
            lse[b, h, i] = math.log(exp_sum)
    return AttentionOutput(y, lse)


@pytest.mark.parametrize("settings", ATTENTION)
def test_attention_equals_its_equations_query_by_query(settings):
    case = make_attention_case(settings, Tq=4)
    out, expected = case.forward(reference)[0], attention_with_loops(case)
    np.testing.assert_allclose(out.y, expected.y, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(out.lse, expected.lse, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("settings", SETTINGS)
def test_attention_backward_matches_central_differences(settings):
    assert_gradients(make_attention_case(settings, Hq=2, Hk=1, Tq=3, D=2), reference)


@pytest.mark.parametrize("settings", ATTENTION)
def test_attention_backward_matches_central_differences_along_a_line(settings):
    assert_gradients_along_a_line(make_attention_case(settings, Tq=4), reference)


def test_attention_of_two_keys_equals_a_calculation_by_hand():
    # The scores 0 and log 3 give the weights 1/4 and 3/4.
    q, k, v = np.array([[[[2.0]]]]), np.array([[[[0.0], [math.log(3)]]]]), np.array([[[[8.0], [0.0]]]])
    out, tape = reference.attention_forward(q, k, v, scale=0.5, return_lse=True)
    assert (out.y.item(), out.lse.item()) == pytest.approx((2, math.log(4)))
    grads = reference.attention_backward(tape, [[[[1.0]]]], dlse=[[[2.0]]])
    # P (dP - y + dlse) = [0.25 (8 - 2 + 2), 0.75 (0 - 2 + 2)] = [2, 0]
    np.testing.assert_allclose(grads.dv.ravel(), [0.25, 0.75])
    np.testing.assert_allclose(grads.dk.ravel(), [2 * 2 * 0.5, 0], atol=1e-15)
    np.testing.assert_allclose(grads.dq.ravel(), 0, atol=1e-15)
    assert grads.dmask is None


TORCH_SETTINGS = [
    (),
    (Setting("causal", True),),
    (Setting("causal", "top_left"),),
    (Setting("causal", "top_left"), Setting("Tq", "fewer")),
    (Setting("causal", "top_left"), Setting("Tq", "more")),
    (Setting("Dv", "narrower"),),
    (Setting("scale", 0.7),),
    (Setting("Hk", 1),),
    (Setting("Hk", 4),),
    *((Setting("mask", mask),) for mask in ("bool:bhqk", "added:bhqk", "-inf:bhqk", "bool:qk", "added:hqk")),
]


@pytest.mark.parametrize("settings", TORCH_SETTINGS, ids=lambda settings: "-".join(map(str, settings)) or "plain")
def test_attention_matches_torch(settings):
    torch = pytest.importorskip("torch")
    case = make_attention_case(settings, Tq=6, D=5)
    leaves = {name: torch.tensor(a, requires_grad=a.dtype != bool) for name, a in case.arguments.items()}
    y = torch.nn.functional.scaled_dot_product_attention(
        leaves["q"],
        leaves["k"],
        leaves["v"],
        attn_mask=leaves.get("mask"),
        is_causal=bool(case.options.get("causal")),
        scale=case.options.get("scale"),
        enable_gqa=True,
    )
    y.backward(torch.from_numpy(case.doutputs["dy"]))
    out, _, grads = case.run(reference)
    has_keys = case.allowed.any(axis=-1)  # PyTorch returns other values for a query without keys
    np.testing.assert_allclose(out.y[has_keys], y.detach().numpy()[has_keys], rtol=1e-12, atol=1e-14)
    for name in case.differentiable if has_keys.all() else ():
        np.testing.assert_allclose(getattr(grads, f"d{name}"), leaves[name].grad.numpy(), rtol=1e-10, atol=1e-13)


REPRESENTATIVES = [
    *(Setting("mask", mask) for mask in ("bool:qk", "added:bhqk", "-inf:qk")),
    *(Setting(option, value) for option, value in (("scale", 0.7), ("softcap", 1.5), ("dropout", 0.3))),
    *(Setting(option) for option in ("lengths", "dlse")),
]


@pytest.mark.parametrize(
    ("settings", "dtype"),
    [
        ((), np.float64),
        ((), np.longdouble),
        ((Setting("mask", "added:bhqk"), Setting("dropout", 0.3)), np.longdouble),
        *(((setting,), np.float32) for setting in REPRESENTATIVES),
    ],
    ids=str,
)
def test_attention_computes_in_the_dtype_of_its_arguments(settings, dtype):
    case = make_attention_case(settings, dtype=dtype)
    narrow = {name: a.astype(np.float16) if name in ("q", "k") else a for name, a in case.arguments.items()}
    out, tape = reference.attention_forward(**narrow, **case.options, return_lse=True)
    grads = reference.attention_backward(tape, case.doutputs["dy"].astype(np.float64))
    assert {a.dtype for a in (*out, *grads) if a is not None} == {np.dtype(dtype)}
    truth = case.astype(np.longdouble).run(reference)
    for name, a, e in zip(out._fields, case.run(reference)[0], truth[0]):
        np.testing.assert_allclose(a, e, rtol=64 * np.finfo(dtype).eps, atol=64 * np.finfo(dtype).eps, err_msg=name)


def test_attention_dtype_does_not_depend_on_the_mask():
    case = make_attention_case((Setting("mask", "added:qk"),), dtype=np.float32)
    wide = case.with_argument("mask", case.arguments["mask"].astype(np.float64))
    for actual, expected in zip(
        (*wide.run(reference)[0], *wide.run(reference)[2]), (*case.run(reference)[0], *case.run(reference)[2])
    ):
        np.testing.assert_array_equal(actual, expected)
        assert actual.dtype == np.float32


def test_attention_returns_lse_only_with_return_lse():
    case = make_attention_case()
    y = reference.attention(**case.arguments)
    both = reference.attention(**case.arguments, return_lse=True)
    assert isinstance(both, AttentionOutput)
    np.testing.assert_array_equal(y, both.y)
    np.testing.assert_array_equal(reference.attention_forward(**case.arguments)[0], y)


@pytest.mark.parametrize("mask", [None, np.ones((5, 5), bool)], ids=["none", "bool"])
def test_attention_backward_need_dmask_needs_an_additive_mask(mask):
    case = make_attention_case()
    _, tape = reference.attention_forward(**case.arguments, mask=mask)
    with pytest.raises(ValueError, match="attention_backward: need_dmask=True needs an additive mask"):
        reference.attention_backward(tape, case.doutputs["dy"], need_dmask=True)


def test_attention_key_has_weight_0_when_its_score_overflows_to_minus_infinity():
    q, k = np.full((1, 1, 1, 1), 1e200), np.array([[[[-1e200], [0.0]]]])
    out, tape = reference.attention_forward(q, k, [[[[5.0], [7.0]]]], return_lse=True)
    assert (out.y.item(), out.lse.item()) == (7, 0)
    assert all(np.isfinite(d).all() for d in reference.attention_backward(tape, [[[[1.0]]]])[:3])
    only_minus_infinity = reference.attention(q, k[:, :, :1], [[[[5.0]]]], return_lse=True)
    assert np.isnan(only_minus_infinity.y.item()), "the softmax of only -inf is undefined"
    assert np.isnan(only_minus_infinity.lse.item())
