"""Tests of compile and of one training step: updates, metrics, buffers of weights, shared layers, and errors."""

import numpy as np
import pytest

from models.whole import compiled, rng
from seqfuse.layers import GRU, Dense, Input, SimpleRNN
from seqfuse.models import Model, Sequential
from seqfuse.optimizers import SGD, Adam

X, Y = rng().normal(size=(6, 4, 2)), rng(1).normal(size=(6, 1))


def model_of(*layers):
    return Sequential([Input((4, 2)), *(layers or (SimpleRNN(3), Dense(1)))], name="small")


def test_train_on_batch_equals_forward_loss_backward_and_update():
    model = model_of()
    model.compile(SGD(0.1), "mse")
    y, tape = model.forward(X, training=True)
    grads = model.backward(tape, (2 * (y - Y) / y.size).astype(np.float32))
    expected = [w - np.float32(0.1) * g for w, g in zip(model.get_weights(), grads)]
    assert model.train_on_batch(X, Y) == pytest.approx(((y - Y) ** 2).mean(), rel=1e-6)
    for ours, theirs in zip(model.get_weights(), expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_train_on_batch_and_test_on_batch_report_only_their_batch():
    model = model_of()
    compiled(model, metrics=["mae"])
    first = model.train_on_batch(X, Y)
    model.train_on_batch(X, 3 * Y)
    assert model.train_on_batch(X, Y) == first == model.test_on_batch(X, Y)
    assert model.test_on_batch(X, Y, return_dict=True) == dict(zip(["loss", "mae"], first))
    weighted = model.train_on_batch(X, Y, sample_weight=np.arange(6.0), return_dict=True)
    assert weighted["mae"] == first[1]
    assert weighted["loss"] != first[0]
    assert model.train_on_batch(X, np.ones((6, 1)), class_weight={1: 2.0})[0] == pytest.approx(
        2 * model.test_on_batch(X, np.ones((6, 1)))[0], rel=1e-6
    )


def test_train_on_batch_stores_weights_and_gradients_in_one_buffer_each():
    model = compiled(model_of())
    model.train_on_batch(X, Y)
    parameters = model._parameters
    for weight, gradient in zip(model.weights, parameters.into):
        assert np.shares_memory(weight.value, parameters.values)
        assert np.shares_memory(gradient, parameters.gradients)
    model.train_on_batch(X, Y)
    assert model._parameters is parameters


def test_models_that_share_layers_can_be_trained_alternately():
    def models_with_shared_layer(rate):
        shared, x, z = GRU(3, name="shared"), Input((4, 2)), Input((4, 2))
        first, second = Model(x, Dense(1)(shared(x))), Model(z, Dense(2)(shared(z)))
        for model in (first, second):
            model.compile(SGD(rate, momentum=0.9), "mse")
        return shared, first, second

    shared, first, second = models_with_shared_layer(0.1)
    before = [w.copy() for w in shared.get_weights()]
    other, *others = models_with_shared_layer(0.1)
    for model, twin in zip((first, second), others):
        twin.set_weights(model.get_weights())
    y2 = rng(2).normal(size=(6, 2))
    for _ in range(3):
        first.train_on_batch(X, Y)
        second.train_on_batch(X, y2)
        # the same, but set_weights writes the shared weights between the two steps
        others[0].train_on_batch(X, Y)
        others[1].set_weights([*other.get_weights(), *others[1].layers[-1].get_weights()])
        others[1].train_on_batch(X, y2)
    for ours, theirs, old in zip(shared.get_weights(), other.get_weights(), before):
        np.testing.assert_array_equal(ours, theirs)
        assert (ours != old).any()
    np.testing.assert_array_equal(first.predict(X), Model(first.inputs, first.outputs).predict(X)[0])


def test_fit_keeps_shared_weights_when_another_model_trains_within_an_epoch():
    from seqfuse.callbacks import Callback

    shared, x, z = Dense(3, name="shared"), Input((4, 2)), Input((4, 2))
    first, second = Model(x, GRU(1)(shared(x))), Model(z, GRU(1)(shared(z)))

    class Train(Callback):
        def on_train_batch_end(self, batch, logs=None):
            second.train_on_batch(X, Y)
            self.kernel = shared.kernel.numpy()

        def on_train_batch_begin(self, batch, logs=None):
            if batch:
                np.testing.assert_array_equal(shared.kernel.numpy(), self.kernel)

        def on_epoch_end(self, epoch, logs=None):
            self.moved = shared.kernel.numpy()

    for model in (first, second):
        model.compile(SGD(0.1), "mse")
    first.fit(X, Y, batch_size=2, callbacks=Train(), verbose=0)
    alone = Model(z, second.outputs[0])
    np.testing.assert_array_equal(second.predict(X), alone.predict(X))
    first.train_on_batch(X, Y)
    assert first._parameters.at_home()
    assert not second._parameters.at_home()


def test_compile_resets_the_optimizer_and_keeps_the_weights():
    model = model_of()
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    weights = model.get_weights()
    model.compile(Adam(0.0), "mae")
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights()))
    model.train_on_batch(X, Y)
    assert model.optimizer.iterations == 1


