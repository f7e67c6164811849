"""Tests of rotary embeddings and normalization with the test cases of ONNX."""

import numpy as np
import pytest
from support.onnx_cases import assert_case, node_cases
from support.onnx_transformer import OPERATORS, run_node

from seqfuse import functional, reference

# All cases are float32. The names of the axis cases are the same for both normalizations.
AXES = [
    *(f"2d_axis{axis}" for axis in ("0", "1", "_negative_1", "_negative_2")),
    *(f"3d_axis{axis}_epsilon" for axis in ("0", "1", "2", "_negative_1", "_negative_2", "_negative_3")),
    *(f"4d_axis{axis}" for axis in ("0", "1", "2", "3", "_negative_1", "_negative_2", "_negative_3", "_negative_4")),
    "default_axis",
]
NAMES = [
    *(f"{normalization}_normalization_{axis}" for normalization in ("layer", "rms") for axis in AXES),
    "rotary_embedding", "rotary_embedding_3d_input", "rotary_embedding_interleaved",
    "rotary_embedding_no_position_ids", "rotary_embedding_no_position_ids_interleaved",
    "rotary_embedding_no_position_ids_rotary_dim", "rotary_embedding_with_interleaved_rotary_dim",
    "rotary_embedding_with_rotary_dim",
]  # fmt: skip

both_modules = pytest.mark.parametrize("module", [functional, reference], ids=["functional", "reference"])


@pytest.fixture(scope="module")
def onnx_cases():
    """Return the ONNX cases for single nodes of the operators, by name."""
    return node_cases(OPERATORS)


def test_onnx_cases_are_exactly_the_forty_six_listed(onnx_cases):
    assert len(NAMES) == 46
    assert sorted(onnx_cases) == sorted(NAMES)


@both_modules
@pytest.mark.parametrize("name", NAMES)
def test_onnx_node_matches_the_onnx_case(onnx_cases, name, module):
    assert_case(onnx_cases[name], lambda node, values: run_node(node, values, module))


# ---- not in the ONNX cases: float16, one weight for all features, unsupported nodes ----------------------------------


def make_node(operator, inputs, outputs=("Y",), **attributes):
    from onnx import helper

    return helper.make_node(operator, list(inputs), list(outputs), **attributes)


@both_modules
@pytest.mark.parametrize(("operator", "mean"), [("LayerNormalization", True), ("RMSNormalization", False)])
def test_onnx_normalization_of_float16_with_one_weight(operator, mean, module):
    rng = np.random.default_rng(0)
    X, scale = rng.normal(1, 2, (3, 4, 5)).astype(np.float16), np.array([0.5], np.float16)
    x = X.astype(np.float64)
    centered = x - x.mean(axis=(1, 2), keepdims=True) if mean else x
    expected = centered / np.sqrt((centered**2).mean(axis=(1, 2), keepdims=True) + 1e-5) / 2
    y = run_node(make_node(operator, ["X", "scale"], axis=1), {"X": X, "scale": scale}, module)["Y"]
    assert y.dtype == np.float16
    # One rounding, also near zero.
    np.testing.assert_allclose(y, expected, rtol=0.51 * np.finfo(np.float16).eps, atol=1e-6)


@both_modules
@pytest.mark.parametrize("interleaved", [0, 1])
def test_onnx_rotary_embedding_of_float16(interleaved, module):
    rng = np.random.default_rng(1)
    X, angles = rng.normal(size=(2, 3, 4, 6)).astype(np.float16), rng.normal(size=(7, 2))
    values = {"X": X, "cos": np.cos(angles).astype(np.float16), "sin": np.sin(angles).astype(np.float16)}
    values["ids"] = rng.integers(0, 7, (2, 4))
    node = make_node("RotaryEmbedding", values, interleaved=interleaved, rotary_embedding_dim=4)
    pairs = ((0, 1), (2, 3)) if interleaved else ((0, 2), (1, 3))
    expected = X.astype(np.float64)
    for angle, (i, j) in enumerate(pairs):
        cos, sin = (values[name][values["ids"], angle].astype(np.float64)[:, None] for name in ("cos", "sin"))
        expected[..., i], expected[..., j] = (
            expected[..., i] * cos - expected[..., j] * sin,
            expected[..., j] * cos + expected[..., i] * sin,
        )
    y = run_node(node, values, module)["Y"]
    assert y.dtype == np.float16
    # One rounding, also near zero.
    np.testing.assert_allclose(y, expected, rtol=0.51 * np.finfo(np.float16).eps, atol=1e-6)


@pytest.mark.parametrize(
    ("operator", "attributes", "error", "message"),
    [
        ("LayerNormalization", {"stash_type": 11}, NotImplementedError, "stash_type 11"),
        ("RMSNormalization", {"stash_type": 16}, NotImplementedError, "stash_type 16"),
        ("LayerNormalization", {"momentum": 0.9}, NotImplementedError, "momentum"),
        ("InstanceNormalization", {}, NotImplementedError, "InstanceNormalization"),
        ("RotaryEmbedding", {"rotary_embedding_dim": 2}, ValueError, "2 features to rotate need 1 angles; got 4"),
    ],
)
def test_onnx_node_refuses_unsupported_nodes(operator, attributes, error, message):
    inputs = ["X", "X", "X"] if operator == "RotaryEmbedding" else ["X", "scale"]
    values = {"X": np.ones((2, 3, 4), np.float32), "scale": np.ones(4, np.float32)}
    if operator == "RotaryEmbedding":
        attributes = {"num_heads": 1, **attributes}
    with pytest.raises(error, match=message):
        run_node(make_node(operator, inputs, **attributes), values, reference)
