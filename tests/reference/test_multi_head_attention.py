"""Multi-head attention in NumPy: Keras's equations, central differences, PyTorch, and what comes back where."""

import numpy as np
import pytest
from support.attention_cases import Setting, assert_gradients, assert_gradients_along_a_line
from support.multi_head_cases import SETTINGS, make_multi_head_case

from seqfuse import functional as F
from seqfuse import reference

from .settings import MULTI_HEAD

SMALL = {"Tq": 3, "E": 3, "Ek": 2, "Ev": 4, "Hq": 2, "Hk": 1, "D": 4, "Dv": 2, "O": 2}


# ---- equations -------------------------------------------------------------------------------------------------------


def turned(x, tables, positions):
    """Rotary positions as products of complex numbers; x (B, H, T, D), positions (B, T)."""
    cos, sin, *interleaved = tables
    R, y = 2 * cos.shape[1], x.copy()
    first, second = (slice(0, R, 2), slice(1, R, 2)) if interleaved else (slice(R // 2), slice(R // 2, R))
    z = (x[..., first] + 1j * x[..., second]) * (cos + 1j * sin)[positions][:, None]
    y[..., first], y[..., second] = z.real, z.imag
    return y


def in_keras_equations(case):
    """y by the einsums of keras.layers.MultiHeadAttention around an attention that has tests of its own."""
    of, options = case.arguments, dict(case.options)
    key = of.get("key", of["query"])
    value = of.get("value", key)
    q, k, v = (
        np.einsum("abc,cde->abde", x, of[f"W{name}"]) + of.get(f"b{name}", 0)
        for name, x in zip("qkv", (of["query"], key, value))
    )
    q, k, v = (a.swapaxes(1, 2) for a in (q, k, v))
    (B, _, Tq, _), Tk = q.shape, k.shape[2]
    if "rope" in options:
        tables, ends = options.pop("rope"), options.get("lengths", [Tk] * B)
        aligned = options.get("causal") == "bottom_right"
        rows = [[max(i + (int(ends[b]) - Tq if aligned else 0), 0) for i in range(Tq)] for b in range(B)]
        q, k = turned(q, tables, np.array(rows)), turned(k, tables, np.array([range(Tk)] * B))
    heads = reference.attention(q, k, v, mask=of.get("mask"), **options).swapaxes(1, 2)
    return np.einsum("abcd,cde->abe", heads, of["Wo"]) + of.get("bo", 0)


@pytest.mark.parametrize("settings", MULTI_HEAD)
def test_multi_head_attention_is_keras_equations(settings):
    case = make_multi_head_case(settings)
    y = reference.multi_head_attention(**case.call)
    np.testing.assert_allclose(y, in_keras_equations(case), rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(case.forward(reference)[0].y, y)


@pytest.mark.parametrize("settings", SETTINGS)
def test_multi_head_attention_backward_matches_central_differences(settings):
    assert_gradients(make_multi_head_case(settings, **SMALL), reference)


@pytest.mark.parametrize("settings", MULTI_HEAD)
def test_multi_head_attention_backward_matches_differences_for_every_two_options(settings):
    assert_gradients_along_a_line(make_multi_head_case(settings, **SMALL), reference)


# ---- inputs and results ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["", "key", "value", "key, value"])
def test_what_comes_back_to_an_input_is_all_that_it_was_read_as(source):
    """The same arrays given apart: what comes back to them is added up."""
    case = make_multi_head_case((Setting("source", source),))
    grads = case.run(reference)[2]
    key = case.arguments.get("key", case.arguments["query"])
    apart = case.with_argument("key", key).with_argument("value", case.arguments.get("value", key)).run(reference)[2]
    dkey = apart.dkey if "value" in source else apart.dkey + apart.dvalue
    dquery = apart.dquery if "key" in source else apart.dquery + dkey
    np.testing.assert_allclose(grads.dquery, dquery, rtol=1e-13, atol=1e-14)
    for name, expected in (("key", dkey), ("value", apart.dvalue)):
        if name in source:
            np.testing.assert_allclose(getattr(grads, f"d{name}"), expected, rtol=1e-13, atol=1e-14)
        else:
            assert getattr(grads, f"d{name}") is None


def test_what_is_not_needed_or_not_there_is_none():
    case = make_multi_head_case((Setting("source", "key, value"), Setting("biases", "bk, bo")))
    _, tape = case.forward(reference)
    grads = case.backward(reference, tape, need_dx=False)
    absent = {name for name, d in grads._asdict().items() if d is None}
    assert absent == {"dquery", "dkey", "dvalue", "dbq", "dbv", "dmask"}


def test_into_is_added_to():
    case = make_multi_head_case((Setting("biases", "bk, bo"),))
    grads, tape = case.run(reference)[2], case.forward(reference)[1]
    into = tuple(None if d is None else np.full_like(d, 2.0) for d in grads[3:11])
    added = case.backward(reference, tape, into=into)
    for given, got, d in zip(into, added[3:11], grads[3:11]):
        assert got is given
        if d is not None:
            np.testing.assert_array_equal(given, 2.0 + d)


def test_a_query_with_nothing_to_attend_to_gives_the_last_bias():
    case = make_multi_head_case((Setting("causal", "bottom_right"), Setting("lengths"), Setting("rope", "halves")))
    nothing = np.arange(4) + case.options["lengths"][:, None] < 4  # (B, Tq)
    assert nothing.any()
    out, _, grads = case.run(reference)
    np.testing.assert_array_equal(out.y[nothing], np.broadcast_to(case.arguments["bo"], out.y[nothing].shape))
    assert np.isfinite(out.y).all()
    assert np.isfinite(grads.dquery).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize(
    "settings", [(), (Setting("rope", "halves"),), (Setting("mask", "added:hqk"), Setting("softcap", 1.5))], ids=str
)
def test_multi_head_attention_computes_in_the_widest_type_of_its_arguments(settings, dtype):
    case = make_multi_head_case(settings, dtype=np.float16)
    wide = case.with_argument("Wv", case.arguments["Wv"].astype(dtype))
    out, _, grads = wide.run(reference)
    assert {a.dtype for a in (*out, *grads) if a is not None} == {np.dtype(dtype)}
    truth = wide.astype(np.longdouble).run(reference)
    for a, e in zip((*out, *grads), (*truth[0], *truth[2])):
        if e is not None:
            np.testing.assert_allclose(a, e, rtol=0, atol=256 * np.finfo(dtype).eps * max(1, np.abs(e).max()))


# ---- rows that nothing comes back to ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_keys_behind_their_length_may_hold_anything(value):
    case = make_multi_head_case((Setting("source", "key, value"), Setting("lengths")), Tk=6)
    clean = case.run(reference)
    behind = np.arange(6) >= case.options["lengths"][:, None]
    for name in ("key", "value"):
        case = case.with_argument(name, np.where(behind[..., None], value, case.arguments[name]))
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


@pytest.mark.parametrize("how", TORCH_CALLS)
def test_multi_head_attention_is_pytorchs(how):
    torch = pytest.importorskip("torch")
    given = {"heads": 2, "Tk": 5, "kdim": 8, "vdim": 8, "bias": True, **TORCH_CALLS[how]}
    torch.manual_seed(0)
    sizes = {name: given[name] for name in ("kdim", "vdim", "bias")}
    module = torch.nn.MultiheadAttention(8, given["heads"], **sizes, batch_first=True, dtype=torch.float64)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for bias in (module.in_proj_bias, module.out_proj.bias):
            if bias is not None:
                bias.copy_(torch.from_numpy(rng.normal(size=bias.shape)))
    Tq, Tk, lengths = 5, given["Tk"], np.array([4, 7])
    query, dy = rng.normal(size=(2, 2, Tq, 8))
    inputs = [query, rng.normal(size=(2, Tk, given["kdim"])), rng.normal(size=(2, Tk, given["vdim"]))]
    attend = rng.random((Tq, Tk)) < 0.7
    attend[:, 0] = True
    masks = {"bool": (attend, ~attend), "added": (added := rng.normal(size=(Tq, Tk)), added)}
    ours, theirs = masks.get(given.get("mask"), (None, None))
    options = {"mask": ours, "causal": given.get("causal", False)}
    if given.get("causal"):
        theirs = ~np.tri(Tq, dtype=bool)
    padding = None
    if given.get("padded"):
        options["lengths"], padding = lengths, torch.from_numpy(np.arange(Tk) >= lengths[:, None])
    leaves = [torch.tensor(x, requires_grad=True) for x in inputs]
    theirs = None if theirs is None else torch.from_numpy(theirs)
    y, _ = module(*leaves, attn_mask=theirs, key_padding_mask=padding, need_weights=False)
    y.backward(torch.from_numpy(dy))

    weights = F.multi_head_attention_weights_from_torch(*parameters_of(module), given["heads"])
    got, tape = reference.multi_head_attention_forward(query, **weights, key=inputs[1], value=inputs[2], **options)
    grads = reference.multi_head_attention_backward(tape, dy)
    np.testing.assert_allclose(got, y.detach().numpy(), rtol=1e-12, atol=1e-13)
    expected = dict(zip(("query", "key", "value"), (leaf.grad.numpy() for leaf in leaves)))
    expected |= F.multi_head_attention_weights_from_torch(*parameters_of(module, "grad"), given["heads"])
    for name, d in expected.items():
        if d is None:
            assert getattr(grads, f"d{name}") is None
        else:
            np.testing.assert_allclose(getattr(grads, f"d{name}"), d, rtol=1e-10, atol=1e-12, err_msg=name)


def parameters_of(module, part="data"):
    """in_proj_weight, in_proj_bias, out_proj.weight and out_proj.bias of a module, or their gradients, in NumPy."""
    of = [module.in_proj_weight, module.in_proj_bias, module.out_proj.weight, module.out_proj.bias]
    arrays = [None if parameter is None else getattr(parameter, part).numpy() for parameter in of]
    if arrays[0] is None:
        three = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
        arrays[0] = tuple(getattr(parameter, part).numpy() for parameter in three)
    return arrays


@pytest.mark.parametrize("causal", [False, True])
def test_grouped_heads_are_those_of_pytorchs_scaled_dot_product_attention(causal):
    torch = pytest.importorskip("torch")
    case = make_multi_head_case((Setting("causal", causal),), Tq=6)
    of = {name: torch.tensor(a, requires_grad=True) for name, a in case.arguments.items()}
    q, k, v = (torch.einsum("btc,chd->bhtd", of["query"], of[f"W{i}"]) + of[f"b{i}"][:, None] for i in "qkv")
    heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True)
    y = torch.nn.functional.linear(heads.transpose(1, 2).flatten(2), of["Wo"].flatten(0, 1).T, of["bo"])
    y.backward(torch.from_numpy(case.doutputs["dy"]))
    out, _, grads = case.run(reference)
    np.testing.assert_allclose(out.y, y.detach().numpy(), rtol=1e-12, atol=1e-13)
    for name, leaf in of.items():
        np.testing.assert_allclose(getattr(grads, f"d{name}"), leaf.grad.numpy(), rtol=1e-10, atol=1e-13, err_msg=name)
