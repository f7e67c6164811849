"""Tests of Model.summary and of the repr of a model."""

import numpy as np
import pytest

from seqfuse.layers import GRU, LSTM, Add, Dense, Input
from seqfuse.models import Model, Sequential


def summary(model, **options):
    lines = []
    model.summary(print_fn=lines.append, **options)
    return lines


def test_summary_has_one_row_per_layer():
    model = Sequential([Input((10, 1), name="in"), LSTM(64, name="l"), Dense(1, name="d")], name="m")
    assert summary(model) == [
        'Model: "m"',
        "Layer (type)    | Output shape  | Parameters",
        "----------------+---------------+-----------",
        "in (InputLayer) | (None, 10, 1) |          0",
        "l (LSTM)        | (None, 64)    |     16,896",
        "d (Dense)       | (None, 1)     |         65",
        "16,961 parameters (67.8 kB): 16,961 trainable, 0 not trainable",
    ]


def test_summary_shows_connections_and_shared_layers():
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


def test_summary_counts_frozen_weights():
    model = Sequential([Input((3,)), Dense(2, trainable=False), Dense(1)])
    assert summary(model)[-1] == "11 parameters (44 bytes): 3 trainable, 8 not trainable"
    assert max(map(len, summary(model, line_length=90))) == 90


def test_summary_states_that_the_model_is_not_built(capsys):
    model = Sequential([Dense(2)], name="late")
    model.summary()
    assert capsys.readouterr().out.splitlines() == [
        'Model: "late"',
        "not built: call the model, or start it with an Input, to see shapes and parameters",
    ]
    model.predict(np.zeros((1, 3)))
    assert summary(model)[-1].startswith("8 parameters")


def test_repr_shows_size_shapes_optimizer_and_loss():
    model = Sequential([Input((10, 1)), LSTM(64), Dense(1)], name="m")
    assert repr(model) == '<Sequential "m": 2 layers, 16,961 parameters\n  (None, 10, 1) -> (None, 1)>'
    model.compile("adam", "mse")
    assert repr(model).splitlines()[2:] == ["  optimizer Adam(learning_rate=0.001), loss mse>"]


def test_repr_states_that_the_model_is_not_built():
    assert repr(Sequential([Dense(2)], name="late")) == '<Sequential "late": 1 layer, 0 parameters, not built>'


def test_repr_shows_all_inputs_and_outputs():
    a, b = Input((4, 2)), Input((4, 2))
    model = Model([a, b], [Add()([a, b]), Dense(3)(b)], name="two")
    assert repr(model).splitlines()[1] == "  (None, 4, 2), (None, 4, 2) -> (None, 4, 2), (None, 4, 3)>"


@pytest.mark.parametrize("compiled", [False, True], ids=["not compiled", "compiled"])
@pytest.mark.parametrize("build", ["sequential", "not built", "two inputs"])
def test_repr_is_at_most_4_short_lines(build, compiled):
    a, b = Input((4, 2)), Input((4, 2))
    model = {
        "sequential": lambda: Sequential([Input((10, 1)), LSTM(64), Dense(1)]),
        "not built": lambda: Sequential([LSTM(64), Dense(1)]),
        "two inputs": lambda: Model([a, b], [Dense(1, name="p")(Add()([a, b])), Dense(3, name="q")(b)]),
    }[build]()
    if compiled:
        model.compile("adam", {"p": "mse", "q": "mae"} if build == "two inputs" else "mse")
    lines = repr(model).splitlines()
    assert len(lines) <= 4
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith(f'<{type(model).__name__} "{model.name}": ')
    assert repr(model).endswith(">")
    assert ("optimizer Adam(learning_rate=0.001), loss " in repr(model)) == compiled
    assert " object at 0x" not in repr(model)
