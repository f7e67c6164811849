"""Tests of fit, evaluate and predict: batches, epochs, weights of samples and classes, and validation."""

import numpy as np
import pytest

import seqfuse as sf
from models.small import EventRecorder, X, Y, assert_same, model_of, twins
from models.whole import rng
from seqfuse import _seeds
from seqfuse.layers import GRU, LSTM, Dense, Dropout, Embedding, GlobalAveragePooling1D, Input, SimpleRNN
from seqfuse.models import Model, Sequential
from seqfuse.optimizers import SGD


def test_fit_equals_a_loop_of_train_on_batch():
    fitted, manual = twins(optimizer="adam")
    history = fitted.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for epoch in range(2):
        losses = [manual.train_on_batch(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)]
        assert history.history["loss"][epoch] == pytest.approx(np.average(losses, weights=[4, 4, 2]), rel=1e-12)
    assert_same(fitted, manual)
    assert history.epoch == [0, 1]
    assert fitted.history is history


def test_fit_result_does_not_depend_on_how_batches_are_passed():
    class IndexedDataset:
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]

    dataset = IndexedDataset()
    name = Sequential([Input((4, 2), name="in"), SimpleRNN(3), Dense(1)])
    name.compile("sgd", "mse")
    models = twins(7)
    options = {"shuffle": False, "verbose": 0}
    models[0].fit(X, Y, batch_size=4, **options)
    models[1].fit(X.tolist(), Y.tolist(), batch_size=4, **options)
    models[2].fit([X], [Y], batch_size=4, **options)
    models[3].fit(dataset, **options)
    models[4].fit((dataset[i] for i in range(3)), **options)
    models[5].fit([dataset[i] for i in range(3)], **options)
    models[6].fit([(*dataset[i], None) for i in range(3)], steps_per_epoch=3, **options)
    for other in models[1:]:
        assert_same(models[0], other)
        assert other.history.history == models[0].history.history
    name.set_weights(model_of().get_weights())
    name.fit({"in": X}, {name.output_names[0]: Y}, verbose=0)


def test_fit_accepts_lists_of_labels_and_weights():
    model = model_of(SimpleRNN(3), Dense(2, "softmax"), loss="sparse_categorical_crossentropy")
    model.fit(X, [0, 1] * 5, sample_weight=[1.0] * 10, verbose=0)


def test_fit_counts_epochs_from_initial_epoch():
    model = model_of()
    recorder = EventRecorder()
    history = model.fit(X, Y, epochs=5, initial_epoch=3, callbacks=recorder, verbose=0)
    assert history.epoch == [3, 4]
    assert len(history.history["loss"]) == 2
    assert ("on_epoch_begin", 3) in recorder.events
    assert model.fit(X, Y, epochs=2, initial_epoch=2, verbose=0).history == {}


def test_fit_steps_per_epoch_restarts_the_iterable_when_it_is_exhausted():
    seen = []

    def batches():
        for i in range(5):
            seen.append(i)
            yield X[i : i + 1], Y[i : i + 1]

    class Restartable:
        def __iter__(self):
            return batches()

    model = model_of()
    model.fit(Restartable(), steps_per_epoch=3, epochs=3, verbose=0)
    assert seen == [0, 1, 2, 3, 4, 0, 1, 2, 3]
    assert model.optimizer.iterations == 9
    model.fit(X, Y, batch_size=4, steps_per_epoch=2, epochs=2, verbose=0)
    assert model.optimizer.iterations == 13


def test_fit_evaluate_and_predict_reject_an_exhausted_iterator():
    model = model_of()
    with pytest.raises(ValueError, match="x must have at least one batch per epoch; got none"):
        model.fit(iter([(X, Y)]), epochs=2, verbose=0)
    assert model.history.epoch == [0]
    for call in (model.evaluate, model.predict):
        with pytest.raises(ValueError, match=f"{call.__name__}: x must have at least one batch; got none"):
            call(iter([]), verbose=0)


