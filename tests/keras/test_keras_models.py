"""Compare whole models with Keras: training, validation, sample weights, history, and the order of weights."""

import keras
import numpy as np
import pytest
from beside import OURS, THEIRS, models

from seqfuse import optimizers

pytestmark = [
    # raised by variables of Keras with NumPy 2
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

N, T = 128, 6  # N and 3/4 N are multiples of the batch size 16, because JAX compiles for each shape


def rng(seed=0):
    return np.random.default_rng(seed)


X = rng().normal(size=(N, T, 3)).astype(np.float32)
Y = rng(1).normal(size=(N, 1)).astype(np.float32)
WORDS = np.where(np.arange(T) < rng(2).integers(1, T + 1, N)[:, None], rng(3).integers(1, 9, (N, T)), 0)
CLASSES = rng(4).integers(0, 4, N)


def assert_near(ours, theirs, rtol=2e-3, atol=2e-4):
    """Check that the weights of two trained models are close.

    The tolerance is large because Adam amplifies rounding errors: it divides gradients near zero by their own
    magnitude. A wrong term would still change the third digit, and `assert_same_numbers` checks the first epoch to the
    fifth digit.
    """
    for one, other, weight in zip(ours.get_weights(), theirs.get_weights(), ours.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol, err_msg=weight.path)


def assert_same_numbers(ours, theirs, rtol=2e-4):
    """Check that two dicts have the same names, in any order because Keras sorts them, and close numbers."""
    assert sorted(ours) == sorted(theirs)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=rtol, atol=1e-6, err_msg=name)


def fit_both(build, compiled, x, y, **options):
    """Train a model in both libraries, check that histories and weights are close, and return both models."""
    ours, theirs = models(build)
    for model in (ours, theirs):
        model.compile(**compiled)
    options = {"batch_size": 16, "epochs": 7, "shuffle": False, "verbose": 0, **options}
    histories = [model.fit(x, y, **options) for model in (ours, theirs)]
    first = [{name: values[0] for name, values in history.history.items()} for history in histories]
    assert_same_numbers(*first, rtol=2e-5)
    assert_same_numbers(*[history.history for history in histories])
    assert histories[0].epoch == histories[1].epoch
    assert_near(ours, theirs)
    return ours, theirs


def simple_rnn(K):
    return K.Sequential([K.L.Input((T, 3)), K.L.SimpleRNN(8), K.L.Dense(1)])


def lstm(K):
    return K.Sequential([K.L.Input((T, 3)), K.L.LSTM(8, return_sequences=True), K.L.LSTM(5), K.L.Dense(1, "tanh")])


def gru(K):
    regularizers = {"kernel_regularizer": "l1", "bias_regularizer": "l2"}
    return K.Sequential([K.L.Input((T, 3)), K.L.GRU(8, **regularizers), K.L.Dense(1, kernel_regularizer="l2")])


def bidirectional(K):
    return K.Sequential([K.L.Input((T, 3)), K.L.Bidirectional(K.L.LSTM(4)), K.L.Dense(1)])


@pytest.mark.parametrize("build", [simple_rnn, gru, bidirectional])
def test_fit_matches_keras_over_56_steps(build):
    ours, theirs = fit_both(build, {"optimizer": "adam", "loss": "mse"}, X, Y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0), rtol=1e-3, atol=1e-4)


def words_to_classes(K):
    L = K.L
    return K.Sequential([L.Input((T,)), L.Embedding(9, 6, mask_zero=True), L.LSTM(8), L.Dense(4, "softmax")])


def test_fit_and_evaluate_match_keras_with_a_masked_embedding_and_validation():
    compiled = {"optimizer": "rmsprop", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    ours, theirs = fit_both(words_to_classes, compiled, WORDS, CLASSES, validation_split=0.25)
    options = {"batch_size": 16, "verbose": 0}
    results = [model.evaluate(WORDS, CLASSES, return_dict=True, **options) for model in (ours, theirs)]
    assert_same_numbers(*results)
    values = [model.evaluate(WORDS, CLASSES, **options) for model in (ours, theirs)]
    np.testing.assert_allclose(*values, rtol=2e-4)


def words_to_words(K):
    L = K.L
    return K.Sequential(
        [L.Input((T,)), L.Embedding(9, 6, mask_zero=True), L.GRU(8, return_sequences=True), L.Dense(9, "softmax")]
    )


@pytest.mark.parametrize("weights", [None, rng(5).uniform(size=(N, T))], ids=["", "weighted"])
def test_fit_matches_keras_with_a_masked_loss_per_step(weights):
    compiled = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}
    fit_both(words_to_words, compiled, WORDS, WORDS, sample_weight=weights, epochs=4)


@pytest.mark.parametrize("weights", [None, rng(5).uniform(size=(N, T))], ids=["", "weighted"])
def test_evaluate_matches_keras_when_metrics_per_step_are_masked(weights):
    # only evaluate is compared: in fit on JAX, Keras does not pass masks to metrics, unlike on its other backends
    ours, theirs = models(words_to_words)
    for model in (ours, theirs):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    options = {"sample_weight": weights, "batch_size": 16, "verbose": 0, "return_dict": True}
    results = [model.evaluate(WORDS, WORDS, **options) for model in (ours, theirs)]
    assert_same_numbers(*results)


def test_fit_and_evaluate_match_keras_with_sample_weights_and_weighted_metrics():
    compiled = {"optimizer": "adam", "loss": "mae", "metrics": ["mse"], "weighted_metrics": ["mse", "mae"]}
    weights = rng(5).uniform(size=N).astype(np.float32)
    ours, theirs = fit_both(lstm, compiled, X, Y, sample_weight=weights)
    options = {"sample_weight": weights, "batch_size": 16, "verbose": 0, "return_dict": True}
    results = [model.evaluate(X, Y, **options) for model in (ours, theirs)]
    assert_same_numbers(*results)


