"""What every layer is held against: central differences of all inputs and weights, and the contract of the pair."""

import numpy as np

from seqfuse._seeds import SeedGenerator

STEP = 1e-6


def assert_gradients(layer, x, *, mask=None, training=False, step=STEP, rtol=1e-6, atol=1e-7, seed=0, **options):
    """`layer.backward` of float64 inputs against central differences; returns the outputs as a list.

    Integer inputs are not moved. Outputs are weighted with random numbers; the error of a difference is about step**2
    times a third derivative and 1e-16 / step times the loss, so that 1e-6 leaves nine digits.
    """
    inputs = list(x) if isinstance(x, (list, tuple)) else [x]
    inputs = [np.array(one) for one in inputs]
    several = isinstance(x, (list, tuple))
    seeds = [(generator, generator.state) for generator in _generators(layer)]

    def run(keep=True):
        for generator, state in seeds:
            generator.state = state
        if hasattr(layer, "reset_state"):
            layer.reset_state()
        y, tape = layer.forward(inputs if several else inputs[0], training=training, mask=mask, keep=keep, **options)
        return (y if isinstance(y, (list, tuple)) else [y]), tape

    ys, tape = run()
    if not seeds:  # what build made; weights of it are drawn by themselves
        seeds = [(generator, generator.state) for generator in _generators(layer)]
        ys, tape = run()
    rng = np.random.default_rng(seed)
    dys = [rng.normal(size=y.shape) for y in ys]

    def loss():
        return sum(float((y * dy).sum()) for y, dy in zip(run()[0], dys))

    dy = dys if len(dys) > 1 else dys[0]
    kept = [one.copy() for one in dys]
    dx, grads = layer.backward(tape, dy)
    dxs = list(dx) if several else [dx]
    weights = layer.trainable_weights
    assert len(grads) == len(weights)
    whole = _whole(inputs, dxs)
    for i, one in enumerate(inputs):
        if one.dtype.kind == "f":
            expected = _differences(loss, one, step)
            np.testing.assert_allclose(whole[i], expected, rtol=rtol, atol=atol, err_msg=f"gradient of input {i}")
    for weight, grad in zip(weights, grads):
        expected = _differences(loss, weight.value, step)
        np.testing.assert_allclose(grad, expected, rtol=rtol, atol=atol, err_msg=f"gradient of {weight.path}")

    _assert_contract(layer, tape, dy, dxs, grads, several)
    assert all(np.array_equal(a, b) for a, b in zip(dys, kept)), "backward has changed dy"
    for a, b in zip(run(keep=False)[0], ys):
        np.testing.assert_array_equal(a, b, err_msg="forward with keep=False")
    return ys


def _assert_contract(layer, tape, dy, dxs, grads, several):
    """backward again gives the same; without dx the same gradients; into is added to, and returned."""
    dx, again = layer.backward(tape, dy)
    for a, b in zip([*dxs, *grads], [*(list(dx) if several else [dx]), *again]):
        np.testing.assert_array_equal(a, b, err_msg="backward a second time")
    _, alone = layer.backward(tape, dy, need_dx=False)
    into = [np.full_like(grad, 2) for grad in grads]
    _, added = layer.backward(tape, dy, into=into)
    for grad, one, given, two in zip(grads, alone, into, added):
        np.testing.assert_array_equal(grad, one, err_msg="need_dx=False")
        assert given is two
        np.testing.assert_allclose(given, grad + 2, rtol=1e-12, atol=1e-12, err_msg="into")


def _whole(inputs, dxs):
    """Gradients of inputs, where the same array given twice has the sum and None is nothing."""
    return [np.zeros(one.shape) if dx is None else dx for one, dx in zip(inputs, dxs)]


def _differences(loss, array, step):
    slopes = np.empty(array.shape)
    for at in np.ndindex(array.shape):
        value = array[at]
        array[at] = value + step
        above = loss()
        array[at] = value - step
        below = loss()
        array[at] = value
        slopes[at] = (above - below) / (2 * step)
    return slopes


def _generators(layer):
    found = [value for value in vars(layer).values() if isinstance(value, SeedGenerator)]
    for inside in layer.sublayers():
        found += _generators(inside)
    return found