def test_train_on_batch_requires_compile_when_a_layer_was_frozen():
    model = compiled(model_of())
    model.train_on_batch(X, Y)
    model.layers[0].trainable = False
    with pytest.raises(
        ValueError,
        match=r"small: the trainable weights must be those of the first training step; got different ones",
    ):
        model.train_on_batch(X, Y)
    compiled(model).train_on_batch(X, Y)
    assert len(model._parameters.weights) == 2


def test_train_on_batch_rejects_weights_of_two_dtypes():
    model = compiled(model_of(SimpleRNN(3, dtype="float64"), Dense(1)))
    with pytest.raises(TypeError, match="trainable weights must be of one type"):
        model.train_on_batch(X, Y)


def test_training_and_evaluation_losses_include_regularizers():
    model = compiled(model_of(SimpleRNN(3, kernel_regularizer="l2"), Dense(1)))
    plain = compiled(model_of())
    plain.set_weights(model.get_weights())
    penalty = 0.01 * float((model.weights[0].numpy() ** 2).sum())
    for call in ("train_on_batch", "test_on_batch"):
        assert getattr(model, call)(X, Y) == pytest.approx(getattr(plain, call)(X, Y) + penalty, rel=1e-6)
    model.layers[0].trainable = False
    assert compiled(model).test_on_batch(X, Y) == pytest.approx(plain.test_on_batch(X, Y), rel=1e-6), "as in Keras"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"optimizer": "adm"}, ValueError, r'compile: optimizer must be one of .*Did you mean "adam"\?'),
        ({"loss": "msee"}, ValueError, r'compile: loss must be one of .*got \'msee\'.*Did you mean "mse"\?'),
        ({"loss": 3}, TypeError, "compile: loss must be"),
        ({"loss": lambda y_true, y_pred: 0}, TypeError, "compile: loss must be a Loss; got the function <lambda>"),
        ({"metrics": ["acuracy"]}, ValueError, r'compile: metrics must be one of .*Did you mean "accuracy"\?'),
        ({"weighted_metrics": "maee"}, ValueError, r'compile: weighted_metrics must be .*Did you mean "mae"\?'),
        ({"optimiser": "adam"}, TypeError, "compile has no argument 'optimiser'"),
        ({"loss_weights": ["a"]}, TypeError, "compile: loss_weights must be a real number; got 'a'"),
    ],
)
def test_compile_rejects_wrong_arguments_and_suggests_names(arguments, error, message):
    with pytest.raises(error, match=message):
        model_of().compile(**{"loss": "mse", **arguments})


def test_compile_ignores_performance_options_of_keras():
    model_of().compile("adam", "mse", run_eagerly=True, jit_compile=False, steps_per_execution=3, auto_scale_loss=True)


def test_compile_keeps_the_previous_settings_when_it_fails():
    model = compiled(model_of(), metrics=["mae"])
    with pytest.raises(ValueError, match="loss"):
        model.compile("adam", "msee")
    assert list(model.test_on_batch(X, Y, return_dict=True)) == ["loss", "mae"]
    assert isinstance(model.optimizer, SGD)
