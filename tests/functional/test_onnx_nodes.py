"""Tests against the recurrent nodes of ONNX: its own cases, and ONNX Runtime if it is installed."""

import warnings

import numpy as np
import pytest
from support.onnx_nodes import call, run_node

from seqfuse import functional, reference

NAMES = [
    f"test_{name}"
    for name in (
        "gru_batchwise", "gru_bidirectional", "gru_defaults", "gru_reverse", "gru_seq_length", "gru_with_initial_bias",
        "lstm_batchwise", "lstm_bidirectional", "lstm_defaults", "lstm_reverse", "lstm_with_initial_bias",
        "lstm_with_peepholes", "rnn_seq_length", "simple_rnn_batchwise", "simple_rnn_bidirectional",
        "simple_rnn_defaults", "simple_rnn_reverse", "simple_rnn_with_initial_bias",
    )
]  # fmt: skip
OPERATORS = {"RNN": 1, "GRU": 3, "LSTM": 4}  # number of gates

both_modules = pytest.mark.parametrize("module", [functional, reference], ids=["functional", "reference"])


@pytest.fixture(scope="module")
def onnx_cases():
    """Return ONNX's cases of single RNN, GRU and LSTM nodes by name."""
    with warnings.catch_warnings():
        # ONNX creates the cases of all operators at once; some contain infinities
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"onnx\.backend\.test\.case\.node\.")
        from onnx.backend.test.loader import load_model_tests

        cases = load_model_tests(kind="node")
    return {case.name: case for case in cases if any(node.op_type in OPERATORS for node in case.model.graph.node)}


def test_onnx_has_exactly_these_eighteen_cases(onnx_cases):
    assert len(NAMES) == 18
    assert sorted(onnx_cases) == NAMES


@both_modules
@pytest.mark.parametrize("name", NAMES)
def test_node_matches_the_onnx_case(onnx_cases, name, module):
    case = onnx_cases[name]
    (node,) = case.model.graph.node
    assert case.data_sets
    for inputs, outputs in case.data_sets:
        values = {given.name: value for given, value in zip(case.model.graph.input, inputs, strict=True)}
        got = run_node(node, values, module)
        for wanted, right in zip(case.model.graph.output, outputs, strict=True):
            assert got[wanted.name].dtype == right.dtype
            assert got[wanted.name].shape == right.shape
            np.testing.assert_allclose(got[wanted.name], right, rtol=case.rtol, atol=case.atol)


def make_inputs(operator, directions, *, lengths=True, peepholes=False, T=6, B=4, I=3, H=5):
    """Return all inputs of a node in float32, with lengths from 1 to T in random order."""
    rng = np.random.default_rng([T, B, I, H])
    rows = OPERATORS[operator] * H
    shapes = {
        "X": (T, B, I),
        "W": (directions, rows, I),
        "R": (directions, rows, H),
        "B": (directions, 2 * rows),
        "initial_h": (directions, B, H),
    }
    if operator == "LSTM":
        shapes["initial_c"] = (directions, B, H)
    if peepholes:
        shapes["P"] = (directions, 3 * H)
    inputs = {name: (rng.normal(size=shape) / 2).astype(np.float32) for name, shape in shapes.items()}
    if lengths:
        inputs["sequence_lens"] = np.array([T, 1, T - 2, 2], np.int32)
    return inputs


def runtime(operator, attributes, inputs):
    """Return Y, Y_h and, for an LSTM, Y_c of ONNX Runtime."""
    onnxruntime = pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper
    from support.onnx_nodes import INPUTS

    slots = INPUTS if operator == "LSTM" else INPUTS[:6]
    outputs = ["Y", "Y_h", "Y_c"][: 3 if operator == "LSTM" else 2]
    H = inputs["R"].shape[2]
    node = helper.make_node(
        operator, [name if name in inputs else "" for name in slots], outputs, hidden_size=H, **attributes
    )
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int32): TensorProto.INT32}
    given = [helper.make_tensor_value_info(name, types[a.dtype], a.shape) for name, a in inputs.items()]
    wanted = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph([node], operator, given, wanted)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(outputs, inputs)


CONSTANTS = {"activation_alpha": [0.25, 0.3], "activation_beta": [0.4]}
ATTRIBUTES = [
    ("RNN", {}),
    ("RNN", {"clip": 0.5}),
    ("RNN", {"activations": ["LeakyRelu"]}),
    ("RNN", {"activations": ["Elu"], "activation_alpha": [0.5]}),
    ("RNN", {"activations": ["Affine"], "activation_alpha": [1.0]}),  # ONNX Runtime uses 0 if it is not given
    ("GRU", {"linear_before_reset": 1}),
    ("GRU", {"linear_before_reset": 0}),
    ("GRU", {"clip": 0.5, "linear_before_reset": 1}),
    ("GRU", {"clip": 0.5}),
    ("GRU", {"activations": ["HardSigmoid", "Softsign"]}),
    ("GRU", {"activations": ["HardSigmoid", "LeakyRelu"], **CONSTANTS}),
    ("LSTM", {}),
    ("LSTM", {"clip": 0.5}),
    ("LSTM", {"activations": ["HardSigmoid", "Relu", "Relu"]}),
    ("LSTM", {"activations": ["Sigmoid", "Softplus", "Softplus"]}),
]


@both_modules
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("operator", "attributes"), ATTRIBUTES, ids=str)
def test_node_matches_onnx_runtime(operator, attributes, direction, module):
    directions = 2 if direction == "bidirectional" else 1
    attributes = {**attributes, "direction": direction}
    for name in {"activations", "activation_alpha", "activation_beta"} & set(attributes):
        attributes[name] = attributes[name] * directions
    inputs = make_inputs(operator, directions, peepholes=operator == "LSTM")
    theirs = runtime(operator, attributes, inputs)
    for ours, right in zip(call(operator, attributes, inputs, module), theirs):
        limit = 64 * np.finfo(np.float32).eps * max(1, np.abs(right).max())  # 64 roundings: sums of 10 terms in 6 steps
        assert np.abs(ours - right).max() <= limit


@both_modules
@pytest.mark.parametrize("operator", OPERATORS)
def test_node_with_batch_first_matches_the_default_layout(operator, module):
    attributes = {"direction": "bidirectional"}
    inputs = make_inputs(operator, 2)
    transposed = {n: a.swapaxes(0, 1) if n in {"X", "initial_h", "initial_c"} else a for n, a in inputs.items()}
    Y, *states = call(operator, attributes, inputs, module)
    batch_first_Y, *batch_first_states = call(operator, {**attributes, "layout": 1}, transposed, module)
    np.testing.assert_array_equal(batch_first_Y.transpose(1, 2, 0, 3), Y)
    for ours, right in zip(batch_first_states, states):
        assert (ours is None) == (right is None)
        if right is not None:
            np.testing.assert_array_equal(ours.swapaxes(0, 1), right)


@pytest.mark.parametrize(
    ("operator", "attributes", "names"),
    [
        ("LSTM", {"input_forget": 1}, "input_forget"),
        ("LSTM", {"activations": ["Sigmoid", "Tanh", "Relu"]}, "relu for the state"),
        ("RNN", {"activations": ["ScaledTanh"]}, "ScaledTanh"),
        ("RNN", {"activations": ["Affine"], "activation_alpha": [2.0]}, "Affine"),
        ("RNN", {"output_sequence": 1}, "output_sequence"),
    ],
)
def test_node_refuses_unsupported_attributes(operator, attributes, names):
    with pytest.raises(NotImplementedError, match=names):
        call(operator, attributes, make_inputs(operator, 1), reference)
