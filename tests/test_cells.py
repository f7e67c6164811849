"""Tests of one step of every cell: its equations and its constants."""

import numpy as np
import pytest
from support.cases import (
    EVERY_ACTIVATION,
    OPTIONS,
    REPRESENTATIVES,
    VARIANTS,
    activation_name,
    assert_gradient,
    central_differences,
)

from seqfuse._activations import DEFINITIONS, parse
from seqfuse._cells import CELLS, Weights, variants

B, I, H = 3, 2, 5
EACH_CELL = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


def draw_step(cell, options, dtype=np.float64, rows=B, features=I, peephole=False):
    """Sample x, states, weights, gradients of the new states, and options of a step."""
    rng = np.random.default_rng(0)
    G = len(cell.gates)
    shapes = [(features, G * H), cell.shape_of_U(H), (G * H,), (G * H,), (3, H) if peephole else None]
    weights = Weights(*(None if shape is None else rng.normal(size=shape).astype(dtype) for shape in shapes))
    x = rng.normal(size=(rows, features)).astype(dtype)
    states = tuple(rng.normal(size=(rows, H)).astype(dtype) for _ in cell.states)
    dstates = tuple(rng.normal(size=(rows, H)).astype(dtype) for _ in cell.states)
    given = {name: parse("", name, value) if name in cell.activations else value for name, value in options.items()}
    if "recurrent_mask" in given:
        given["recurrent_mask"] = (rng.random(size=(rows, H)) < 0.75).astype(dtype) / dtype(0.75)
    return x, states, weights, dstates, cell.step_options(**given)


def step_options(settings):
    """Return the settings that affect a single step."""
    driver = ("checkpoint", "lengths", "mask", "reverse", "batch_first", "peephole")
    return {setting.option: setting.value for setting in settings if setting.option not in driver}


@pytest.mark.parametrize("peephole", [False, True], ids=["", "peephole"])
@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_cell_backward_matches_central_differences_of_one_step(cell, options, peephole):
    x, states, weights, dstates, act = draw_step(cell, options, peephole=peephole and "peephole" in cell.accepts)

    def loss():
        after, _ = cell.forward(x, states, weights, act)
        return sum((s * d).sum() for s, d in zip(after, dstates))

    _, saved = cell.forward(x, states, weights, act)
    dx, dbefore, dweights = cell.backward(x, states, weights, saved, dstates, act)
    assert_gradient("dx", dx, central_differences(loss, x))
    for name, state, gradient in zip(cell.states, states, dbefore):
        assert_gradient(f"d{name}", gradient, central_differences(loss, state))
    for name, weight, gradient in zip(Weights._fields, weights, dweights):
        assert (weight is None) == (gradient is None), name
        if weight is not None:
            assert_gradient(f"d{name}", gradient, central_differences(loss, weight))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize(("cell", "settings"), OPTIONS)
def test_cell_computes_in_the_type_of_its_inputs(cell, settings, dtype):
    x, states, weights, dstates, act = draw_step(
        cell, step_options(settings), dtype, peephole="peephole" in cell.accepts
    )
    after, saved = cell.forward(x, states, weights, act)
    dx, dbefore, dweights = cell.backward(x, states, weights, saved, dstates, act)
    results = (*after, *saved, dx, *dbefore, *dweights)
    assert {a.dtype for a in results if a is not None} == {np.dtype(dtype)}


@pytest.mark.parametrize(("cell", "settings"), OPTIONS)
def test_cell_takes_no_rows_and_no_inputs(cell, settings):
    x, states, weights, _, act = draw_step(cell, step_options(settings), rows=0, features=0)
    after, saved = cell.forward(x, states, weights, act)
    dx, _, dweights = cell.backward(x, states, weights, saved, after, act)
    assert after[0].shape == (0, H)
    assert dx.shape == (0, 0)
    assert [np.shape(d) for d in dweights] == [np.shape(w) for w in weights]


@pytest.mark.parametrize(("cell", "settings"), OPTIONS)
def test_cell_saves_its_gates_first_and_then_their_pre_activations(cell, settings):
    x, states, weights, _, act = draw_step(cell, step_options(settings))
    _, saved = cell.forward(x, states, weights, act)
    G = len(cell.gates)
    for name, gate, a in zip(cell.gates, saved[:G], saved[G : 2 * G], strict=True):
        f = act.activation if name in ("h", "g", "n") else act.recurrent_activation
        clamped = a if act.clip is None else np.clip(a, -act.clip, act.clip)
        np.testing.assert_array_equal(gate, f.value(clamped))


@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_clip_passes_nan_and_stops_the_gradient_outside_but_not_at_its_ends(cell, options):
    x, states, weights, _, _ = draw_step(cell, options, rows=1)
    act = cell.step_options(**options, clip=0.5)
    a = np.array([[-np.inf, -0.6, -0.5, 0.0, 0.5, 0.6, np.inf, np.nan]])
    for f, slope in ((act.activated, act.activation_slope), (act.recurrent, act.recurrent_slope)):
        y = f(a)
        np.testing.assert_array_equal(y[0, :3], y[0, 2])
        np.testing.assert_array_equal(y[0, 4:7], y[0, 4])
        assert np.isnan(y[0, 7])
        np.testing.assert_array_equal(slope(a, y)[0, [0, 1, 5, 6]], 0)
        assert slope(a, y)[0, 4] != 0
    x[...] = np.nan
    assert np.isnan(cell.forward(x, states, weights, act)[0][0]).all()


def test_variants_cover_every_option_of_every_cell():
    found = [(cell.name, tuple(options.items())) for cell, options in variants()]
    assert len(set(found)) == len(found) == 1 + 1 + 4 + 1 + 1
    assert found[0] == ("rnn", ())
    assert found[2] == ("gru", (("reset_after", True), ("update_gate", "previous")))  # the defaults come first


@EACH_CELL
def test_gate_orders_of_other_libraries_are_permutations(cell):
    assert set(cell.peer_gates) == (set() if cell.name in ("indrnn", "mingru") else {"pytorch", "onnx"})
    for peer, order in cell.peer_gates.items():
        assert sorted(order) == sorted(cell.gates)
        theirs = np.repeat([cell.gates.index(gate) for gate in order], H)
        np.testing.assert_array_equal(theirs[cell.columns_from(peer, H)], np.repeat(np.arange(len(order)), H))


@EACH_CELL
def test_settings_go_over_every_option_and_every_activation(cell):
    settings = [param.values[1][0] for param in OPTIONS if param.values[0] is cell]
    names = {*cell.activations, *cell.accepts, *cell.options, "checkpoint", "lengths", "mask", "reverse", "batch_first"}
    assert {setting.option for setting in settings} == names
    representatives = {activation_name(function) for function in REPRESENTATIVES}
    for argument, default in cell.activations.items():
        found = {activation_name(setting.value) for setting in settings if setting.option == argument}
        assert found == representatives - {default.name}
        every = [p.values[1][0] for p in EVERY_ACTIVATION if p.values[0] is cell and p.values[1][0].option == argument]
        if cell.name in ("lstm", "mingru"):
            assert {activation_name(setting.value) for setting in every} | {default.name} == set(DEFINITIONS)
