"""Tests of attention with all test cases of ONNX, and with further cases against the definition of the operator."""

from functools import cache

import numpy as np
import pytest
from support.onnx_attention import INPUTS, Outputs, call, run_node, seqfuse_options
from support.onnx_cases import assert_case, node_cases

from seqfuse import functional, reference

# Without the prefix "attention_". Cases of fp16 and bf16 are computed in float32 and rounded at the end.
NAMES = """
23_boolmask_fullymasked_row_nan_robustness 23_fullymasked_qk_matmul_output_mode3_zero
24_fullymasked_qk_matmul_output_mode3_zero 24_qk_matmul_output_mode3_softmax_precision 3d 3d_attn_mask 3d_causal
3d_causal_bf16 3d_diff_heads_sizes 3d_diff_heads_sizes_attn_mask 3d_diff_heads_sizes_causal 3d_diff_heads_sizes_scaled
3d_diff_heads_sizes_softcap 3d_diff_heads_with_past_and_present 3d_gqa 3d_gqa_attn_mask 3d_gqa_causal 3d_gqa_scaled
3d_gqa_softcap 3d_gqa_with_past_and_present 3d_local_window 3d_scaled 3d_softcap 3d_transpose_verification
3d_with_past_and_present 3d_with_past_and_present_qk_matmul 3d_with_past_and_present_qk_matmul_bias
3d_with_past_and_present_qk_matmul_softcap 3d_with_past_and_present_qk_matmul_softmax 4d 4d_attn_mask 4d_attn_mask_3d
4d_attn_mask_3d_causal 4d_attn_mask_4d 4d_attn_mask_4d_causal 4d_attn_mask_bool 4d_attn_mask_bool_4d
4d_attn_mask_causal_bf16 4d_causal 4d_causal_bf16 4d_causal_fp16 4d_causal_nonpad_attn_mask_composition
4d_causal_nonpad_batch_prefill 4d_causal_nonpad_continued_prefill 4d_causal_nonpad_negative_offset_structural_empty
4d_causal_padded_kv_bf16 4d_causal_with_past_and_present 4d_diff_heads_mask4d_padded_kv 4d_diff_heads_sizes
4d_diff_heads_sizes_attn_mask 4d_diff_heads_sizes_causal 4d_diff_heads_sizes_scaled 4d_diff_heads_sizes_softcap
4d_diff_heads_with_past_and_present 4d_diff_heads_with_past_and_present_mask3d
4d_diff_heads_with_past_and_present_mask4d 4d_fp16 4d_gqa 4d_gqa_attn_mask 4d_gqa_causal 4d_gqa_causal_nonpad_decode
4d_gqa_causal_nonpad_decode_fp16 4d_gqa_scaled 4d_gqa_softcap 4d_gqa_with_past_and_present
4d_gqa_with_past_and_present_fp16 4d_padded_kv_bf16 4d_scaled 4d_softcap 4d_softcap_neginf_mask
4d_softcap_neginf_mask_poison 4d_with_past_and_present 4d_with_past_and_present_qk_matmul
4d_with_past_and_present_qk_matmul_bias 4d_with_past_and_present_qk_matmul_bias_3d_mask
4d_with_past_and_present_qk_matmul_bias_3d_mask_causal 4d_with_past_and_present_qk_matmul_bias_4d_mask
4d_with_past_and_present_qk_matmul_bias_4d_mask_causal 4d_with_qk_matmul 4d_with_qk_matmul_bias
4d_with_qk_matmul_softcap 4d_with_qk_matmul_softmax bidirectional_window causal_boolmask_nan_robustness local_window
local_window_default local_window_ext_cache_float16_mask local_window_ext_cache_rank2_mask
local_window_ext_cache_rank3_head_mask local_window_ext_cache_rank4_batch_mask local_window_gqa_rank4_mask
local_window_rank1_boolean_mask local_window_with_past
""".split()  # noqa: SIM905

both_modules = pytest.mark.parametrize("module", [functional, reference], ids=["functional", "reference"])


