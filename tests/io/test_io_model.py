"""Tests of saved models: loaded models continue with the same bits."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from saved_models import MODELS, inputs_and_targets, same_bits

import seqfuse as sf
from seqfuse import _backend
from seqfuse import layers as L
from seqfuse.callbacks import ModelCheckpoint
from seqfuse.models import Model, Sequential, load_model
from seqfuse.optimizers import Optimizer


def trained(name, epochs=2):
    sf.utils.set_random_seed(11)
    model = MODELS[name]()
    x, y = inputs_and_targets(name)
    if epochs:
        model.fit(x, y, 4, epochs=epochs, verbose=0)
    return model, x, y


def run_in_folder(code, folder, **environment):
    """Return the output of code in a new interpreter with this working directory."""
    source = [sys.executable, "-c", textwrap.dedent(code)]
    environment = os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(sf.__file__))} | environment
    return subprocess.run(source, capture_output=True, text=True, cwd=folder, env=environment, check=True).stdout


@pytest.mark.parametrize("name", MODELS)
def test_load_model_goes_on_with_the_same_bits(name, tmp_path):
    model, x, y = trained(name, 3)
    model.save(tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    assert same_bits(model.get_weights(), again.get_weights())
    assert type(again) is type(model)
    assert again.name == model.name
    assert again.optimizer.iterations == model.optimizer.iterations
    history = model.fit(x, y, 4, initial_epoch=3, epochs=6, verbose=0)
    history_again = again.fit(x, y, 4, initial_epoch=3, epochs=6, verbose=0)
    assert history.history == history_again.history
    assert same_bits(model.get_weights(), again.get_weights())
    assert same_bits(model.predict(x, 4), again.predict(x, 4))


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"started_by_the_first_array"}))  # an average replaces weights
def test_fit_saved_and_loaded_between_equals_one_fit(name, tmp_path):
    whole, _, _ = trained(name, 4)
    half, x, y = trained(name, 2)
    half.save(tmp_path / "half")
    del half
    rest = load_model(tmp_path / "half")
    rest.fit(x, y, 4, initial_epoch=2, epochs=4, verbose=0)
    assert same_bits(whole.get_weights(), rest.get_weights())


@pytest.mark.parametrize("name", MODELS)
def test_model_that_was_not_trained_is_saved(name, tmp_path):
    model, x, y = trained(name, 0)
    model.save(tmp_path / "new")
    again = load_model(tmp_path / "new")
    for one in (model, again):
        one.fit(x, y, 4, verbose=0)
    assert same_bits(model.get_weights(), again.get_weights())


@pytest.mark.parametrize("name", MODELS)
def test_from_config_makes_the_same_model_with_other_weights(name):
    model, x, _ = trained(name, 0)
    again = type(model).from_config(model.get_config())
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    assert not any(one is other for one in again.layers for other in model.layers)
    again.set_weights(model.get_weights())
    assert same_bits(model.predict(x, 4), again.predict(x, 4))
    assert again.count_params() == model.count_params()


def test_load_model_without_compile_is_a_model_that_is_not_compiled(tmp_path):
    model, _, _ = trained("in_float64", 1)
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model", compile=False)
    assert again._objective is None
    with pytest.raises(RuntimeError, match="the model must be compiled first"):
        again.fit(np.zeros((1, 6, 3)), np.zeros((1, 2)))
    again.set_weights([array * 0 for array in again.get_weights()])
    assert not again.get_weights()[0].any()


def test_learning_rate_of_now_and_frozen_layers_are_saved(tmp_path):
    model, _, _ = trained("sequential", 1)
    model.optimizer.learning_rate = 0.125
    model.layers[0].trainable = False
    model.compile(model.optimizer.from_config(model.optimizer.get_config()), "mse")
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.optimizer.learning_rate == 0.125
    assert [layer.trainable for layer in again.layers] == [False, True, True, True]


def test_weights_that_were_excluded_from_decay_stay_excluded(tmp_path):
    model, _, _ = trained("started_by_the_first_array", 0)
    model.save(tmp_path / "model")
    paths = [weight.path for weight in model.weights]
    excluded = load_model(tmp_path / "model").optimizer.excluded(paths)
    assert excluded == [path for path in paths if path.endswith("bias")]


def test_layers_of_one_name_in_two_models_are_both_saved(tmp_path):
    def inner(value):
        x = L.Input((2,))
        return Model(x, L.Dense(2, name="dense", kernel_initializer=value)(x))

    x = L.Input((2,))
    model = Model(x, L.Add()([inner("zeros")(x), inner("ones")(x)]))
    model.save(tmp_path / "model")
    assert same_bits(load_model(tmp_path / "model").get_weights(), model.get_weights())


def test_layer_shared_by_two_models_is_shared_again(tmp_path):
    x, u = L.Input((2,)), L.Input((2,))
    dense = L.Dense(2)
    inner = Model(u, dense(u))
    model = Model(x, L.Add()([inner(x), dense(x)]))
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert len(again.weights) == len(model.weights) == 2


class Scale(L.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def forward(self, x, training=False, mask=None, *, keep=True):
        return self.prepare_input(x) * self._dtype.type(self.factor), None

    def backward(self, tape, dy, *, need_dx=True, into=None):
        return dy * self._dtype.type(self.factor), []


def worst(y_true, y_pred):
    return np.abs(y_true - y_pred).max(-1)


def test_own_classes_and_functions_are_found_in_custom_objects(tmp_path):
    model = Sequential([L.Input((2,)), Scale(3.0), L.Dense(1)])
    model.compile("sgd", "mse", metrics=[worst])
    model.save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"there is no 'Scale' in seqfuse.*custom_objects=\{'Scale': \.\.\.\}"):
        load_model(tmp_path / "model")
    again = load_model(tmp_path / "model", {"Scale": Scale, "worst": worst})
    assert again.layers[0].factor == 3.0
    x = np.ones((2, 2), np.float32)
    assert again.evaluate(x, x[:, :1], verbose=0) == model.evaluate(x, x[:, :1], verbose=0)


def test_own_classes_take_the_place_of_those_of_the_same_name(tmp_path):
    class Dense(L.Dense):
        pass

    Sequential([L.Input((2,)), L.Dense(1)]).save(tmp_path / "model")
    again = load_model(tmp_path / "model", {"layers.Dense": Dense})
    assert type(again.layers[0]) is Dense


def test_save_refuses_a_model_without_shapes_and_arguments_that_are_no_json(tmp_path):
    with pytest.raises(ValueError, match="the model must be built from Input and layers before save"):
        Sequential([L.Dense(2)]).save(tmp_path / "model")
    with pytest.raises(
        TypeError, match="save: an argument must be numbers, strings, or have a get_config; got <object"
    ):
        Sequential([L.Input((2,)), Scale(object())]).save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_weights_go_from_model_to_model_by_their_order(tmp_path):
    model, x, _ = trained("functional")
    model.save_weights(tmp_path / "weights")
    other, _, _ = trained("functional", 0)
    other.load_weights(tmp_path / "weights")
    assert same_bits(model.predict(x), other.predict(x))
    model.save(tmp_path / "model")
    third, _, _ = trained("functional", 0)
    third.load_weights(tmp_path / "model")
    assert same_bits(model.predict(x), third.predict(x))


def test_load_weights_refuses_what_does_not_fit(tmp_path):
    Sequential([L.Input((2,)), L.Dense(3)]).save_weights(tmp_path / "weights")
    model = Sequential([L.Input((2,)), L.Dense(4, kernel_initializer="ones")])
    with pytest.raises(ValueError, match=r"load_weights: .*weights must be .*kernel must be as in the file = \(2, 4\)"):
        model.load_weights(tmp_path / "weights")
    assert (model.get_weights()[0] == 1).all()
    with pytest.raises(ValueError, match=r"it has 2 weights, but .* has 3"):
        Sequential([L.Input((None, 2)), L.LSTM(4)]).load_weights(tmp_path / "weights")
    with pytest.raises(ValueError, match="it contains only weights"):
        load_model(tmp_path / "weights")


def test_load_model_takes_no_seed_from_the_process(tmp_path):
    model, _, _ = trained("in_float64", 0)
    model.save(tmp_path / "model")
    sf.utils.set_random_seed(3)
    load_model(tmp_path / "model", compile=False)
    first = L.Dense(3)(np.ones((1, 3)))
    sf.utils.set_random_seed(3)
    assert same_bits(first, L.Dense(3)(np.ones((1, 3))))


def test_every_optimizer_says_its_states_before_it_is_built():
    for kind in Optimizer.__subclasses__():
        optimizer = kind(use_ema=True, gradient_accumulation_steps=2)
        names = optimizer.state_names()
        optimizer.build("float32", [("kernel", 0, 3)])
        assert ["iteration", *names] == list(optimizer.state)


def test_model_checkpoint_saves_what_can_be_loaded(tmp_path):
    model, x, y = trained("sequential", 0)
    every = ModelCheckpoint(tmp_path / "all" / "{epoch:02d}-{loss:.1f}.safetensors")
    best = ModelCheckpoint(tmp_path / "best", "loss", save_best_only=True, mode="max", initial_value_threshold=1e9)
    batches = ModelCheckpoint(tmp_path / "batch{batch}", save_weights_only=True, save_freq=4)
    history = model.fit(x, y, 4, epochs=3, callbacks=[every, best, batches], verbose=0)
    names = [f"{i + 1:02d}-{loss:.1f}.safetensors" for i, loss in enumerate(history.history["loss"])]
    assert sorted(os.listdir(tmp_path / "all")) == names
    assert sorted(os.listdir(tmp_path)) == ["all", "batch1", "batch2"]  # of 9 batches the 4th and the 8th
    assert same_bits(load_model(tmp_path / "all" / names[-1]).get_weights(), model.get_weights())
    with pytest.raises(ValueError, match=r'filepath must be one of "epoch", "loss", "mae"; got .*\'val_loss\''):
        model.fit(x, y, callbacks=[ModelCheckpoint(tmp_path / "{val_loss}")], verbose=0)
    with pytest.warns(UserWarning, match="ModelCheckpoint: monitor must be one of"):
        model.fit(x, y, callbacks=[ModelCheckpoint(tmp_path / "best", save_best_only=True)], verbose=0)


def test_model_checkpoint_keeps_the_best(tmp_path):
    model, x, y = trained("in_float64", 0)
    model.fit(x, y, epochs=1, callbacks=[ModelCheckpoint(tmp_path / "a", "loss", save_best_only=True)], verbose=0)
    kept = model.get_weights()
    callback = ModelCheckpoint(tmp_path / "a", "loss", save_best_only=True, initial_value_threshold=0.0)
    model.fit(x, y, epochs=2, callbacks=[callback], verbose=0)
    assert same_bits(load_model(tmp_path / "a").get_weights(), kept)


@pytest.mark.skipif(len(_backend.available()) < 2, reason="one instruction set is here")
def test_model_saved_on_one_instruction_set_loads_on_another(tmp_path):
    model, x, _ = trained("sequential")
    model.save(tmp_path / "model")
    np.save(tmp_path / "x", x)
    code = """
        import numpy as np
        from seqfuse.models import load_model
        model = load_model("model")
        np.save("y", model.predict(np.load("x.npy")))
        model.save("again")
    """
    other = next(isa for isa in _backend.available() if isa != _backend.isa)
    run_in_folder(code, tmp_path, SEQFUSE_ISA=other)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(x), rtol=1e-5, atol=1e-6)
    assert same_bits(load_model(tmp_path / "again").get_weights(), model.get_weights())


def test_io_says_what_to_install_where_safetensors_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r'^save: safetensors must be installed. Run: pip install "seqfuse\[io\]"$'):
        Sequential([L.Input((2,)), L.Dense(1)]).save(tmp_path / "never")


def test_training_goes_on_where_another_model_has_taken_over_the_weights(tmp_path):
    shared, x, y = L.Dense(2), *np.random.default_rng(0).normal(size=(2, 8, 2))
    one, other = (Sequential([L.Input((2,)), shared]) for _ in range(2))
    for model in (one, other):
        model.compile("adam", "mse")
        model.train_on_batch(x, y)
    one.save(tmp_path / "one")
    again = load_model(tmp_path / "one")
    for model in (one, again):
        model.train_on_batch(x, y)
    np.testing.assert_array_equal(one.get_weights()[0], again.get_weights()[0])


def test_a_lambda_is_saved_with_a_warning(tmp_path):
    model = Sequential([L.Input((3,)), L.Dense(2, kernel_initializer=lambda shape, dtype: np.ones(shape, dtype))])
    path = tmp_path / "model.safetensors"
    with pytest.warns(UserWarning, match="a lambda has no name by which .* when loading: write it with def"):
        model.save(path)
    with pytest.raises(ValueError, match="there is no '<lambda>' in seqfuse"):
        load_model(path)
    again = load_model(path, custom_objects={"<lambda>": lambda shape, dtype: np.zeros(shape, dtype)})
    assert (again.get_weights()[0] == 1).all()


def test_save_of_a_model_that_another_thread_changes_writes_a_valid_file(tmp_path):
    model = Sequential([L.Input((64,)), L.Dense(512)])
    weights = [weight.value for weight in model.weights]
    stop = threading.Event()

    def change():
        while not stop.is_set():
            for value in weights:
                value += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(30):
            model.save_weights(tmp_path / "weights.safetensors")
            model.load_weights(tmp_path / "weights.safetensors")  # checks the checksum
    finally:
        stop.set()
        thread.join()