def test_fit_shuffles_by_the_seed():
    results = []
    for seed in (1, 1, 2):
        _seeds.set_seed(seed)
        model = model_of()
        model.set_weights([np.full(w.shape, 0.1) for w in model.weights])
        model.fit(X, Y, batch_size=3, epochs=2, verbose=0)
        results.append(model)
    assert_same(*results[:2])
    assert any((a != b).any() for a, b in zip(results[0].get_weights(), results[2].get_weights()))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_fit_is_bitwise_reproducible_for_any_number_of_threads(threads):
    def run():
        _seeds.set_seed(7)
        model = Sequential(
            [
                Input((None,)),
                Embedding(11, 8, mask_zero=True),
                GRU(16, return_sequences=True, dropout=0.2, recurrent_dropout=0.1),
                LSTM(16, return_sequences=True),
                Dropout(0.3),
                GlobalAveragePooling1D(),
                Dense(11, "softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        words = rng(3).integers(0, 11, (70, 9))
        model.fit(words, words[:, 0], epochs=2, verbose=0, validation_split=0.2)
        return model

    with sf.num_threads(1):
        one = run()
    with sf.num_threads(threads):
        other = run()
    assert_same(one, other)
    assert one.history.history == other.history.history


def test_fit_class_weights_equal_sample_weights_of_the_classes():
    y = np.array([0, 1, 2, 1, 0] * 2)
    weights = np.array([1.0, 3.0, 0.5])[y]
    a, b, c = (model_of(SimpleRNN(3), Dense(3, "softmax"), loss="sparse_categorical_crossentropy") for _ in range(3))
    b.set_weights(a.get_weights())
    c.set_weights(a.get_weights())
    a.fit(X, y, class_weight={1: 3.0, 2: 0.5}, shuffle=False, batch_size=4, verbose=0)
    b.fit(X, y, sample_weight=weights, shuffle=False, batch_size=4, verbose=0)
    assert_same(a, b)
    c.compile("sgd", "categorical_crossentropy")
    c.fit(X, np.eye(3)[y], class_weight={1: 3.0, 2: 0.5}, shuffle=False, batch_size=4, verbose=0)
    for one, other in zip(a.get_weights(), c.get_weights()):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_fit_multiplies_class_weights_and_sample_weights():
    y, w = np.array([[0], [1]] * 5), np.linspace(0.5, 2, 10)
    a, b = twins()
    a.fit(X, y, class_weight={1: 2.0}, sample_weight=w, shuffle=False, verbose=0)
    b.fit(X, y, sample_weight=w * np.where(y[:, 0] == 1, 2.0, 1.0), shuffle=False, verbose=0)
    for one, other in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("target", ["classes", "one column", "one-hot"])
def test_fit_applies_class_weights_per_step(target):
    y = rng(2).integers(0, 3, (10, 4))
    given = {"classes": y, "one column": y[..., None], "one-hot": np.eye(3)[y]}[target]
    loss = "categorical_crossentropy" if target == "one-hot" else "sparse_categorical_crossentropy"
    a, b = (model_of(SimpleRNN(3, return_sequences=True), Dense(3, "softmax"), loss=loss) for _ in range(2))
    b.set_weights(a.get_weights())
    w = np.linspace(0.5, 2, 10)
    a.fit(X, given, class_weight={1: 2.0, 2: 0.0}, sample_weight=w, shuffle=False, verbose=0)
    b.fit(X, given, sample_weight=w[:, None] * np.array([1.0, 2.0, 0.0])[y], shuffle=False, verbose=0)
    for one, other in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_fit_accepts_batches_of_nested_lists():
    a, b = (Sequential([Input((2,)), Dense(1, kernel_initializer="ones")]) for _ in range(2))
    for model, batches in ((a, [([[1.0, 2.0]], [3.5])]), (b, [(np.array([[1.0, 2.0]]), np.array([3.5]))])):
        model.compile("sgd", "mse")
        model.fit(batches, verbose=0)
    assert_same(a, b)


def test_fit_ends_with_the_averaged_weights_when_use_ema_is_set():
    model = model_of(optimizer=SGD(0.1, use_ema=True, ema_momentum=0.5))
    model.fit(X, Y, epochs=3, verbose=0)
    np.testing.assert_array_equal(model._parameters.values, model.optimizer.state["average"])


def test_fit_result_does_not_depend_on_the_loss_scale():
    a, b = twins()
    a.compile(SGD(0.1), "mse")
    b.compile(SGD(0.1, loss_scale_factor=1024.0), "mse")
    for model in (a, b):
        model.fit(X, Y, shuffle=False, verbose=0)
    assert_same(a, b)


def test_fit_validation_split_equals_validation_data_of_the_last_samples():
    split, given = twins(metrics=["mae"])
    split.fit(X, Y, validation_split=0.3, batch_size=4, epochs=2, shuffle=False, verbose=0)
    given.fit(X[:7], Y[:7], validation_data=(X[7:], Y[7:]), batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert_same(split, given)
    assert split.history.history == given.history.history
    assert list(split.history.history) == ["loss", "mae", "val_loss", "val_mae"]
    evaluated = split.evaluate(X[7:], Y[7:], batch_size=4, verbose=0)
    assert [split.history.history[name][-1] for name in ("val_loss", "val_mae")] == evaluated


@pytest.mark.parametrize(
    "data", [(X, Y), [X, Y], (X, Y, np.ones(10)), [(X, Y)], [(X[:5], Y[:5]), (X[5:], Y[5:])]], ids=range(5)
)
def test_fit_accepts_validation_data_as_arrays_or_batches(data):
    model = model_of()
    history = model.fit(X, Y, validation_data=data, verbose=0, epochs=2).history
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)


def test_fit_validates_every_validation_freq_epochs():
    model = model_of()
    assert len(model.fit(X, Y, validation_data=(X, Y), validation_freq=2, epochs=5, verbose=0).history["val_loss"]) == 2
    history = model.fit(X, Y, validation_data=(X, Y), validation_freq=[1, 4], epochs=5, verbose=0).history
    assert len(history["val_loss"]) == 2
    with pytest.raises(ValueError, match="validation_freq must be at least 1"):
        model.fit(X, Y, validation_data=(X, Y), validation_freq=0, verbose=0)


def test_fit_validation_steps_limits_the_number_of_batches():
    recorder = EventRecorder()
    options = {"validation_data": (X, Y), "callbacks": recorder, "verbose": 0}
    model_of().fit(X, Y, validation_batch_size=3, validation_steps=2, **options)
    assert [e for e in recorder.events if e[0] == "on_test_batch_end"] == [
        ("on_test_batch_end", 0),
        ("on_test_batch_end", 1),
    ]


def test_fit_rejects_a_validation_split_of_batches():
    with pytest.raises(ValueError, match="validation_split must be 0 if x is not arrays"):
        model_of().fit([(X, Y)], validation_split=0.5, verbose=0)


def test_predict_carries_stateful_layers_until_reset_states():
    layer = GRU(3, stateful=True)
    model = model_of(layer, Dense(1))
    plain = model_of(GRU(3), Dense(1))
    plain.set_weights(model.get_weights())
    first, second = model.predict(X[:5]), model.predict(X[:5])
    np.testing.assert_array_equal(first, plain.predict(X[:5]))
    assert (first != second).any()
    two_in_a_row = np.concatenate([X[:5], X[:5]], axis=1)
    np.testing.assert_array_equal(second, plain.predict(two_in_a_row))
    model.reset_states()
    np.testing.assert_array_equal(model.predict(X[:5]), first)
    with pytest.raises(ValueError, match=r"must have 5 rows.*got 3\. Call reset_state\(\)"):
        model.predict(X[:3])


def test_fit_validation_restores_the_states_of_stateful_layers():
    a, b = model_of(GRU(3, stateful=True), Dense(1)), model_of(GRU(3, stateful=True), Dense(1))
    b.set_weights(a.get_weights())
    a.fit(X, Y, batch_size=5, shuffle=False, epochs=2, verbose=0)
    b.fit(X, Y, batch_size=5, shuffle=False, epochs=2, validation_data=(X[:5], Y[:5]), verbose=0)
    assert_same(a, b)
    np.testing.assert_array_equal(a.layers[0].states[0], b.layers[0].states[0])


def test_evaluate_does_not_depend_on_the_batch_size():
    model = model_of(metrics=["mae"])
    whole = ((model.predict(X) - Y) ** 2).mean(), np.abs(model.predict(X) - Y).mean()
    for size in (1, 3, 10, None):
        np.testing.assert_allclose(model.evaluate(X, Y, batch_size=size, verbose=0), whole, rtol=1e-6)
    assert model.evaluate(X, Y, verbose=0, return_dict=True) == dict(
        zip(["loss", "mae"], model.evaluate(X, Y, verbose=0))
    )
    assert isinstance(model_of().evaluate(X, Y, verbose=0), float)
    np.testing.assert_allclose(
        model.evaluate(X, Y, batch_size=2, steps=2, verbose=0), model.evaluate(X[:4], Y[:4], verbose=0), rtol=1e-6
    )
    np.testing.assert_allclose(model.test_on_batch(X, Y), whole, rtol=1e-6)


def test_evaluate_and_predict_do_not_change_the_model():
    model = model_of(LSTM(3, dropout=0.5), Dense(1))
    before = model.get_weights()
    first = model.predict(X, batch_size=3)
    np.testing.assert_array_equal(first, model.predict(X))
    np.testing.assert_array_equal(first, model.predict_on_batch(X))
    np.testing.assert_array_equal(first, model(X))
    model.evaluate(X, Y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


def test_predict_concatenates_batches_of_every_output():
    x = Input((4, 2))
    h = GRU(3)(x)
    model = Model(x, [Dense(1)(h), h])
    y, last = model.predict(X, batch_size=3)
    assert (y.shape, last.shape) == ((10, 1), (10, 3))
    np.testing.assert_array_equal(model.predict([(X[:5],), (X[5:], Y[5:])])[1], last)
    np.testing.assert_array_equal(model.predict(X, batch_size=2, steps=3)[0], y[:6])
