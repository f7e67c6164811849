"""Tests of symbolic tensors and the calls that return them."""

import numpy as np
import pytest

from seqfuse.layers import LSTM, Dense, Input
from seqfuse.layers._tensor import Node, Tensor
from seqfuse.models import Model


def test_node_creates_one_tensor_or_a_list_of_tensors():
    layer = Dense(2, name="d")
    one = Node(layer, [], {}, False)
    tensor = one.gives((None, 2))
    assert isinstance(tensor, Tensor)
    assert (tensor.shape, tensor.node, tensor.index, tensor.name) == ((None, 2), one, 0, "d")
    assert not one.several_out
    two = Node(layer, [], {}, False)
    tensors = two.gives([(None, 2), (None, 3)])
    assert [(t.shape, t.index) for t in tensors] == [((None, 2), 0), ((None, 3), 1)]
    assert two.several_out
    tensors.clear()  # a list of the caller: the node has another one
    assert len(two.outputs) == 2
    assert repr(tensor) == "<Tensor (None, 2) of d>"


def test_tensor_refers_to_its_call_and_inputs():
    x = Input((4, 3))
    y, h, c = LSTM(5, return_sequences=True, return_state=True)(x)
    assert [t.shape for t in (y, h, c)] == [(None, 4, 5), (None, 5), (None, 5)]
    assert y.node is h.node is c.node
    assert y.node.inputs == [x]
    again = y.node.layer(x)[0]
    assert again.node is not y.node
    assert again.node.layer is y.node.layer


def test_tensor_operators_call_merging_layers():
    x, y = Input((3,)), Input((3,))
    model = Model([x, y], [x + y, x - y, x * y])
    a, b = np.array([[1.0, 2.0, 3.0]]), np.array([[4.0, 5.0, 7.0]])
    for found, expected in zip(model.predict([a, b]), (a + b, a - b, a * b), strict=True):
        assert (found == expected).all()
    with pytest.raises(TypeError, match="unsupported operand"):
        x + 1
