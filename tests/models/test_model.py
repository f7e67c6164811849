"""Tests of Model: gradients by central differences, several inputs and outputs, nested models, and errors."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from models.whole import assert_training_gradient, compiled, rng
from seqfuse.layers import (
    GRU,
    LSTM,
    Add,
    Bidirectional,
    Dense,
    Embedding,
    GlobalAveragePooling1D,
    Input,
    Masking,
    SimpleRNN,
    TimeDistributed,
)
from seqfuse.models import Model, Sequential

D = {"dtype": "float64"}


def test_model_gradients_match_central_differences_for_stacked_recurrent_layers():
    model = Sequential([Input((4, 2)), GRU(3, return_sequences=True, **D), LSTM(2, **D), Dense(1, "tanh", **D)])
    assert_training_gradient(compiled(model), rng().normal(size=(3, 4, 2)), rng(1).normal(size=(3, 1)))


def test_model_gradients_match_central_differences_for_a_bidirectional_layer():
    model = Sequential([Input((4, 2)), Bidirectional(LSTM(2, return_sequences=True, **D), **D), GRU(2, **D)])
    assert_training_gradient(compiled(model), rng().normal(size=(3, 4, 2)), rng(1).normal(size=(3, 2)))


def test_model_sums_gradients_of_a_layer_that_is_called_twice():
    a, b, shared, last = Input((3, 2)), Input((5, 2)), LSTM(3, **D), Dense(2, **D)
    model = compiled(Model([a, b], Add(**D)([last(shared(a)), last(shared(b))])))
    assert len(model.weights) == 5
    x = [rng().normal(size=(4, 3, 2)), rng(1).normal(size=(4, 5, 2))]
    assert_training_gradient(model, x, rng(2).normal(size=(4, 2)))


def test_model_sums_gradients_of_a_layer_that_is_called_on_its_own_output():
    x, layer = Input((3,)), Dense(3, "tanh", **D)
    model = compiled(Model(x, layer(layer(x))))
    assert_training_gradient(model, rng().normal(size=(4, 3)), rng(1).normal(size=(4, 3)))


def test_model_gradients_match_central_differences_for_residual_connections():
    x = Input((4, 3))
    h = GRU(3, return_sequences=True, **D)(x)
    y = Add(**D)([x, h])
    model = compiled(Model(x, Dense(1, **D)(LSTM(2, **D)(Add(**D)([y, h])))))
    assert_training_gradient(model, rng().normal(size=(2, 4, 3)), rng(1).normal(size=(2, 1)))


def test_model_gradients_match_central_differences_when_a_tensor_is_used_twice():
    x, both = Input((3,)), Dense(3, **D)
    h = both(x)
    model = compiled(Model(x, [Add(**D)([h, h]), h]), ["mse", "mae"])
    assert_training_gradient(model, rng().normal(size=(2, 3)), [rng(1).normal(size=(2, 3)), rng(2).normal(size=(2, 3))])


def several_inputs_and_outputs():
    a, b = Input((4, 2), name="a"), Input((3,), name="b")
    y, h, c = LSTM(3, return_sequences=True, return_state=True, **D)(a)
    start = Dense(3, "tanh", **D)(b)
    z = GRU(3, **D)(y, initial_state=start)
    return Model([a, b], [Dense(2, name="p", **D)(z), Dense(1, name="q", **D)(y), Add(name="r", **D)([h, c])])


def test_model_gradients_match_central_differences_with_loss_weights():
    model = several_inputs_and_outputs()
    compiled(model, {"p": "mse", "q": "mse", "r": "huber"}, loss_weights={"p": 0.5, "q": 2.0})
    x = {"b": rng().normal(size=(2, 3)), "a": rng(1).normal(size=(2, 4, 2))}
    y = {"q": rng(2).normal(size=(2, 4, 1)), "p": rng(3).normal(size=(2, 2)), "r": rng(4).normal(size=(2, 3))}
    assert_training_gradient(model, x, y)


def test_model_gradients_are_zero_for_an_output_without_a_loss():
    model = several_inputs_and_outputs()
    compiled(model, {"q": "mse"})
    x, y = [rng(1).normal(size=(2, 4, 2)), rng().normal(size=(2, 3))], {"q": rng(2).normal(size=(2, 4, 1))}
    model.train_on_batch(x, y)
    gradients = dict(zip([w.path for w in model.trainable_weights], model._parameters.into))
    assert not gradients["p/kernel"].any()
    assert gradients["q/kernel"].any()


def test_model_gradients_match_central_differences_with_sample_weights_and_regularizers():
    model = Sequential(
        [
            Input((4, 2)),
            LSTM(2, kernel_regularizer="l2", bias_regularizer="l1", recurrent_regularizer="l1_l2", **D),
            Dense(1, kernel_regularizer="l2", **D),
        ]
    )
    model.layers[0].bias.value += 0.5  # away from 0, where the L1 penalty is not differentiable
    weights = np.array([0.5, 0.0, 2.0])
    assert_training_gradient(compiled(model), rng().normal(size=(3, 4, 2)), rng(1).normal(size=(3, 1)), weights)


def test_model_gradients_match_central_differences_with_sample_weights_per_step():
    model = Sequential([Input((4, 2)), GRU(2, return_sequences=True, **D), TimeDistributed(Dense(1, **D), **D)])
    y, weights = rng(1).normal(size=(3, 4, 1)), rng(2).uniform(size=(3, 4))
    assert_training_gradient(compiled(model), rng().normal(size=(3, 4, 2)), y, weights)


def test_model_gradients_match_central_differences_with_a_masked_embedding():
    words = np.array([[1, 2, 0, 0], [3, 0, 1, 2], [1, 1, 1, 1]])
    model = Sequential(
        [
            Input((None,)),
            Embedding(4, 3, mask_zero=True, **D),
            GRU(3, return_sequences=True, **D),
            LSTM(2, **D),
            Dense(3, "softmax", **D),
        ]
    )
    assert_training_gradient(compiled(model, "sparse_categorical_crossentropy"), words, np.array([0, 2, 1]))


def test_model_gradients_match_central_differences_with_a_masked_loss_per_step():
    x = rng().normal(size=(3, 4, 2))
    x[0, 2:] = x[1, 1] = 0.0
    model = Sequential([Input((4, 2)), Masking(), GRU(3, return_sequences=True, **D), Dense(2, "softmax", **D)])
    compiled(model, "sparse_categorical_crossentropy")
    assert_training_gradient(model, x, rng(1).integers(0, 2, (3, 4)))


def test_model_gradients_ignore_the_values_of_masked_steps():
    model = Sequential([Input((4, 2)), GRU(3, return_sequences=True, **D), Dense(1, **D)])
    mask, x = np.array([[True, True, False, False]]), rng().normal(size=(1, 4, 2))
    _y, tape = model.forward(x, mask=mask)
    first = model.backward(tape, np.ones((1, 4, 1)) * mask[..., None])
    x[0, 2:] = np.nan
    _, tape = model.forward(x, mask=mask)
    second = model.backward(tape, np.ones((1, 4, 1)) * mask[..., None])
    for a, b in zip(first, second):
        np.testing.assert_array_equal(a, b)


def test_model_keeps_frozen_weights_and_propagates_gradients_through_them():
    first, frozen, last = LSTM(2, **D), Dense(3, "tanh", trainable=False, **D), Dense(1, **D)
    model = compiled(Sequential([Input((3, 2)), first, frozen, last]))
    assert model.trainable_weights == first.weights + last.weights
    assert model.non_trainable_weights == frozen.weights
    assert_training_gradient(model, rng().normal(size=(2, 3, 2)), rng(1).normal(size=(2, 1)))
    kept = frozen.get_weights()
    model.compile("adam", "mse")
    model.fit(rng().normal(size=(8, 3, 2)), rng(1).normal(size=(8, 1)), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(kept, frozen.get_weights()))


def test_model_skips_backward_of_layers_before_the_first_trainable_weight():
    first = Dense(3, trainable=False, **D)

    def fail(*_, **__):
        raise AssertionError("no weight needs this gradient")

    model = compiled(Sequential([Input((2,)), first, Dense(1, **D)]))
    first.backward = fail
    model.train_on_batch(rng().normal(size=(2, 2)), rng(1).normal(size=(2, 1)))


def test_model_trainable_sets_nested_layers():
    inside = Sequential([Input((3,)), Dense(2, **D)])
    model = Sequential([Input((3,)), inside, Dense(1, **D)])
    inside.trainable = False
    assert len(model.trainable_weights) == 2
    model.trainable = True
    assert len(model.trainable_weights) == 4
    assert not Sequential([Dense(2)], trainable=False).trainable


# ---- models as layers --------------------------------------------------------------------------------------------


def test_nested_model_gradients_match_central_differences():
    a = Input((4, 2))
    encoder = Model(a, LSTM(3, **D)(a), name="encoder")
    head = Sequential([Dense(3, "tanh", **D), Dense(1, **D)])  # built by its first call
    x, z = Input((4, 2)), Input((4, 2))
    model = compiled(Model([x, z], head(Add(**D)([encoder(x), encoder(z)]))))
    assert len(model.weights) == 3 + 4
    x = [rng().normal(size=(3, 4, 2)), rng(1).normal(size=(3, 4, 2))]
    assert_training_gradient(model, x, rng(2).normal(size=(3, 1)))


def test_nested_model_gradients_match_central_differences_with_several_inputs_and_outputs():
    inside = several_inputs_and_outputs()
    a, b = Input((4, 2)), Input((3,))
    p, q, r = inside([a, b])
    assert (p.shape, q.shape, r.shape) == ((None, 2), (None, 4, 1), (None, 3))
    y = Add(**D)([Dense(2, **D)(r), p])
    model = compiled(Model([a, b], [y, GlobalAveragePooling1D(**D)(q)]))
    x = [rng().normal(size=(2, 4, 2)), rng(1).normal(size=(2, 3))]
    assert_training_gradient(model, x, [rng(2).normal(size=(2, 2)), rng(3).normal(size=(2, 1))])


def test_nested_model_propagates_masks():
    words = np.array([[1, 2, 0, 0], [3, 0, 1, 2]])
    embedded = Sequential([Input((None,)), Embedding(4, 3, mask_zero=True, **D)])
    read = Sequential([GRU(3, return_sequences=True, **D), LSTM(2, **D)])
    nested = Sequential([Input((None,)), embedded, read])
    flat = Sequential([Input((None,)), *embedded.layers, *read.layers])
    np.testing.assert_array_equal(nested.predict(words), flat.predict(words))
    assert_training_gradient(compiled(nested), words, rng(1).normal(size=(2, 2)))


def test_model_backward_returns_input_gradients_when_need_dx_is_given():
    model = several_inputs_and_outputs()
    x = [rng().normal(size=(2, 4, 2)), rng(1).normal(size=(2, 3))]
    ys, tape = model.forward(x)
    dys = [rng(2).normal(size=y.shape) for y in ys]
    dys[1] = None
    dx, grads = model.backward(tape, dys, need_dx=True)

    def loss():
        outs, _ = model.forward(x, keep=False)
        return sum(float((y * dy).sum()) for y, dy in zip(outs, dys) if dy is not None)

    for array, gradient in zip(x, dx):
        assert_gradient("dx", gradient, central_differences(loss, array))
    for weight, gradient in zip(model.weights, grads):
        assert_gradient(weight.path, gradient, central_differences(loss, weight.value))
    again = model.backward(tape, dys)
    assert all(np.array_equal(a, b) for a, b in zip(again, grads))
    into = [np.ones_like(gradient) for gradient in grads]
    assert model.backward(tape, dys, into=into) is into
    for a, b in zip(into, grads):
        np.testing.assert_allclose(a, b + 1, rtol=1e-12, atol=1e-12)


def test_model_returns_lists_when_created_from_lists():
    x = Input((3,))
    model = compiled(Model([x], [Dense(2, **D)(x)]))
    array, target = rng().normal(size=(4, 3)), rng(1).normal(size=(4, 2))
    (y,) = model.predict([array])
    assert y.shape == (4, 2)
    assert_training_gradient(model, array, target)
    assert_training_gradient(model, [array], [target])
    outer = Input((3,))
    (inner,) = model([outer])
    assert_training_gradient(compiled(Model(outer, Dense(1, **D)(inner))), array, target[:, :1])


def test_nested_model_accepts_a_tensor_when_created_from_a_list_of_one():
    x, outer = Input((3,)), Input((3,))
    inside = Model([x], Dense(2, **D)(x))
    model = compiled(Model(outer, inside(Dense(3, **D)(outer))))
    assert_training_gradient(model, rng().normal(size=(4, 3)), rng(1).normal(size=(4, 2)))


def test_model_accepts_dicts_of_named_inputs_and_outputs():
    a, b = Input((2,)), Input((2,))
    model = compiled(Model({"left": a, "right": b}, {"sum": Add(**D)([Dense(2, **D)(a), b]), "half": Dense(1, **D)(b)}))
    assert (model.input_names, model.output_names) == (["left", "right"], ["sum", "half"])
    x = {"right": rng().normal(size=(3, 2)), "left": rng(1).normal(size=(3, 2))}
    assert_training_gradient(model, x, {"half": rng(2).normal(size=(3, 1)), "sum": rng(3).normal(size=(3, 2))})
    np.testing.assert_array_equal(model.predict(x)[0], model.predict([x["left"], x["right"]])[0])


def test_model_subclass_may_define_forward_and_backward():
    class Doubled(Model):
        def __init__(self):
            super().__init__()
            self.inside = Dense(1, **D)

        def forward(self, x, training=False, mask=None, *, keep=True):
            y, tape = self.inside.forward(x)
            return 2 * y, tape

        def backward(self, tape, dy, *, need_dx=None, into=None):
            return self.inside.backward(tape, 2 * dy, into=into)[1]

    model = compiled(Doubled())
    assert_training_gradient(model, rng().normal(size=(4, 3)), rng(1).normal(size=(4, 1)))
    assert model.layers == [model.inside]


# ---- layers, weights and errors ----------------------------------------------------------------------------------


def test_get_layer_accepts_a_name_or_an_index():
    model = several_inputs_and_outputs()
    assert model.get_layer("p") is model.get_layer(index=model.layers.index(model.get_layer("p")))
    with pytest.raises(ValueError, match="name must be one of"):
        model.get_layer("zzz")


def test_get_weights_and_set_weights_copy_arrays():
    model = Sequential([Input((3, 2)), LSTM(2), Dense(1)])
    weights = model.get_weights()
    weights[0][...] = 7
    assert not (model.weights[0].numpy() == 7).any()
    model.set_weights(weights)
    assert (model.weights[0].numpy() == 7).all()
    with pytest.raises(ValueError, match="weights must be 5 arrays; got 4"):
        model.set_weights(weights[:-1])
    weights[0], weights[-1] = np.zeros_like(weights[0]), np.zeros(3)
    with pytest.raises(ValueError, match="bias"):
        model.set_weights(weights)
    assert (model.weights[0].numpy() == 7).all(), "a failed call must not change some of the weights"


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 4, 2)), r"must be a list of 2 inputs, \['a', 'b'\]; got one array"),
        ([np.zeros((2, 4, 2))], r"must be a list of 2 inputs, \['a', 'b'\]; got 1"),
        ({"a": np.zeros((2, 4, 2)), "c": np.zeros((2, 3))}, r"must have the inputs \['a', 'b'\]; got \['a', 'c'\]"),
        ([np.zeros((2, 4)), np.zeros((2, 3))], r"a must be \(any, 4, 2\); got \(2, 4\)"),
    ],
)
def test_model_rejects_wrong_inputs(x, message):
    with pytest.raises(ValueError, match=message):
        several_inputs_and_outputs().forward(x)


def test_predict_adds_a_missing_last_axis_of_size_1():
    model = Sequential([Input((4, 1)), SimpleRNN(2)])
    x = rng().normal(size=(3, 4))
    np.testing.assert_array_equal(model.predict(x), model.predict(x[..., None]))


def test_predict_names_the_layer_when_the_number_of_features_is_wrong():
    model = Sequential([Input((4, 2)), SimpleRNN(2, name="reader")])
    with pytest.raises(ValueError, match=r"reader: the input must be \(batch, T, I\) = \(\.\.\., 2\); got \(3, 4, 5\)"):
        model.predict(np.zeros((3, 4, 5)))


def test_nested_model_names_the_layer_when_the_number_of_features_is_wrong():
    inside = Sequential([Input((4, 2)), SimpleRNN(2, name="reader")])
    with pytest.raises(ValueError, match=r"reader: the input must be .* got \(None, 4, 3\)"):
        inside(Input((4, 3)))


def test_model_rejects_inputs_that_are_not_symbolic():
    with pytest.raises(TypeError, match="inputs must be symbolic"):
        Model(np.zeros(3), Input((3,)))
    x = Input((3,))
    with pytest.raises(ValueError, match="inputs must come from Input"):
        Model(Dense(2)(x), x)
    with pytest.raises(ValueError, match="needs inputs and outputs"):
        Model().forward(np.zeros((2, 3)))


def test_backward_rejects_a_tape_when_the_model_was_changed():
    model = Sequential([Input((3,)), Dense(3)], name="grown")
    y, tape = model.forward(np.ones((2, 3)))
    model.add(Dense(3))
    with pytest.raises(
        ValueError, match=r"grown\.backward: tape must come from forward of this model with its current layers"
    ):
        model.backward(tape, y)