def test_fit_matches_keras_with_class_weights():
    compiled = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}
    fit_both(words_to_classes, compiled, WORDS, CLASSES, class_weight={0: 2.0, 1: 0.5, 3: 0.0}, epochs=4)


def several_inputs_and_outputs(K):
    L = K.L
    a, b = L.Input((T, 3), name="a"), L.Input((4,), name="b")
    start = L.Dense(5, "tanh", name="start")(b)
    shared = L.GRU(5, return_sequences=True, return_state=True, name="shared")
    y, h = shared(a, initial_state=start)
    z = L.Add(name="residual")([L.Dense(5, name="over")(y), y])
    last = L.SimpleRNN(3, name="last")(z)
    p = L.Dense(1, name="p")(L.Concatenate(name="both")([last, h]))
    return K.Model([a, b], [p, L.Dense(4, "softmax", name="q")(h)])


def test_fit_matches_keras_with_several_inputs_and_outputs():
    compiled = {
        "optimizer": "adam",
        "loss": {"p": "mse", "q": "sparse_categorical_crossentropy"},
        "loss_weights": {"p": 0.3, "q": 1.5},
        "metrics": {"p": ["mae"], "q": ["accuracy", "sparse_categorical_crossentropy"]},
        "weighted_metrics": {"p": ["mae"], "q": []},
    }
    x = {"a": X, "b": rng(5).normal(size=(N, 4)).astype(np.float32)}
    y = {"p": Y, "q": CLASSES}
    ours, theirs = fit_both(several_inputs_and_outputs, compiled, x, y, validation_split=0.25)
    for one, other in zip(ours.predict(x), theirs.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    options = {"sample_weight": [rng(6).uniform(size=N), rng(7).uniform(size=N)]}
    options |= {"batch_size": 16, "verbose": 0, "return_dict": True}
    results = [model.evaluate([x["a"], x["b"]], [Y, CLASSES], **options) for model in (ours, theirs)]
    assert_same_numbers(*results)


def test_train_on_batch_and_test_on_batch_match_keras():
    ours, theirs = models(lstm)
    for model in (ours, theirs):
        model.compile("sgd", "mse", metrics=["mae"])
    for _ in range(3):
        results = [model.train_on_batch(X[:8], Y[:8], return_dict=True) for model in (ours, theirs)]
        assert_same_numbers(*results)
    assert_same_numbers(*[model.test_on_batch(X[:8], Y[:8], return_dict=True) for model in (ours, theirs)])
    values = [model.train_on_batch(X[:8], Y[:8]) for model in (ours, theirs)]
    np.testing.assert_allclose(*values, rtol=1e-4)


def test_fit_matches_keras_with_averaged_and_accumulated_updates():
    for options in ({"use_ema": True, "ema_momentum": 0.9}, {"gradient_accumulation_steps": 3}):
        ours, theirs = models(simple_rnn)
        for model, module in ((ours, optimizers), (theirs, keras.optimizers)):
            model.compile(module.Adam(0.01, **options), "mse")
            model.fit(X, Y, batch_size=16, epochs=4, shuffle=False, verbose=0)
        assert_near(ours, theirs)


# ---- order of weights ------------------------------------------------------------------------------------------------


def random_graph(K, seed):
    """Return inputs and outputs of a random graph with merged, shared and branching layers."""
    random = rng(seed)
    inputs = [K.L.Input((2,), name=f"i{i}") for i in range(random.integers(1, 4))]
    tensors, made = list(inputs), []
    for i in range(random.integers(3, 12)):
        kind = random.integers(0, 4)
        a, b = (tensors[random.integers(0, len(tensors))] for _ in range(2))
        if kind == 0 and a is not b:
            tensors.append(K.L.Add(name=f"n{i}")([a, b]))
        elif kind == 1 and made:
            tensors.append(made[random.integers(0, len(made))](a))
        else:
            made.append(K.L.Dense(2, name=f"n{i}"))
            tensors.append(made[-1](a))
    chosen = random.permutation(len(tensors) - len(inputs))[: random.integers(1, 4)] + len(inputs)
    return inputs, [tensors[i] for i in chosen]


@pytest.mark.parametrize("seed", range(40))
def test_model_orders_layers_and_weights_as_keras_does(seed):
    orders = []
    for K in (OURS, THEIRS):
        inputs, outputs = random_graph(K, seed)
        model = K.Model(inputs, outputs)
        orders.append(([layer.name for layer in model.layers], [weight.path for weight in model.weights]))
    assert orders[0][1] == orders[1][1]
    assert orders[0][0] == orders[1][0]


def test_nested_model_orders_weights_as_keras_does():
    def build(K):
        L = K.L
        a, x = L.Input((2,), name="a"), L.Input((2,), name="x")
        inside = K.Model(a, L.Dense(2, name="d1")(L.Dense(2, name="d2")(a)), name="inside")
        chain = K.Sequential([L.Input((2,)), L.Dense(2, name="d3"), L.Dense(2, name="d4")], name="chain")
        return K.Model(x, L.Add()([chain(L.Dense(2, name="d5")(x)), inside(inside(x))]))

    names = [[weight.path.split("/")[-2:] for weight in build(K).weights] for K in (OURS, THEIRS)]
    assert names[0] == names[1]
    ours, theirs = models(build)
    x = rng().normal(size=(5, 2)).astype(np.float32)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