@pytest.fixture(scope="module")
def onnx_cases():
    """Return the ONNX cases for single nodes of Attention, by name."""
    return node_cases(["Attention"])


def test_onnx_cases_are_exactly_the_ninety_three_listed(onnx_cases):
    assert len(NAMES) == 93
    assert sorted(onnx_cases) == sorted(f"attention_{name}" for name in NAMES)


@both_modules
@pytest.mark.parametrize("name", NAMES)
def test_onnx_attention_matches_the_onnx_case(onnx_cases, name, module):
    assert_case(onnx_cases[f"attention_{name}"], lambda node, values: run_node(node, values, module))


# ---- not in the ONNX cases -------------------------------------------------------------------------------------------

CACHES = ["none", "past", "past of fewer keys than queries", "nonpad_kv_seqlen"]
WINDOWS = [(-1, -1), (1, -1), (-1, 1), (2, 0)]
MASKS = ["no mask", "short bool", "added per head", "of keys"]


def make_inputs(kind, mask, *, B=3, Hq=4, Hk=2, Tq=4, D=5, Dv=3):
    """Return the inputs of a node that kind and mask select, in float32. Q, K and V have three axes."""
    rng = np.random.default_rng([B, Tq, D, CACHES.index(kind), MASKS.index(mask)])
    new, past = {"none": (7, 0), "past": (Tq, 6), "nonpad_kv_seqlen": (9, 0)}.get(kind, (2, 6))
    Tk = new + past
    shapes = {"Q": (B, Tq, Hq * D), "K": (B, new, Hk * D), "V": (B, new, Hk * Dv)}
    if past:
        shapes |= {"past_key": (B, Hk, past, D), "past_value": (B, Hk, past, Dv)}
    inputs = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    if mask == "short bool":
        inputs["attn_mask"] = rng.random((Tq, Tk - 2)) < 0.7
    elif mask == "added per head":
        added_mask = rng.normal(size=(B, Hq, Tq, Tk))
        inputs["attn_mask"] = np.where(rng.random(added_mask.shape) < 0.3, -np.inf, added_mask).astype(np.float32)
    elif mask == "of keys":
        inputs["attn_mask"] = np.arange(Tk) % 3 != 1
    if kind == "nonpad_kv_seqlen":
        inputs["nonpad_kv_seqlen"] = np.array([Tk - 2, 2, 4])  # more, fewer, and as many keys as queries
    return inputs


def outputs_by_definition(attributes, inputs, outputs):
    """Return the outputs of a node, computed from its definition by other ONNX operators.

    The NumPy code of onnx 1.23.2 for Attention has faults: it caps the scores of qk_matmul_output_mode 0, and with
    is_causal it treats a mask of one row as the mask of one query.
    """
    from onnx import FunctionProto, TypeProto, defs, helper
    from onnx.reference import ReferenceEvaluator

    names = [name if name in inputs else "" for name in INPUTS]
    while not names[-1]:
        names.pop()
    types = [
        helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(inputs[name].dtype), inputs[name].shape)
        if name
        else TypeProto()
        for name in names
    ]
    node = helper.make_node(
        "Attention", names, [name if name in outputs else "" for name in Outputs._fields], **attributes
    )
    serialized = node.SerializeToString(), [kind.SerializeToString() for kind in types]
    body = defs.get_schema("Attention", 25).get_context_dependent_function_with_opset_version(25, *serialized)
    definition = FunctionProto.FromString(body)
    assert "Attention" not in {part.op_type for part in definition.node}
    with np.errstate(invalid="ignore"):  # the softmax of a query without keys is NaN and is replaced later
        return dict(zip(outputs, ReferenceEvaluator(definition).run(outputs, inputs, attributes), strict=True))


