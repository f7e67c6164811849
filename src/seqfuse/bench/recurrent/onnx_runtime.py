"""Contender ONNX Runtime: a model with one RNN, LSTM or GRU node, as in an exported network."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from seqfuse.bench.case import Array, Contender, Work
from seqfuse.bench.recurrent.problem import Problem, to_peer

OPSET, IR_VERSION = 14, 8  # old enough for every ONNX Runtime in use


def contender(problem: Problem, work: Work, threads: int) -> Contender:
    """Return the contender with the same weights. A step is a run of a model with T = 1."""
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(_model(problem), options, providers=["CPUExecutionProvider"])
    B, H = problem.shape.B, problem.shape.H
    states = ["h", "c"] if problem.cell == "lstm" else ["h"]
    feeds = {"x": problem.x} | {name: np.zeros((1, B, H), np.float32) for name in states}

    if work == "step":
        outputs = [f"{name}_out" for name in states]

        def step() -> Any:
            new_states = session.run(outputs, feeds)
            feeds.update(zip(states, new_states))
            return new_states

        return Contender("onnxruntime", problem, step, lambda new_states: {"h": new_states[0][0]})

    def forward() -> Any:
        return session.run(None, feeds)

    return Contender("onnxruntime", problem, forward, lambda out: {"y": out[0][:, 0], "h": out[1][0]})


def _model(problem: Problem) -> bytes:
    """Return a model that maps x (T, B, I) and initial states to y (T, 1, B, H) and final states (1, B, H)."""
    helper: Any = importlib.import_module("onnx.helper")
    numpy_helper: Any = importlib.import_module("onnx.numpy_helper")
    cell, (T, B, I, H) = problem.cell, problem.shape

    def value(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, 1, shape)  # 1: float

    def weights(name: str, a: Array) -> Any:
        return numpy_helper.from_array(np.ascontiguousarray(a[np.newaxis]), name)

    assert problem.U is not None  # only minGRU has no U, and ONNX has no minGRU
    b = problem.b if problem.b.ndim == 2 else np.stack([problem.b, np.zeros_like(problem.b)])
    both = np.concatenate([to_peer("onnx", cell, b[0]), to_peer("onnx", cell, b[1])])
    constants = [
        weights("W", to_peer("onnx", cell, problem.W).T),
        weights("R", to_peer("onnx", cell, problem.U).T),
        weights("b", both),
    ]
    states = ["h", "c"] if cell == "lstm" else ["h"]
    options = {"linear_before_reset": 1} if cell == "gru" else {}
    outputs = ["y"] + [f"{name}_out" for name in states]
    node = helper.make_node(cell.upper(), ["x", "W", "R", "b", "", *states], outputs, hidden_size=H, **options)
    graph = helper.make_graph(
        [node],
        cell,
        [value("x", T, B, I)] + [value(name, 1, B, H) for name in states],
        [value("y", T, 1, B, H)] + [value(name, 1, B, H) for name in outputs[1:]],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    serialized: bytes = model.SerializeToString()
    return serialized
