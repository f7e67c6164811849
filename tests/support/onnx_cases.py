"""The test cases of ONNX for single nodes, and the comparison of results with them.

    node_cases(operators)       the cases of these operators by name, without "test_" and without their expanded forms
    attributes_of(node)         the attributes of a NodeProto by name, strings as str
    assert_case(case, run)      check the outputs of `run(node, values)`, a dict by name

A case "<name>_expanded" is the same case with the node replaced by more elementary nodes.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from seqfuse._cells import Array


def node_cases(operators: Collection[str]) -> dict[str, Any]:
    """Return the cases whose graph is one node of one of the operators.

    ONNX computes the cases of an operator when its module is imported. All modules would take 6 s.
    """
    from onnx.backend.test.case import node as modules

    with warnings.catch_warnings():
        # expected values are computed on import, some from infinities on purpose
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"onnx\.")
        for operator in operators:
            import_module(f"{modules.__name__}.{operator.lower()}")
    return {
        case.name.removeprefix("test_"): case
        for case in modules._NodeTestCases
        if len(case.model.graph.node) == 1
        and case.model.graph.node[0].op_type in operators
        and "_expanded" not in case.name
    }


def attributes_of(node: Any) -> dict[str, Any]:
    """Return attributes by name: numbers, strings and lists of them."""
    from onnx.helper import get_attribute_value

    values = {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def assert_case(case: Any, run: Callable[[Any, Mapping[str, Array]], Mapping[str, Array]]) -> None:
    """Check dtypes, shapes and values as ONNX's test runner does, with the tolerances of the case."""
    from onnx.backend.test.runner import Runner

    (node,) = case.model.graph.node
    assert case.data_sets
    for inputs, outputs in case.data_sets:
        values = {given.name: value for given, value in zip(case.model.graph.input, inputs, strict=True)}
        got = run(node, values)
        wanted = [output.name for output in case.model.graph.output]
        assert wanted
        Runner.assert_similar_outputs(outputs, [got[name] for name in wanted], case.rtol, case.atol)
