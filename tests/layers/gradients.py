"""Checks that every layer must pass: gradients against central differences, and the contract of `backward`."""

import numpy as np

from seqfuse._seeds import SeedGenerator

STEP = 1e-6


def assert_gradients(layer, x, *, mask=None, training=False, step=STEP, rtol=1e-6, atol=1e-7, seed=0, **options):
    """Compare `layer.backward` with central differences in float64, and return the outputs as a list.

    The loss is a sum of the outputs with random weights. The error of a central difference is about step**2 times a
    third derivative, plus 1e-16 / step times the loss. With a step of 1e-6 about nine digits are correct. Integer
    inputs have no gradient and are not checked.
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
    if not seeds:  # build may have created generators
        seeds = [(generator, generator.state) for generator in _generators(layer)]
        ys, tape = run()
    rng = np.random.default_rng(seed)
    dys = [rng.normal(size=y.shape) for y in ys]

    def loss():
        return sum(float((y * dy).sum()) for y, dy in zip(run()[0], dys))

    dy = dys if len(dys) > 1 else dys[0]
    copies = [one.copy() for one in dys]
    dx, grads = layer.backward(tape, dy)
    dxs = list(dx) if several else [dx]
    weights = layer.trainable_weights
    assert len(grads) == len(weights)
    for i, (one, found) in enumerate(zip(inputs, dxs)):
        if one.dtype.kind == "f":
            found = np.zeros(one.shape) if found is None else found
            expected = _differences(loss, one, step)
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, err_msg=f"gradient of input {i}")
    for weight, grad in zip(weights, grads):
        expected = _differences(loss, weight.value, step)
        np.testing.assert_allclose(grad, expected, rtol=rtol, atol=atol, err_msg=f"gradient of {weight.path}")

    _assert_contract(layer, tape, dy, dxs, grads, several)
    assert all(np.array_equal(a, b) for a, b in zip(dys, copies)), "backward has changed dy"
    for a, b in zip(run(keep=False)[0], ys):
        np.testing.assert_array_equal(a, b, err_msg="forward with keep=False")
    return ys


def _assert_contract(layer, tape, dy, dxs, grads, several):
    """Check a second `backward`, one with need_dx=False, and that `into` is added to and returned."""
    dx, again = layer.backward(tape, dy)
    for a, b in zip([*dxs, *grads], [*(list(dx) if several else [dx]), *again]):
        np.testing.assert_array_equal(a, b, err_msg="backward a second time")
    _, without_dx = layer.backward(tape, dy, need_dx=False)
    into = [np.full_like(grad, 2) for grad in grads]
    _, added = layer.backward(tape, dy, into=into)
    for grad, other, given, returned in zip(grads, without_dx, into, added):
        np.testing.assert_array_equal(grad, other, err_msg="need_dx=False")
        assert given is returned
        np.testing.assert_allclose(given, grad + 2, rtol=1e-12, atol=1e-12, err_msg="into")


def _differences(loss, array, step):
    """Return the central differences of the loss with respect to every element of an array."""
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
    """Return the seed generators of a layer and of its sublayers."""
    found = [value for value in vars(layer).values() if isinstance(value, SeedGenerator)]
    for inside in layer.sublayers():
        found += _generators(inside)
    return found
