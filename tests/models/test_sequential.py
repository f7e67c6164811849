"""Tests of Sequential: adding and removing layers, building, changes after compile, and errors."""

import numpy as np
import pytest

from models.whole import assert_training_gradient, compiled, rng
from seqfuse.layers import LSTM, Activation, Dense, Embedding, Input, SimpleRNN
from seqfuse.models import Model, Sequential


def test_sequential_is_built_by_its_first_array_without_an_input():
    model = compiled(Sequential([LSTM(3, dtype="float64"), Dense(1, dtype="float64")]))
    assert not model.built
    assert model.weights == []
    assert_training_gradient(model, rng().normal(size=(2, 4, 2)), rng(1).normal(size=(2, 1)))
    assert model.built
    assert model.count_params() == 4 * 3 * (2 + 3 + 1) + 4


def test_sequential_build_accepts_a_shape():
    model = Sequential([Dense(2), Dense(1)])
    model.build((None, 3))
    assert [w.shape for w in model.weights] == [(3, 2), (2,), (2, 1), (1,)]
    assert model.predict(np.zeros((5, 3))).shape == (5, 1)


def test_sequential_fit_trains_on_the_batch_that_builds_it():
    x, y = rng().normal(size=(8, 3)), rng(1).normal(size=(8, 1))
    late, early = Sequential([Dense(1)]), Sequential([Input((3,)), Dense(1)])
    late.build((None, 3))
    early.set_weights(late.get_weights())
    other = Sequential([Dense(1, kernel_initializer=lambda shape, dtype: late.weights[0].numpy())])
    for model in (early, other):
        model.compile("sgd", "mse")
        model.fit(x, y, shuffle=False, batch_size=3, verbose=0)
    np.testing.assert_array_equal(early.get_weights()[0], other.get_weights()[0])


def test_sequential_is_built_by_input_shape_of_its_first_layer():
    model = Sequential()
    model.add(SimpleRNN(2, input_shape=(4, 1)))
    assert model.built
    assert model.inputs[0].shape == (None, 4, 1)


def test_sequential_accepts_an_input_tensor_or_an_input_layer():
    tensor = Input((4, 1), name="start")
    for first in (tensor, tensor.node.layer):
        assert Sequential([first, SimpleRNN(2)]).input_names == ["start"]


def test_sequential_trains_layers_that_are_added_after_compile_and_fit():
    x, y = rng().normal(size=(8, 3)), rng(1).normal(size=(8, 1))
    model = Sequential([Input((3,)), Dense(2)])
    model.compile("adam", "mse")
    model.add(Dense(1))
    model.fit(x, y, verbose=0)
    before = model.get_weights()
    model.add(Activation("tanh"))  # has no weights, so no new compile is needed
    model.fit(x, y, verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights()))
    assert np.abs(model.predict(x)).max() < 1
    model.add(Dense(1))
    with pytest.raises(ValueError, match=r"[Cc]ompile"):
        model.fit(x, y, verbose=0)
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)


def test_sequential_pop_removes_the_last_layer():
    x = rng().normal(size=(8, 3))
    first, last = Dense(2), Dense(1)
    model = Sequential([Input((3,)), first, last])
    whole = model.predict(x)
    assert model.pop() is last
    assert model.predict(x).shape == (8, 2)
    model.add(last)
    np.testing.assert_array_equal(model.predict(x), whole)
    model.pop()
    assert model.pop() is first
    assert model.layers == []
    with pytest.raises(ValueError, match="no layer to remove"):
        model.pop()
    with pytest.raises(ValueError, match="no layers"):
        model.predict(x)


def test_sequential_pop_removes_a_layer_when_not_built():
    model = Sequential([Dense(1)])
    model.pop()
    assert model.layers == []


def test_sequential_add_rejects_a_layer_that_does_not_match_and_stays_usable():
    model = Sequential([Input((4, 2)), SimpleRNN(3)])
    with pytest.raises(ValueError, match=r"second: the input must be \(batch, T, I\); got \(None, 3\)"):
        model.add(SimpleRNN(3, name="second"))
    assert len(model.layers) == 1
    model.add(Dense(1))
    assert model.predict(np.zeros((2, 4, 2))).shape == (2, 1)


def test_sequential_stays_unbuilt_when_its_first_array_does_not_match():
    model = Sequential([SimpleRNN(3, name="reader")])
    with pytest.raises(ValueError, match="reader: the input must be"):
        model.predict(np.zeros((2, 4)))
    assert model.predict(np.zeros((2, 4, 1))).shape == (2, 3)


def test_sequential_add_rejects_invalid_layers():
    model = Sequential()
    with pytest.raises(TypeError, match="a layer must be added; got str"):
        model.add("Dense")
    model.add(Dense(1, name="one"))
    with pytest.raises(ValueError, match='got "one" twice'):
        model.add(Dense(1, name="one"))
    with pytest.raises(ValueError, match="an Input must come first"):
        model.add(Input((3,)))


def test_sequential_inside_a_model_can_grow_later():
    inside = Sequential([Dense(2)])
    x = Input((3,))
    outer = Model(x, inside(x))
    assert inside.built
    inside.add(Dense(1))
    assert outer.predict(np.zeros((2, 3))).shape == (2, 1)


def test_sequential_accepts_integers_when_an_embedding_comes_first():
    model = Sequential([Embedding(5, 2), LSTM(3)])
    assert model.predict(np.array([[0, 4, 1]])).shape == (1, 3)
