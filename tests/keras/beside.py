"""A layer of ours and Keras's with the same weights, and the same numbers asked of both: outputs and all gradients."""

import jax
import keras
import numpy as np

from seqfuse import layers

RTOL, ATOL = 2e-5, 2e-6  # float32, sums of at most a hundred terms of the size of 1


def numbers(*shape, seed=0):
    """Of the size of 1, float32."""
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def pair(kind, shapes, *arguments, inner=None, **options):
    """The layer of that name, ours and Keras's, built for the shapes, with the same random weights."""
    found = []
    for where in (layers, keras.layers):
        first = () if inner is None else (inner(where),)
        layer = getattr(where, kind)(*first, *arguments, **options)
        found.append(layer)
    ours, theirs = found
    ours.build(list(shapes) if isinstance(shapes[0], tuple) else shapes)
    if kind == "MultiHeadAttention":
        theirs.build(*shapes)
    else:
        theirs.build(list(shapes) if isinstance(shapes[0], tuple) else shapes)
    theirs.built = True
    share(ours, theirs)
    return ours, theirs


def share(ours, theirs):
    """Give both the same random weights, whose shapes must be the same."""
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    weights = [numbers(*weight.shape, seed=100 + i) for i, weight in enumerate(ours.weights)]
    ours.set_weights(weights)
    theirs.set_weights(weights)


def assert_same(ours, theirs, *x, states=(), mask=None, call=None, weigh=None, **options):
    """Outputs, gradients of all inputs and of all weights are Keras's.

    `x` and `states` are the inputs; `call(theirs, inputs)` says how Keras is called, as its layer on x with
    initial_state by default. `weigh(i, dy)` may change the weights of output i in what is differentiated.
    """
    inputs = [*x, *states]
    given = inputs if len(inputs) > 1 else inputs[0]
    masks = [mask, *[None] * len(states)] if states else mask
    y, tape = ours.forward(given, mask=masks, **options)
    ys = list(y) if isinstance(y, (list, tuple)) else [y]
    dys = [numbers(*one.shape, seed=50 + i) for i, one in enumerate(ys)]
    dys = dys if weigh is None else [weigh(i, dy) for i, dy in enumerate(dys)]

    def run(trainable, inputs):
        whole = [v.value for v in theirs.non_trainable_variables]
        if call is None:
            how = {"initial_state": list(inputs[len(x) :])} if states else {}
            how |= {} if mask is None else {"mask": mask}
            result, _ = theirs.stateless_call(trainable, whole, *inputs[: len(x)], **how, **options)
        else:
            result, _ = call(lambda *a, **k: theirs.stateless_call(trainable, whole, *a, **k), inputs)
        return jax.tree_util.tree_leaves(result)

    def loss(trainable, inputs):
        results = run(trainable, inputs)
        return sum((one * dy).sum() for one, dy in zip(results, dys)), results

    trainable = [v.value for v in theirs.trainable_variables]
    with jax.disable_jit():  # compiling takes seconds; without it operations run one by one
        (of_weights, of_inputs), results = jax.grad(loss, argnums=(0, 1), has_aux=True)(trainable, inputs)
    assert len(ys) == len(results)
    for i, (mine, other) in enumerate(zip(ys, results)):
        where = (
            np.ones(mine.shape, bool)
            if weigh is None
            else np.broadcast_to(weigh(i, np.ones(mine.shape)) != 0, mine.shape)
        )
        _close(mine[where], np.asarray(other)[where], f"output {i}")
    dx, grads = ours.backward(tape, dys if isinstance(y, (list, tuple)) else dys[0])
    dxs = dx if len(inputs) > 1 else [dx]
    for i, (mine, other) in enumerate(zip(dxs, of_inputs)):
        _close(np.zeros_like(other) if mine is None else mine, other, f"gradient of input {i}")
    for weight, mine, other in zip(ours.trainable_weights, grads, of_weights):
        _close(mine, other, f"gradient of {weight.path}")


def _close(mine, other, what):
    scale = max(1.0, float(np.abs(other).max(initial=0)))
    np.testing.assert_allclose(mine, other, rtol=RTOL, atol=ATOL * scale * 4, err_msg=what)
