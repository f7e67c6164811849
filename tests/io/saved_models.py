"""Models of many kinds to save, by name. Every call creates a new model with the seeds of the process."""

import numpy as np

from seqfuse import layers as L
from seqfuse.initializers import Constant, HeNormal
from seqfuse.losses import Huber
from seqfuse.models import Model, Sequential
from seqfuse.optimizers import SGD, AdamW, schedules
from seqfuse.regularizers import L1L2


def sequential():
    model = Sequential(
        [
            L.Input((6, 3)),
            L.LSTM(5, return_sequences=True, dropout=0.2, recurrent_dropout=0.1),
            L.Dropout(0.3),
            L.GRU(4, activation=("leaky_relu", 0.25)),
            L.Dense(2, kernel_initializer=HeNormal(seed=3), kernel_regularizer=L1L2(1e-3, 1e-3)),
        ],
        name="chain",
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def started_by_the_first_array():
    model = Sequential([L.SimpleRNN(4, return_sequences=True), L.Flatten(), L.Dense(2, bias_initializer=Constant(0.5))])
    model(np.zeros((1, 6, 3), np.float32))
    optimizer = AdamW(schedules.CosineDecay(0.01, 50), use_ema=True, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer, Huber(0.5), metrics=["mse"])
    return model


def functional():
    """Return a model with two inputs and outputs, a layer and a model called twice, and states as outputs."""
    a, b = L.Input((6, 3), name="a"), L.Input((6, 3), name="b")
    inner_in = L.Input((6, 3))
    inner = Model(inner_in, L.Dense(4, "tanh")(L.LayerNormalization()(inner_in)), name="inner")
    shared = L.GRU(4, return_sequences=True, return_state=True)
    (ya, ha), (yb, hb) = shared(inner(a)), shared(inner(b))
    both = L.Concatenate()([ya, yb])
    y = L.Readout(2, name="steps")([both, L.Dropout(0.2)(inner(a))])
    z = L.Dense(2, name="end")(L.Add()([ha, hb]))
    model = Model([a, b], {"first": y, "second": z}, name="functional")
    model.compile(
        SGD(0.05, momentum=0.9, gradient_accumulation_steps=2),
        {"first": "mse", "second": "mae"},
        loss_weights={"second": 0.5},
        metrics={"second": ["mse"]},
    )
    return model


def masked():
    x = L.Input((6,), dtype="int32")
    h = L.Embedding(9, 5, mask_zero=True)(x)
    h, state, cell = L.LSTM(4, return_sequences=True, return_state=True)(h)
    h = L.LSTM(4)(h, initial_state=[state, cell])
    model = Model(x, L.Dense(2, activation="softmax")(h))
    model.compile("rmsprop", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    return model


def stateful():
    model = Sequential([L.Input((6, 3), batch_size=4), L.GRU(5, stateful=True), L.Dense(2)])
    model.compile("adagrad", "mse")
    return model


def attentive():
    x = L.Input((6, 3))
    h = L.Bidirectional(L.LSTM(4, return_sequences=True, dropout=0.1), "sum")(x)
    h = L.TimeDistributed(L.Dense(4, "relu"))(h)
    h = L.MultiHeadAttention(2, 3, dropout=0.1)(h, h, use_causal_mask=True)
    h = L.Attention(use_scale=True)([h, h])
    model = Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(h)))
    model.compile("adam", "mse")
    return model


def in_float64():
    model = Sequential([L.Input((6, 3)), L.LSTM(4, dtype="float64"), L.Dense(2, dtype="float64")])
    model.compile(SGD(0.1, nesterov=True, momentum=0.5), "mse")
    return model


MODELS = {
    make.__name__: make
    for make in (sequential, started_by_the_first_array, functional, masked, stateful, attentive, in_float64)
}


def inputs_and_targets(name):
    """Return twelve samples for a model."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(12, 6, 3)).astype(np.float32)
    y = rng.normal(size=(12, 2)).astype(np.float32)
    if name == "functional":
        return [x, x[::-1].copy()], {"first": rng.normal(size=(12, 6, 2)).astype(np.float32), "second": y}
    if name == "masked":
        return rng.integers(0, 9, (12, 6)), rng.integers(0, 2, 12)
    return x, y


def flat(value):
    """Return the arrays in nested lists and dicts, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    return [array for one in value for array in flat(one)] if isinstance(value, list) else [value]


def same_bits(one, other):
    """Return whether the arrays in lists have the same bytes."""
    return [a.tobytes() for a in flat(one)] == [b.tobytes() for b in flat(other)]
