"""Tests of the reference rotary embeddings: complex multiplication, gradients, Hugging Face and ONNX."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse import reference

B, H, T, D = 2, 3, 5, 8
LAYOUTS = pytest.mark.parametrize("interleaved", [False, True], ids=["halves", "interleaved"])
POSITIONS = pytest.mark.parametrize(
    "positions", [None, [4, 0, 0, 6, 1], [[0, 1, 2, 3, 4], [6, 5, 1, 1, 0]]], ids=["none", "T", "B, T"]
)


def draw(dtype=np.float64, shape=(B, H, T, D), R=6):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, *shape)).astype(dtype)
    return x, dy, *reference.rotary_tables(7, R, dtype=dtype)


@POSITIONS
@LAYOUTS
def test_rotary_equals_complex_multiplication(positions, interleaved):
    x, _, cos, sin = draw()
    y = reference.rotary(x, cos, sin, positions=positions, interleaved=interleaved)
    rows = np.broadcast_to(np.arange(T) if positions is None else positions, (B, T))
    real, imaginary = ([0, 2, 4], [1, 3, 5]) if interleaved else ([0, 1, 2], [3, 4, 5])
    product = (x[..., real] + 1j * x[..., imaginary]) * (cos + 1j * sin)[rows][:, None]
    np.testing.assert_allclose(y[..., real], product.real, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(y[..., imaginary], product.imag, rtol=1e-14, atol=1e-14)
    np.testing.assert_array_equal(y[..., 6:], x[..., 6:])


@POSITIONS
@LAYOUTS
def test_rotary_backward_matches_central_differences(positions, interleaved):
    x, dy, cos, sin = draw()
    options = {"positions": positions, "interleaved": interleaved}
    _, tape = reference.rotary_forward(x, cos, sin, **options)
    numeric = central_differences(lambda: (reference.rotary(x, cos, sin, **options) * dy).sum(), x)
    assert_gradient("dx", reference.rotary_backward(tape, dy), numeric)


@LAYOUTS
def test_rotary_preserves_the_norm_of_each_row(interleaved):
    x, _, cos, sin = draw()
    y = reference.rotary(x, cos, sin, interleaved=interleaved)
    np.testing.assert_allclose(np.linalg.norm(y, axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_rotary_computes_in_the_dtype_of_x(dtype):
    x, dy, cos, sin = draw(dtype)
    y, tape = reference.rotary_forward(x, cos.astype(np.float64), sin.astype(np.float64))
    assert y.dtype == reference.rotary_backward(tape, dy.astype(np.float64)).dtype == dtype


def test_rotary_of_halves_matches_hugging_face():
    # apply_rotary_pos_emb of transformers (modeling_llama), with the gradient from torch.
    torch = pytest.importorskip("torch")
    x, dy, cos, sin = draw(R=D)

    def rotate_half(a):
        return torch.cat((-a[..., a.shape[-1] // 2 :], a[..., : a.shape[-1] // 2]), dim=-1)

    torch_x = torch.tensor(x, requires_grad=True)
    doubled_cos, doubled_sin = (torch.from_numpy(np.concatenate([a, a], -1)[:T]) for a in (cos, sin))
    torch_y = torch_x * doubled_cos + rotate_half(torch_x) * doubled_sin
    torch_y.backward(torch.from_numpy(dy))
    y, tape = reference.rotary_forward(x, cos, sin)
    np.testing.assert_allclose(y, torch_y.detach().numpy(), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(reference.rotary_backward(tape, dy), torch_x.grad.numpy(), rtol=1e-14, atol=1e-14)


@POSITIONS
@LAYOUTS
def test_rotary_matches_the_operator_of_onnx(positions, interleaved):
    # RotaryEmbedding of opset 23, computed with the reference evaluator of ONNX.
    helper = pytest.importorskip("onnx.helper")
    from onnx.reference import ReferenceEvaluator

    x, _, cos, sin = draw(np.float32)
    rows = np.broadcast_to(np.arange(T) if positions is None else positions, (B, T)).astype(np.int64)
    node = helper.make_node(
        "RotaryEmbedding", ["x", "cos", "sin", "rows"], ["y"], interleaved=int(interleaved), rotary_embedding_dim=6
    )
    inputs = [helper.make_tensor_value_info(name, 1, None) for name in ("x", "cos", "sin")]
    inputs.append(helper.make_tensor_value_info("rows", 7, None))
    graph = helper.make_graph([node], "rotary", inputs, [helper.make_tensor_value_info("y", 1, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)])
    (onnx_y,) = ReferenceEvaluator(model).run(None, {"x": x, "cos": cos, "sin": sin, "rows": rows})
    y = reference.rotary(x, cos, sin, positions=positions, interleaved=interleaved)
    np.testing.assert_allclose(y, onnx_y, rtol=0, atol=4 * np.finfo(np.float32).eps * np.abs(x).max())
