"""Tests of Model.stream: equality with predict, its state, and models that cannot run step by step."""

import numpy as np
import pytest

import seqfuse as sf
from seqfuse import layers as L
from seqfuse.models import Model, Sequential

T, B = 7, 3
rng = np.random.default_rng(4)
x = rng.normal(size=(B, T, 5)).astype(np.float32)
ids = rng.integers(1, 9, (B, T))


def chain(*chained, shape=(None, 5)):
    model = Sequential([L.Input(shape), *chained])
    randomize(model)
    return model


def randomize(model):
    """Set all weights, also biases and gammas, to random values that differ from their initial ones."""
    values = np.random.default_rng(1)
    model.set_weights([values.normal(size=array.shape) * 0.5 for array in model.get_weights()])


def rnn(layer=L.LSTM, units=6, **options):
    """Return a recurrent layer that returns its outputs at all steps."""
    return layer(units, return_sequences=True, **options)


def branches():
    """Return a model with two inputs and outputs, a shared layer, a nested model, states as outputs and a skip."""
    a, b, u = L.Input((None, 5), name="a"), L.Input((None, 5), name="b"), L.Input((None, 4))
    inner = Model(u, [L.Dense(4, "relu")(u), rnn(L.SimpleRNN, 4)(u)])
    shared = L.GRU(4, return_sequences=True, return_state=True)
    (ya, _), (yb, hb) = shared(a), shared(b)
    p, q = inner(L.Multiply()([ya, yb]))
    model = Model([a, b], [L.Readout(3, "softmax")([L.Concatenate()([p, q]), a]), L.Dense(2, "tanh")(hb)])
    randomize(model)
    return model


MODELS = {
    "simple rnn": lambda: chain(rnn(L.SimpleRNN, 3)),
    "lstm and dense": lambda: chain(rnn(), L.Dense(2)),
    "article": lambda: chain(L.LSTM(6), L.Dense(2), L.Activation("relu")),
    "stack": lambda: chain(rnn(L.GRU), L.Dropout(0.5), rnn(L.LSTM), L.Dense(4, "softmax"), rnn(L.SimpleRNN, 70)),
    "gru before": lambda: chain(rnn(L.GRU, 9, reset_after=False, update_gate="candidate", activation="elu")),
    "no bias": lambda: chain(rnn(L.LSTM, use_bias=False, dropout=0.3, recurrent_dropout=0.3, stateful=False)),
    "float64": lambda: chain(rnn(L.LSTM, dtype="float64"), L.Dense(2, "gelu", dtype="float64")),
    "norm": lambda: chain(L.LayerNormalization(), rnn(L.GRU), L.LayerNormalization(), L.ReLU(0.5), L.Softmax()),
    "masking": lambda: chain(L.Masking(-9.0), rnn(L.GRU), L.Dense(2)),
    "time distributed": lambda: chain(L.TimeDistributed(L.Dense(3, "tanh")), rnn()),
    "words": lambda: chain(L.Embedding(9, 4), rnn(L.LSTM), L.Dense(9, "softmax"), shape=(None,)),
    "masked words": lambda: chain(L.Embedding(9, 4, mask_zero=True), L.GRU(4), L.Dense(9), shape=(None,)),
    "nested": lambda: chain(chain(rnn(L.GRU, 4), L.Dense(5)), chain(rnn(L.LSTM, 4), L.Dense(2))),
    "a model of states": lambda: chain(L.GRU(4), L.RepeatVector(2), rnn(L.GRU, 3), L.Flatten()),
    "images": lambda: chain(
        L.Dense(3), L.TimeDistributed(L.Flatten()), rnn(L.GRU, 4), shape=(None, 5, 1)
    ),
    "convolution": lambda: chain(
        *(L.Conv1D(4, 3, padding="causal", activation="relu"), L.Conv1D(4, 2, padding="causal", dilation_rate=2)),
        *(L.Conv1D(6, 1, padding="causal"), rnn(L.GRU, 4), L.Dense(2)),
    ),
    "branches": branches,
}  # fmt: skip


def inputs_of(name):
    if "words" in name:
        return ids
    if name == "branches":
        return [x, x[::-1].copy()]
    return x[..., None] if name == "images" else x


def at(given, t):
    return [one[:, t] for one in given] if isinstance(given, list) else given[:, t]


