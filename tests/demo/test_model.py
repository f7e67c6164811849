import numpy as np
import pytest

from seqfuse.demo import model
from seqfuse.demo.parameters import Sizes, initial, zeros

SIZES = Sizes(vocabulary=5, embedding=3, hidden=4)


@pytest.fixture
def chunk():
    """Inputs, targets (6, 2) and a state before them."""
    random = np.random.default_rng(1)
    x, target = random.integers(0, 5, (2, 6, 2))
    return x, target, (random.normal(size=(2, 4)), random.normal(size=(2, 4)))


@pytest.mark.parametrize("rate", [0.0, 0.25])
def test_backward_matches_central_differences(chunk, rate):
    x, target, state = chunk
    p, g = initial(SIZES, 0, np.float64), zeros(SIZES, np.float64)
    loss, _, tape = model.forward(p, x, target, state, rate=rate, seed=7)
    assert np.isfinite(loss)
    model.backward(tape, g)
    h = 1e-5  # the error of the differences is about h**2, their rounding 1e-16 / h
    for i, at in enumerate(p.flat.copy()):
        losses = []
        for value in (at + h, at - h):
            p.flat[i] = value
            losses.append(model.forward(p, x, target, state, rate=rate, seed=7)[0])
        p.flat[i] = at
        assert g.flat[i] == pytest.approx((losses[0] - losses[1]) / (2 * h), abs=1e-9)


def test_backward_adds_to_the_gradient(chunk):
    x, target, state = chunk
    p, g = initial(SIZES, 0, np.float64), zeros(SIZES, np.float64)
    tape = model.forward(p, x, target, state)[2]
    model.backward(tape, g)
    once = g.flat.copy()
    model.backward(tape, g)
    np.testing.assert_allclose(g.flat, 2 * once, rtol=1e-12)


def test_evaluate_is_forward_without_dropout(chunk):
    x, target, state = chunk
    p = initial(SIZES, 0, np.float64)
    loss, after, _ = model.forward(p, x, target, state, rate=0.0)
    loss_alone, after_alone = model.evaluate(p, x, target, state)
    assert loss_alone == loss
    np.testing.assert_array_equal(after_alone, after)


def test_state_carried_over_two_chunks_is_the_state_of_the_whole(chunk):
    x, target, state = chunk
    p = initial(SIZES, 0, np.float64)
    _, middle = model.evaluate(p, x[:2], target[:2], state)
    _, end = model.evaluate(p, x[2:], target[2:], middle)
    np.testing.assert_allclose(end, model.evaluate(p, x, target, state)[1], rtol=1e-12)
