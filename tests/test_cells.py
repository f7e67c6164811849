"""One step of every cell: its equations and its table of constants."""

import numpy as np
import pytest
from cases import VARIANTS, assert_gradient, central_differences

from seqfuse._cells import CELLS, Weights, sigmoid, variants

pytestmark = pytest.mark.once

B, I, H = 3, 2, 5


def draw_step(cell, dtype=np.float64):
    rng = np.random.default_rng(0)
    G = len(cell.gates)
    weights = Weights(*(rng.normal(size=shape).astype(dtype) for shape in ((I, G * H), (H, G * H), G * H, G * H)))
    x = rng.normal(size=(B, I)).astype(dtype)
    states = tuple(rng.normal(size=(B, H)).astype(dtype) for _ in cell.states)
    dstates = tuple(rng.normal(size=(B, H)).astype(dtype) for _ in cell.states)
    return x, states, weights, dstates


@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_cell_backward_matches_central_differences_of_one_step(cell, options):
    x, states, weights, dstates = draw_step(cell)

    def loss():
        after, _ = cell.forward(x, states, weights, **options)
        return sum((s * d).sum() for s, d in zip(after, dstates))

    _, saved = cell.forward(x, states, weights, **options)
    dx, dbefore, dweights = cell.backward(x, states, weights, saved, dstates, **options)
    assert_gradient("dx", dx, central_differences(loss, x))
    for name, state, gradient in zip(cell.states, states, dbefore):
        assert_gradient(f"d{name}", gradient, central_differences(loss, state))
    for name, weight, gradient in zip(Weights._fields, weights, dweights):
        assert_gradient(f"d{name}", gradient, central_differences(loss, weight))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_cell_computes_in_the_type_of_its_inputs(cell, options, dtype):
    x, states, weights, dstates = draw_step(cell, dtype)
    after, saved = cell.forward(x, states, weights, **options)
    dx, dbefore, dweights = cell.backward(x, states, weights, saved, dstates, **options)
    assert {a.dtype for a in (*after, *saved, dx, *dbefore, *dweights)} == {np.dtype(dtype)}


@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_cell_takes_no_rows_and_no_inputs(cell, options):
    G = len(cell.gates)
    weights = Weights(np.zeros((0, G * H)), np.zeros((H, G * H)), np.zeros(G * H), np.zeros(G * H))
    x, states = np.zeros((0, 0)), (np.zeros((0, H)),) * len(cell.states)
    after, saved = cell.forward(x, states, weights, **options)
    dx, _, dweights = cell.backward(x, states, weights, saved, after, **options)
    assert after[0].shape == (0, H)
    assert dx.shape == (0, 0)
    assert [d.shape for d in dweights] == [w.shape for w in weights]


def test_sigmoid_keeps_its_range_and_the_infinities():
    a = np.array([-np.inf, -1e30, -800, 0, 800, 1e30, np.inf])
    np.testing.assert_array_equal(sigmoid(a), [0, 0, 0, 0.5, 1, 1, 1])
    assert np.isnan(sigmoid(np.array([np.nan]))).all()
    assert sigmoid(np.float32([-80]))[0] == pytest.approx(np.exp(-80), rel=1e-6)


def test_variants_cover_every_option_of_every_cell():
    found = [(cell.name, tuple(options.items())) for cell, options in variants()]
    assert len(set(found)) == len(found) == 1 + 1 + 4
    assert found[0] == ("rnn", ())
    assert found[2] == ("gru", (("reset_after", True), ("update_gate", "previous")))  # the defaults come first


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_foreign_orders_are_permutations_of_the_gates(cell):
    assert set(cell.foreign) == {"pytorch", "onnx"}
    for peer, order in cell.foreign.items():
        assert sorted(order) == sorted(cell.gates)
        theirs = np.repeat([cell.gates.index(gate) for gate in order], H)
        np.testing.assert_array_equal(theirs[cell.columns_from(peer, H)], np.repeat(np.arange(len(order)), H))