def up_to(given, t):
    return [one[:, : t + 1] for one in given] if isinstance(given, list) else given[:, : t + 1]


def last(output):
    """Return the last step of an output with a time axis, and any other output as it is."""
    return output[:, -1] if output.ndim == 3 else output


def listed(value):
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", MODELS)
def test_stream_step_is_bitwise_equal_to_predict(name):
    model, given = MODELS[name](), inputs_of(name)
    stream = model.stream(B)
    for t in range(T):
        y = stream.step(at(given, t))
        for one, whole in zip(listed(y), listed(model.predict(up_to(given, t)))):
            assert one.tobytes() == last(whole).tobytes()
            assert one.dtype == whole.dtype


@pytest.mark.parametrize("name", MODELS)
def test_stream_step_of_one_sequence_is_bitwise_equal_to_its_row_in_a_batch(name):
    model, given = MODELS[name](), inputs_of(name)
    whole = listed(model.predict(given))
    with sf.num_threads(2):
        stream = model.stream()
        for t in range(T):
            y = stream.step([one[1:2] for one in at(given, t)] if isinstance(given, list) else at(given, t)[1:2])
    for one, all_rows in zip(listed(y), whole):
        assert one.tobytes() == last(all_rows)[1:2].tobytes()


def test_stream_resets_rows_and_continues_from_a_saved_state():
    model = MODELS["stack"]()
    stream = model.stream(B)
    first = stream.step(x[:, 0])
    state = stream.state
    assert [type(one) for one in state] == [np.ndarray, tuple, np.ndarray]
    second = stream.step(x[:, 1])
    stream.state = state
    assert stream.step(x[:, 1]).tobytes() == second.tobytes()
    stream.reset([1])
    y = stream.step(x[:, 0])
    assert y[1].tobytes() == first[1].tobytes()
    assert y[0].tobytes() != first[0].tobytes()
    stream.reset()
    assert stream.step(x[:, 0]).tobytes() == first.tobytes()
    with pytest.raises(ValueError, match=r"state must be a list of 3 states; got 1"):
        stream.state = state[:1]


@pytest.mark.parametrize("name", ["stack", "norm", "words", "convolution", "branches"])
def test_stream_keeps_its_weights_when_the_model_changes(name):
    model, given = MODELS[name](), inputs_of(name)
    stream, before = model.stream(B), listed(model.predict(up_to(given, 0)))
    model.set_weights([array + 1 for array in model.get_weights()])
    for one, whole in zip(listed(stream.step(at(given, 0))), before):
        assert one.tobytes() == last(whole).tobytes()


def elementwise(layer):
    a, b = L.Input((None, 5)), L.Input((None, 5))
    return Model([a, b], layer([rnn(L.GRU, 5)(a), b]))


def with_states():
    a = L.Input((None, 5))
    y, h = L.GRU(5, return_sequences=True, return_state=True)(a)
    return Model(a, L.GRU(5)(y, initial_state=h))


def mixed():
    a = L.Input((None, 5))
    return Model(a, L.Add()([rnn(L.GRU, 5)(a), L.GRU(5)(a)]))


REJECTED = {
    "bidirectional": (lambda: chain(L.Bidirectional(rnn())), r"Bidirectional.*: it reads a sequence from both ends"),
    "pooling": (lambda: chain(rnn(), L.GlobalAveragePooling1D()), "it needs all steps at once"),
    "backwards": (lambda: chain(rnn(go_backwards=True, name="back")), r"got back \(LSTM\): go_backwards begins with"),
    "reshape": (lambda: chain(L.Reshape((5, 4)), shape=(4, 5)), "it moves elements from step to step"),
    "flatten": (lambda: chain(L.Flatten(), shape=(4, 5)), "it moves elements from step to step"),
    "initial state": (with_states, "its initial states are inputs"),
    "states and steps": (mixed, "one of its inputs has steps, and another one has none"),
    "concatenated in time": (lambda: elementwise(L.Concatenate(axis=1)), "its axis is the time axis"),
    "softmax in time": (lambda: chain(L.Softmax(axis=1)), "its axis is the time axis"),
    "norm in time": (lambda: chain(L.LayerNormalization(axis=[1, 2]), shape=(4, 5)), "its axes include the time axis"),
    "dense in time": (lambda: chain(L.Dense(2), shape=(5,)), "the last axis of its input is the time axis"),
    "attention": (lambda: elementwise(L.Attention()), "it needs other steps; see seqfuse.functional.KVCache"),
    "looking ahead": (lambda: chain(L.Conv1D(3, 3, padding="same")), "its windows include later steps or skip steps"),
    "inside": (lambda: chain(chain(L.Bidirectional(rnn()))), "it reads a sequence from both ends"),
}  # fmt: skip


