"""Tests of the reference multi-head attention: Keras equations, central differences and PyTorch."""

import numpy as np
import pytest
from support.attention_cases import Setting, assert_gradients, assert_gradients_along_a_line
from support.multi_head_cases import SETTINGS, make_multi_head_case

from seqfuse import functional as F
from seqfuse import reference

from .settings import MULTI_HEAD

SMALL = {"Tq": 3, "E": 3, "Ek": 2, "Ev": 4, "Hq": 2, "Hk": 1, "D": 4, "Dv": 2, "O": 2}


# ---- equations -------------------------------------------------------------------------------------------------------


def rotate(x, tables, positions):
    """Return x (B, H, T, D) with rotary embeddings, as products of complex numbers; positions are (B, T)."""
    cos, sin, *interleaved = tables
    R, y = 2 * cos.shape[1], x.copy()
    first, second = (slice(0, R, 2), slice(1, R, 2)) if interleaved else (slice(R // 2), slice(R // 2, R))
    z = (x[..., first] + 1j * x[..., second]) * (cos + 1j * sin)[positions][:, None]
    y[..., first], y[..., second] = z.real, z.imag
    return y


def attention_with_keras_equations(case):
    """Return y from the einsums of keras.layers.MultiHeadAttention around the reference attention."""
    arguments, options = case.arguments, dict(case.options)
    key = arguments.get("key", arguments["query"])
    value = arguments.get("value", key)
    q, k, v = (
        np.einsum("abc,cde->abde", x, arguments[f"W{name}"]) + arguments.get(f"b{name}", 0)
        for name, x in zip("qkv", (arguments["query"], key, value))
    )
    q, k, v = (a.swapaxes(1, 2) for a in (q, k, v))
    (B, _, Tq, _), Tk = q.shape, k.shape[2]
    if "rope" in options:
        tables, ends = options.pop("rope"), options.get("lengths", [Tk] * B)
        aligned = options.get("causal") == "bottom_right"
        rows = [[max(i + (int(ends[b]) - Tq if aligned else 0), 0) for i in range(Tq)] for b in range(B)]
        q, k = rotate(q, tables, np.array(rows)), rotate(k, tables, np.array([range(Tk)] * B))
    heads = reference.attention(q, k, v, mask=arguments.get("mask"), **options).swapaxes(1, 2)
    return np.einsum("abcd,cde->abe", heads, arguments["Wo"]) + arguments.get("bo", 0)


@pytest.mark.parametrize("settings", MULTI_HEAD)
def test_multi_head_attention_equals_the_equations_of_keras(settings):
    case = make_multi_head_case(settings)
    y = reference.multi_head_attention(**case.call)
    np.testing.assert_allclose(y, attention_with_keras_equations(case), rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(case.forward(reference)[0].y, y)


@pytest.mark.parametrize("settings", SETTINGS)
def test_multi_head_attention_backward_matches_central_differences(settings):
    assert_gradients(make_multi_head_case(settings, **SMALL), reference)


@pytest.mark.parametrize("settings", MULTI_HEAD)
def test_multi_head_attention_backward_matches_central_differences_for_every_two_options(settings):
    assert_gradients_along_a_line(make_multi_head_case(settings, **SMALL), reference)


# ---- inputs and results ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["", "key", "value", "key, value"])
def test_multi_head_attention_backward_sums_all_paths_to_an_input(source):
    # If the same arrays are passed separately, their gradients must sum to the same total.
    case = make_multi_head_case((Setting("source", source),))
    grads = case.run(reference)[2]
    key = case.arguments.get("key", case.arguments["query"])
    separate = case.with_argument("key", key).with_argument("value", case.arguments.get("value", key)).run(reference)[2]
    dkey = separate.dkey if "value" in source else separate.dkey + separate.dvalue
    dquery = separate.dquery if "key" in source else separate.dquery + dkey
    np.testing.assert_allclose(grads.dquery, dquery, rtol=1e-13, atol=1e-14)
    for name, expected in (("key", dkey), ("value", separate.dvalue)):
        if name in source:
            np.testing.assert_allclose(getattr(grads, f"d{name}"), expected, rtol=1e-13, atol=1e-14)
        else:
            assert getattr(grads, f"d{name}") is None


def test_multi_head_attention_backward_gradients_are_none_when_not_needed():
    case = make_multi_head_case((Setting("source", "key, value"), Setting("biases", "bk, bo")))
    _, tape = case.forward(reference)
    grads = case.backward(reference, tape, need_dx=False)
    absent = {name for name, d in grads._asdict().items() if d is None}
    assert absent == {"dquery", "dkey", "dvalue", "dbq", "dbv", "dmask"}


def test_multi_head_attention_backward_adds_to_into():
    case = make_multi_head_case((Setting("biases", "bk, bo"),))
    grads, tape = case.run(reference)[2], case.forward(reference)[1]
    into = tuple(None if d is None else np.full_like(d, 2.0) for d in grads[3:11])
    added = case.backward(reference, tape, into=into)
    for target, actual, d in zip(into, added[3:11], grads[3:11]):
        assert actual is target
        if d is not None:
            np.testing.assert_array_equal(target, 2.0 + d)


def test_multi_head_attention_of_a_query_without_keys_is_the_output_bias():
    case = make_multi_head_case((Setting("causal", "bottom_right"), Setting("lengths"), Setting("rope", "halves")))
    without_keys = np.arange(4) + case.options["lengths"][:, None] < 4  # (B, Tq)
    assert without_keys.any()
    out, _, grads = case.run(reference)
    np.testing.assert_array_equal(out.y[without_keys], np.broadcast_to(case.arguments["bo"], out.y[without_keys].shape))
    assert np.isfinite(out.y).all()
    assert np.isfinite(grads.dquery).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize(
    "settings", [(), (Setting("rope", "halves"),), (Setting("mask", "added:hqk"), Setting("softcap", 1.5))], ids=str
)
def test_multi_head_attention_computes_in_the_widest_dtype(settings, dtype):
    case = make_multi_head_case(settings, dtype=np.float16)
    wide = case.with_argument("Wv", case.arguments["Wv"].astype(dtype))
    out, _, grads = wide.run(reference)
    assert {a.dtype for a in (*out, *grads) if a is not None} == {np.dtype(dtype)}
    truth = wide.astype(np.longdouble).run(reference)
    for a, e in zip((*out, *grads), (*truth[0], *truth[2])):
        if e is not None:
            np.testing.assert_allclose(a, e, rtol=0, atol=256 * np.finfo(dtype).eps * max(1, np.abs(e).max()))


# ---- rows without a gradient -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_multi_head_attention_ignores_keys_after_their_length(value):
    case = make_multi_head_case((Setting("source", "key, value"), Setting("lengths")), Tk=6)
    clean = case.run(reference)
    after_length = np.arange(6) >= case.options["lengths"][:, None]
    for name in ("key", "value"):
        case = case.with_argument(name, np.where(after_length[..., None], value, case.arguments[name]))
    dirty = case.run(reference)
    for a, e in zip((*dirty[0], *dirty[2]), (*clean[0], *clean[2])):
        if e is not None:
            np.testing.assert_array_equal(a, e)


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


TORCH_CALLS = {
    "self": {},
    "no biases": {"bias": False},
    "one head": {"heads": 1},
    "cross": {"Tk": 7},
    "kdim and vdim": {"Tk": 7, "kdim": 3, "vdim": 5},
    "causal": {"causal": True},
    "mask": {"mask": "bool"},
    "added mask": {"mask": "added", "Tk": 7},
    "padding": {"padded": True, "Tk": 7},
}


@pytest.mark.parametrize("call_name", TORCH_CALLS)
def test_multi_head_attention_matches_torch(call_name):
    torch = pytest.importorskip("torch")
    call = {"heads": 2, "Tk": 5, "kdim": 8, "vdim": 8, "bias": True, **TORCH_CALLS[call_name]}
    torch.manual_seed(0)
    sizes = {name: call[name] for name in ("kdim", "vdim", "bias")}
    module = torch.nn.MultiheadAttention(8, call["heads"], **sizes, batch_first=True, dtype=torch.float64)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for bias in (module.in_proj_bias, module.out_proj.bias):
            if bias is not None:
                bias.copy_(torch.from_numpy(rng.normal(size=bias.shape)))
    Tq, Tk, lengths = 5, call["Tk"], np.array([4, 7])
    query, dy = rng.normal(size=(2, 2, Tq, 8))
    inputs = [query, *(rng.normal(size=(2, Tk, call[name])) for name in ("kdim", "vdim"))]
    attend = rng.random((Tq, Tk)) < 0.7
    attend[:, 0] = True
    masks = {"bool": (attend, ~attend), "added": (added := rng.normal(size=(Tq, Tk)), added)}
    mask, torch_mask = masks.get(call.get("mask"), (None, None))
    options = {"mask": mask, "causal": call.get("causal", False)}
    if call.get("causal"):
        torch_mask = ~np.tri(Tq, dtype=bool)
    padding = None
    if call.get("padded"):
        options["lengths"], padding = lengths, torch.from_numpy(np.arange(Tk) >= lengths[:, None])
    leaves = [torch.tensor(x, requires_grad=True) for x in inputs]
    torch_mask = None if torch_mask is None else torch.from_numpy(torch_mask)
    y, _ = module(*leaves, attn_mask=torch_mask, key_padding_mask=padding, need_weights=False)
    y.backward(torch.from_numpy(dy))

    weights = F.multi_head_attention_weights_from_torch(*parameters_of(module), call["heads"])
    actual, tape = reference.multi_head_attention_forward(query, **weights, key=inputs[1], value=inputs[2], **options)
    grads = reference.multi_head_attention_backward(tape, dy)
    np.testing.assert_allclose(actual, y.detach().numpy(), rtol=1e-12, atol=1e-13)
    expected = dict(zip(("query", "key", "value"), (leaf.grad.numpy() for leaf in leaves)))
    expected |= F.multi_head_attention_weights_from_torch(*parameters_of(module, "grad"), call["heads"])
    for name, d in expected.items():
        if d is None:
            assert getattr(grads, f"d{name}") is None
        else:
            np.testing.assert_allclose(getattr(grads, f"d{name}"), d, rtol=1e-10, atol=1e-12, err_msg=name)


def parameters_of(module, part="data"):
    """Return in_proj_weight, in_proj_bias, out_proj.weight and out_proj.bias of a module, or their gradients."""
    parameters = [module.in_proj_weight, module.in_proj_bias, module.out_proj.weight, module.out_proj.bias]
    arrays = [None if parameter is None else getattr(parameter, part).numpy() for parameter in parameters]
    if arrays[0] is None:
        matrices = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
        arrays[0] = tuple(getattr(parameter, part).numpy() for parameter in matrices)
    return arrays


@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention_grouped_heads_match_torch(causal):
    torch = pytest.importorskip("torch")
    case = make_multi_head_case((Setting("causal", causal),), Tq=6)
    arguments = {name: torch.tensor(a, requires_grad=True) for name, a in case.arguments.items()}
    q, k, v = (
        torch.einsum("btc,chd->bhtd", arguments["query"], arguments[f"W{i}"]) + arguments[f"b{i}"][:, None]
        for i in "qkv"
    )
    heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True)
    y = torch.nn.functional.linear(heads.transpose(1, 2).flatten(2), arguments["Wo"].flatten(0, 1).T, arguments["bo"])
    y.backward(torch.from_numpy(case.doutputs["dy"]))
    out, _, grads = case.run(reference)
    np.testing.assert_allclose(out.y, y.detach().numpy(), rtol=1e-12, atol=1e-13)
    for name, leaf in arguments.items():
        np.testing.assert_allclose(getattr(grads, f"d{name}"), leaf.grad.numpy(), rtol=1e-10, atol=1e-13, err_msg=name)
