"""Weights of torch.nn.MultiheadAttention, and what F.multi_head_attention makes of them."""

import numpy as np
import pytest

from seqfuse import functional as F


def draw(*shape, dtype=np.float64):
    return np.random.default_rng(shape).normal(size=shape).astype(dtype)


def test_every_number_is_where_the_equations_look_for_it():
    """PyTorch: x weight.T + bias, head h in columns h * D to (h + 1) * D."""
    in_proj, bias, out, out_bias = draw(24, 8), draw(24), draw(8, 8), draw(8)
    weights = F.multi_head_attention_weights(in_proj, bias, out, out_bias, 4)
    assert list(weights) == ["Wq", "Wk", "Wv", "Wo", "bq", "bk", "bv", "bo"]
    for i, name in enumerate("qkv"):
        for h in range(4):
            rows = slice(8 * i + 2 * h, 8 * i + 2 * h + 2)
            np.testing.assert_array_equal(weights[f"W{name}"][:, h], in_proj[rows].T)
            np.testing.assert_array_equal(weights[f"b{name}"][h], bias[rows])
    for h in range(4):
        np.testing.assert_array_equal(weights["Wo"][h], out[:, 2 * h : 2 * h + 2].T)
    np.testing.assert_array_equal(weights["bo"], out_bias)


def test_three_matrices_are_those_of_query_key_and_value():
    three = draw(8, 8), draw(8, 5), draw(8, 3)
    for given in (three, list(three)):
        weights = F.multi_head_attention_weights(given, None, draw(8, 8), None, 2)
        for name, matrix in zip("qkv", three):
            np.testing.assert_array_equal(weights[f"W{name}"].reshape(matrix.shape[1], 8), matrix.T)
        assert [weights[f"b{name}"] for name in "qkvo"] == [None] * 4
    whole = F.multi_head_attention_weights(np.concatenate([three[0]] * 3), None, draw(8, 8), None, 2)
    apart = F.multi_head_attention_weights([three[0]] * 3, None, draw(8, 8), None, 2)
    for name in ("Wq", "Wk", "Wv", "Wo"):
        np.testing.assert_array_equal(whole[name], apart[name])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("heads", [1, 8])
def test_arrays_are_new_in_c_order_and_of_the_given_type(heads, dtype):
    given = [draw(24, 8, dtype=dtype), draw(24, dtype=dtype), draw(8, 8, dtype=dtype), draw(8, dtype=dtype)]
    for name, array in F.multi_head_attention_weights(*given, heads).items():
        assert array.dtype == dtype, name
        assert array.flags.c_contiguous, name
        assert not any(np.shares_memory(array, a) for a in given), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("how", ["self", "cross", "kdim and vdim", "no biases", "causal", "padding"])
def test_multi_head_attention_has_the_outputs_of_the_module(how, dtype):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    sizes = {"kdim": 12, "vdim": 20} if how == "kdim and vdim" else {}
    number = torch.float32 if dtype is np.float32 else torch.float64
    module = torch.nn.MultiheadAttention(32, 4, bias=how != "no biases", **sizes, batch_first=True, dtype=number)
    query, Tk = draw(3, 9, 32, dtype=dtype), 9 if how in ("self", "causal", "no biases") else 14
    key, value = (draw(3, Tk, sizes.get(name, 32), dtype=dtype) for name in ("kdim", "vdim"))
    options, theirs, lengths = {}, {}, np.array([14, 3, 8])
    if Tk == 9:
        inputs = [query] * 3
    else:
        inputs = [query, key, value]
        options |= {"key": key, "value": value}
    if how == "causal":
        options["causal"], theirs["attn_mask"] = True, torch.from_numpy(~np.tri(9, dtype=bool))
    if how == "padding":
        options["lengths"] = lengths
        theirs["key_padding_mask"] = torch.from_numpy(np.arange(14) >= lengths[:, None])
    with torch.no_grad():
        expected, _ = module(*(torch.from_numpy(x) for x in inputs), **theirs, need_weights=False)
    of = {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}
    in_proj = of.get("in_proj_weight")
    if in_proj is None:
        in_proj = tuple(of[f"{name}_proj_weight"] for name in "qkv")
    weights = F.multi_head_attention_weights(
        in_proj, of.get("in_proj_bias"), of["out_proj.weight"], of.get("out_proj.bias"), 4
    )
    y = F.multi_head_attention(query, **weights, **options)
    assert y.dtype == dtype
    # Both round sums of at most 32 products, a softmax and sums of 14: 64 ulp of the largest.
    np.testing.assert_allclose(y, expected.numpy(), rtol=0, atol=64 * np.spacing(np.abs(y).max()))


def test_tensors_that_need_no_gradient_are_taken_as_they_are():
    torch = pytest.importorskip("torch")
    module = torch.nn.MultiheadAttention(8, 2).requires_grad_(False)
    given = module.in_proj_weight, module.in_proj_bias, module.out_proj.weight, module.out_proj.bias
    taken = F.multi_head_attention_weights(*given, 2)
    arrays = F.multi_head_attention_weights(*(tensor.numpy() for tensor in given), 2)
    for name, array in arrays.items():
        np.testing.assert_array_equal(taken[name], array)
    with pytest.raises(TypeError, match=r"in_proj_weight must be an array; got Parameter\. NumPy says: .*detach"):
        F.multi_head_attention_weights(module.in_proj_weight.requires_grad_(), None, given[2], None, 2)