@cache  # for both modules
def make_node(kind, window, causal, mask):
    """Return attributes, inputs, and the outputs by name. The nodes together use each qk_matmul_output_mode."""
    mode = (CACHES.index(kind) + WINDOWS.index(window) + causal + MASKS.index(mask)) % 4
    attributes = {"q_num_heads": 4, "kv_num_heads": 2, "softcap": 1.5, "scale": 0.6, "is_causal": causal}
    attributes |= {"left_window_size": window[0], "right_window_size": window[1], "qk_matmul_output_mode": mode}
    inputs = make_inputs(kind, mask)
    outputs = ["Y", "qk_matmul_output"] + (["present_key", "present_value"] if "past_key" in inputs else [])
    return attributes, inputs, outputs_by_definition(attributes, inputs, outputs)


@both_modules
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("kind", CACHES)
def test_onnx_attention_matches_its_function_definition(kind, window, causal, mask, module):
    attributes, inputs, expected = make_node(kind, window, causal, mask)
    actual = call(attributes, inputs, module, scores=True)._asdict()
    assert "Y" in expected
    for name, expected_output in expected.items():
        assert (actual[name].shape, actual[name].dtype) == (expected_output.shape, expected_output.dtype), name
        finite = np.isfinite(expected_output)
        np.testing.assert_array_equal(actual[name][~finite], expected_output[~finite], err_msg=name)
        # Sums of at most 10 terms.
        limit = 32 * np.finfo(np.float32).eps * max(1, np.abs(expected_output[finite]).max())
        assert np.abs(actual[name][finite] - expected_output[finite]).max() <= limit, name


@pytest.mark.parametrize(
    ("attributes", "kind", "options"),
    [
        ({}, "none", {}),
        ({"is_causal": 1}, "none", {"causal": "top_left"}),
        ({"is_causal": 1}, "past", {"causal": "bottom_right"}),
        ({"is_causal": 1, "left_window_size": 2}, "past", {"causal": "bottom_right", "window": (2, None)}),
        ({"is_causal": 1}, "nonpad_kv_seqlen", {"causal": "bottom_right", "lengths": [7, 2, 4]}),
        (
            {"softcap": 0.0, "left_window_size": -1, "scale": 0.5},
            "nonpad_kv_seqlen",
            {"lengths": [7, 2, 4], "scale": 0.5},
        ),
    ],
    ids=str,
)
def test_onnx_attention_uses_options_instead_of_a_mask(attributes, kind, options):
    inputs = make_inputs(kind, "no mask")
    Tk = inputs["K"].shape[1] + (inputs["past_key"].shape[2] if "past_key" in inputs else 0)
    got = seqfuse_options(attributes, inputs, 4, Tk)
    assert {name: list(value) if name == "lengths" else value for name, value in got.items()} == options


def test_onnx_attention_uses_a_two_sided_window_when_tq_equals_tk():
    q = np.zeros((1, 5, 4), np.float32)
    assert seqfuse_options({"left_window_size": 1, "right_window_size": 2}, dict.fromkeys("QKV", q), 5, 5) == {
        "window": (1, 2)
    }


@both_modules
def test_onnx_attention_computes_in_float64_with_softmax_precision_double(module):
    inputs = make_inputs("none", "no mask")
    attributes = {"q_num_heads": 4, "kv_num_heads": 2}
    exact = call(attributes, {name: a.astype(np.float64) for name, a in inputs.items()}, module).Y
    y = call({**attributes, "softmax_precision": 11}, inputs, module).Y
    np.testing.assert_array_equal(y, exact.astype(np.float32), strict=True)


@pytest.mark.parametrize(
    ("attributes", "kind", "more", "names"),
    [
        ({"dropout": 0.5}, "none", {}, "dropout"),
        ({}, "past", {"nonpad_kv_seqlen": np.array([1, 2, 3])}, "nonpad_kv_seqlen with past_key"),
    ],
    ids=["attribute", "inputs"],
)
def test_onnx_attention_refuses_unsupported_attributes_and_inputs(attributes, kind, more, names):
    with pytest.raises(NotImplementedError, match=names):
        call(attributes, {**make_inputs(kind, "no mask"), **more}, reference)
