"""Holds the order of calls and of layers in a graph, and what cannot be one."""

import numpy as np
import pytest

from seqfuse.layers import LSTM, Add, Dense, Input
from seqfuse.models import Model
from seqfuse.models._graph import build_graph


def test_every_step_reads_what_an_earlier_one_has_written():
    a, b = Input((4, 3)), Input((3,))
    y, h, c = LSTM(3, return_sequences=True, return_state=True)(a)
    out = Add()([Dense(3)(h), Add()([b, c]), b])
    graph = build_graph([a, b], [out, y])
    there = set(graph.inputs)
    for step in graph.calls:
        assert set(step.inputs) <= there
        there |= set(step.outputs)
    assert set(graph.outputs) <= there
    assert there == set(range(graph.slots))


def test_a_shared_layer_is_called_twice_and_listed_once():
    a, b, layer = Input((3,)), Input((3,)), Dense(2)
    graph = build_graph([a, b], [Add()([layer(a), layer(b)])])
    assert [step.layer for step in graph.calls].count(layer) == 2
    assert graph.layers.count(layer) == 1


def test_calls_that_the_outputs_do_not_need_are_left_out():
    x = Input((3,))
    unused, used = Dense(2), Dense(1)
    unused(x)
    assert build_graph([x], [used(x)]).layers == [x.node.layer, used]


def test_an_input_may_be_an_output_and_may_be_unused():
    x, z = Input((3,)), Input((2,))
    model = Model([x, z], [x, Dense(1)(x)])
    array = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(model.predict([array, np.zeros((2, 2))])[0], array)


def test_a_chain_of_thousands_of_layers_is_no_recursion():
    x = y = Input((1,))
    layer = Dense(1)
    for _ in range(3000):
        y = layer(y)
    assert len(build_graph([x], [y]).calls) == 3000


def test_an_output_that_does_not_follow_from_the_inputs_is_refused():
    x, other = Input((3,)), Input((3,), name="stray")
    with pytest.raises(ValueError, match="outputs must depend on inputs only; got stray"):
        Model(x, Add()([x, other]))


def test_two_layers_of_one_name_are_refused():
    x = Input((3,))
    with pytest.raises(ValueError, match='names of layers must be unique; got "same" twice'):
        Model(x, Dense(1, name="same")(Dense(1, name="same")(x)))
