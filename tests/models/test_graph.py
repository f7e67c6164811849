"""Tests of the graph of a model: the order of calls and layers, and invalid graphs."""

import numpy as np
import pytest

from seqfuse.layers import LSTM, Add, Dense, Input
from seqfuse.models import Model
from seqfuse.models._graph import build_graph


def test_build_graph_orders_calls_by_their_dependencies():
    a, b = Input((4, 3)), Input((3,))
    y, h, c = LSTM(3, return_sequences=True, return_state=True)(a)
    out = Add()([Dense(3)(h), Add()([b, c]), b])
    graph = build_graph([a, b], [out, y])
    written = set(graph.inputs)
    for call in graph.calls:
        assert set(call.inputs) <= written
        written |= set(call.outputs)
    assert set(graph.outputs) <= written
    assert written == set(range(graph.slots))


def test_build_graph_lists_a_shared_layer_once():
    a, b, layer = Input((3,)), Input((3,)), Dense(2)
    graph = build_graph([a, b], [Add()([layer(a), layer(b)])])
    assert [call.layer for call in graph.calls].count(layer) == 2
    assert graph.layers.count(layer) == 1


def test_build_graph_omits_calls_that_no_output_depends_on():
    x = Input((3,))
    unused, used = Dense(2), Dense(1)
    unused(x)
    assert build_graph([x], [used(x)]).layers == [x.node.layer, used]


def test_model_accepts_an_input_as_output_and_an_unused_input():
    x, z = Input((3,)), Input((2,))
    model = Model([x, z], [x, Dense(1)(x)])
    array = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(model.predict([array, np.zeros((2, 2))])[0], array)


def test_build_graph_does_not_recurse_when_the_graph_is_deep():
    x = y = Input((1,))
    layer = Dense(1)
    for _ in range(3000):
        y = layer(y)
    assert len(build_graph([x], [y]).calls) == 3000


def test_model_rejects_an_output_that_depends_on_another_input():
    x, other = Input((3,)), Input((3,), name="stray")
    with pytest.raises(ValueError, match="outputs must depend on inputs only; got stray"):
        Model(x, Add()([x, other]))


def test_model_rejects_two_layers_with_the_same_name():
    x = Input((3,))
    with pytest.raises(ValueError, match='names of layers must be unique; got "same" twice'):
        Model(x, Dense(1, name="same")(Dense(1, name="same")(x)))
