"""Holds what a summary says."""

import numpy as np

from seqfuse.layers import GRU, LSTM, Add, Dense, Input
from seqfuse.models import Model, Sequential


def summary(model, **options):
    lines = []
    model.summary(print_fn=lines.append, **options)
    return lines


def test_a_sequential_has_a_row_a_layer():
    model = Sequential([Input((10, 1), name="in"), LSTM(64, name="l"), Dense(1, name="d")], name="m")
    assert summary(model) == [
        'Model: "m"',
        "Layer (type)    | Output shape  | Parameters",
        "----------------+---------------+-----------",
        "in (InputLayer) | (None, 10, 1) |          0",
        "l (LSTM)        | (None, 64)    |     16,896",
        "d (Dense)       | (None, 1)     |         65",
        "16,961 parameters (67.8 kB): 16,961 trainable, 0 not",
    ]


def test_a_graph_says_what_is_connected_to_what_and_what_is_shared():
    a, b = Input((4, 2), name="a"), Input((4, 2), name="b")
    shared = GRU(3, name="shared", return_state=True)
    (ya, _), (yb, hb) = shared(a), shared(b)
    model = Model([a, b], Add(name="sum")([ya, yb, hb]))
    rows = {line.split(" ")[0]: line for line in summary(model)[3:-1] if not line.startswith("shared")}
    assert rows["sum"].endswith("| shared, shared, shared")
    calls = [line for line in summary(model) if line.startswith("shared")]
    assert len(calls) == 2
    assert calls[1].split("|")[2].strip() == "shared"
    assert "(None, 3), (None, 3)" in calls[0]


def test_frozen_weights_are_counted_apart():
    model = Sequential([Input((3,)), Dense(2, trainable=False), Dense(1)])
    assert summary(model)[-1] == "11 parameters (44 bytes): 3 trainable, 8 not"
    assert max(map(len, summary(model, line_length=90))) == 90


def test_a_model_without_shapes_says_so(capsys):
    model = Sequential([Dense(2)], name="late")
    model.summary()
    assert capsys.readouterr().out.splitlines() == [
        'Model: "late"',
        "not built: call it, or start it with an Input, and it has shapes and parameters",
    ]
    model.predict(np.zeros((1, 3)))
    assert summary(model)[-1].startswith("8 parameters")
