"""Tests of the conversion of the parameters of torch.nn.MultiheadAttention."""

import numpy as np
import pytest

from seqfuse import functional as F


def draw(*shape, dtype=np.float64):
    return np.random.default_rng(shape).normal(size=shape).astype(dtype)


def test_weights_from_torch_equal_the_rows_of_each_head():
    # PyTorch computes x weight.T + bias; head h has the columns h * D to (h + 1) * D.
    in_proj, bias, out, out_bias = draw(24, 8), draw(24), draw(8, 8), draw(8)
    weights = F.multi_head_attention_weights_from_torch(in_proj, bias, out, out_bias, 4)
    assert list(weights) == ["Wq", "Wk", "Wv", "Wo", "bq", "bk", "bv", "bo"]
    for i, name in enumerate("qkv"):
        for h in range(4):
            rows = slice(8 * i + 2 * h, 8 * i + 2 * h + 2)
            np.testing.assert_array_equal(weights[f"W{name}"][:, h], in_proj[rows].T)
            np.testing.assert_array_equal(weights[f"b{name}"][h], bias[rows])
    for h in range(4):
        np.testing.assert_array_equal(weights["Wo"][h], out[:, 2 * h : 2 * h + 2].T)
    np.testing.assert_array_equal(weights["bo"], out_bias)


def test_weights_from_torch_accept_three_matrices_of_query_key_and_value():
    matrices = draw(8, 8), draw(8, 5), draw(8, 3)
    for given in (matrices, list(matrices)):
        weights = F.multi_head_attention_weights_from_torch(given, None, draw(8, 8), None, 2)
        for name, matrix in zip("qkv", matrices):
            np.testing.assert_array_equal(weights[f"W{name}"].reshape(matrix.shape[1], 8), matrix.T)
        assert [weights[f"b{name}"] for name in "qkvo"] == [None] * 4
    from_stacked = F.multi_head_attention_weights_from_torch(
        np.concatenate([matrices[0]] * 3), None, draw(8, 8), None, 2
    )
    from_list = F.multi_head_attention_weights_from_torch([matrices[0]] * 3, None, draw(8, 8), None, 2)
    for name in ("Wq", "Wk", "Wv", "Wo"):
        np.testing.assert_array_equal(from_stacked[name], from_list[name])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("heads", [1, 8])
def test_weights_from_torch_are_new_arrays_in_c_order_with_the_given_dtype(heads, dtype):
    given = [draw(24, 8, dtype=dtype), draw(24, dtype=dtype), draw(8, 8, dtype=dtype), draw(8, dtype=dtype)]
    for name, array in F.multi_head_attention_weights_from_torch(*given, heads).items():
        assert array.dtype == dtype, name
        assert array.flags.c_contiguous, name
        assert not any(np.shares_memory(array, a) for a in given), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", ["self", "cross", "kdim and vdim", "no biases", "causal", "padding"])
def test_multi_head_attention_matches_the_torch_module(case, dtype):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    sizes = {"kdim": 12, "vdim": 20} if case == "kdim and vdim" else {}
    torch_dtype = torch.float32 if dtype is np.float32 else torch.float64
    module = torch.nn.MultiheadAttention(32, 4, bias=case != "no biases", **sizes, batch_first=True, dtype=torch_dtype)
    query, Tk = draw(3, 9, 32, dtype=dtype), 9 if case in ("self", "causal", "no biases") else 14
    key, value = (draw(3, Tk, sizes.get(name, 32), dtype=dtype) for name in ("kdim", "vdim"))
    options, torch_options, lengths = {}, {}, np.array([14, 3, 8])
    if Tk == 9:
        inputs = [query] * 3
    else:
        inputs = [query, key, value]
        options |= {"key": key, "value": value}
    if case == "causal":
        options["causal"], torch_options["attn_mask"] = True, torch.from_numpy(~np.tri(9, dtype=bool))
    if case == "padding":
        options["lengths"] = lengths
        torch_options["key_padding_mask"] = torch.from_numpy(np.arange(14) >= lengths[:, None])
    with torch.no_grad():
        expected, _ = module(*(torch.from_numpy(x) for x in inputs), **torch_options, need_weights=False)
    parameters = {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}
    in_proj = parameters.get("in_proj_weight")
    if in_proj is None:
        in_proj = tuple(parameters[f"{name}_proj_weight"] for name in "qkv")
    weights = F.multi_head_attention_weights_from_torch(
        in_proj, parameters.get("in_proj_bias"), parameters["out_proj.weight"], parameters.get("out_proj.bias"), 4
    )
    y = F.multi_head_attention(query, **weights, **options)
    assert y.dtype == dtype
    # Both round sums of at most 32 products, a softmax and sums of 14 terms: at most 64 ulp of the largest output.
    np.testing.assert_allclose(y, expected.numpy(), rtol=0, atol=64 * np.spacing(np.abs(y).max()))


def test_weights_from_torch_accept_tensors_without_gradient():
    torch = pytest.importorskip("torch")
    module = torch.nn.MultiheadAttention(8, 2).requires_grad_(False)
    given = module.in_proj_weight, module.in_proj_bias, module.out_proj.weight, module.out_proj.bias
    from_tensors = F.multi_head_attention_weights_from_torch(*given, 2)
    from_arrays = F.multi_head_attention_weights_from_torch(*(tensor.numpy() for tensor in given), 2)
    for name, array in from_arrays.items():
        np.testing.assert_array_equal(from_tensors[name], array)
    with pytest.raises(TypeError, match=r"in_proj_weight must be an array; got Parameter\. NumPy says: .*detach"):
        F.multi_head_attention_weights_from_torch(module.in_proj_weight.requires_grad_(), None, given[2], None, 2)


def test_old_name_multi_head_attention_weights_warns_and_returns_the_same():
    given = draw(24, 8), draw(24), draw(8, 8), draw(8), 2
    with pytest.warns(DeprecationWarning, match="Use multi_head_attention_weights_from_torch"):
        weights = F.multi_head_attention_weights(*given)
    for name, array in F.multi_head_attention_weights_from_torch(*given).items():
        np.testing.assert_array_equal(weights[name], array)