@pytest.mark.parametrize("name", REJECTED)
def test_stream_names_the_layer_and_the_reason_when_a_layer_cannot_run_step_by_step(name):
    make, reason = REJECTED[name]
    with pytest.raises(ValueError, match=rf"stream needs layers whose output at a step .*{reason}"):
        make().stream()


def test_stream_step_rejects_inputs_that_are_not_one_step():
    stream = MODELS["lstm and dense"]().stream(B)
    first = stream.step(x[:, 0])
    with pytest.raises(
        ValueError, match=r"x must be \(batch, ...\) = \(3, 5\); got \(3, 1, 5\). A step has no time axis"
    ):
        stream.step(x[:, :1])
    stream.reset()
    odd = np.frombuffer(b"?" + x[:, 0].tobytes(), np.float32, offset=1).reshape(B, 5)  # neither aligned nor writeable
    assert stream.step(odd).tobytes() == first.tobytes()
    stream.reset()
    assert stream.step(x[:, 0].astype(">f8")).tobytes() == first.tobytes()
    stream.reset()
    assert stream.step(x[:, 0].tolist()).tobytes() == first.tobytes()
    with pytest.raises(ValueError, match="the model must be built before stream"):
        Sequential([L.Dense(2)]).stream()
    with pytest.raises(ValueError, match=r"inputs of a stream must be \(batch, T, ...\)"):
        Model(a := L.Input(()), L.Dropout(0.5)(a)).stream()
    with pytest.raises(ValueError, match="x must be a list of 2 inputs; got 3"):
        branches().stream(B).step([x[:, 0]] * 3)


def test_stream_step_accepts_a_dict_and_a_missing_feature_axis():
    stream, again = branches().stream(B), branches().stream(B)
    y, z = stream.step([x[:, 0], x[:, 1]]), again.step({"b": x[:, 1], "a": x[:, 0]})
    assert [one.tobytes() for one in y] == [one.tobytes() for one in z]
    one = chain(rnn(L.GRU), shape=(None, 1))
    assert one.stream(B).step(x[:, 0, :1]).tobytes() == one.stream(B).step(x[:, 0, 0]).tobytes()


def test_stream_step_rejects_padding_and_keeps_its_state():
    stream = MODELS["masked words"]().stream(B)
    with pytest.raises(ValueError, match=r"embedding.*: a step must be valid in every row; got padding"):
        stream.step([1, 0, 2])
    a, b = L.Input((None, 5)), L.Input((None,))
    words = L.Embedding(9, 5, mask_zero=True)(b)
    model = Model([a, b], L.Add()([rnn(L.GRU, 5)(a), words]))
    stream, again = model.stream(B), model.stream(B)
    with pytest.raises(ValueError, match="got padding"):
        stream.step([x[:, 0], [1, 0, 2]])
    assert stream.step([x[:, 0], ids[:, 0]]).tobytes() == again.step([x[:, 0], ids[:, 0]]).tobytes()


def test_stream_of_a_convolution_resets_rows_and_continues_from_a_saved_state():
    model = chain(L.Conv1D(4, 3, padding="causal", dilation_rate=2))
    stream, other = model.stream(B), model.stream(B)
    for t in range(5):
        stream.step(x[:, t])
    assert stream.state[0].shape == (B, 4, 5)
    other.state = stream.state
    other.reset([1])
    y, whole = other.step(x[:, 5]), model.predict(x[:, :6])[:, -1]
    assert y[[0, 2]].tobytes() == whole[[0, 2]].tobytes()
    assert y[1].tobytes() == model.predict(x[:, 5:6])[1, 0].tobytes()
    assert stream.step(x[:, 5]).tobytes() == whole.tobytes()  # states are copied: other.reset did not change stream
    with pytest.raises(ValueError, match=r"stream: state must be \(batch, steps, features\) = \(3, 4, 5\)"):
        stream.state = [np.zeros((3, 4, 4))]
