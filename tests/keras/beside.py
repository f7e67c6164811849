"""Comparison of our layers and models with those of Keras on JAX: same weights and inputs, same results.

`pair` creates a layer in both libraries, and `models` creates a model. `compare` gives both layers the same weights and
compares outputs, masks, shapes and all gradients. Those of Keras come from `jax.grad`. `assert_same_config` compares
configs.
"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras.src import backend

import seqfuse.layers
import seqfuse.models

assert keras.backend.backend() == "jax"

OURS = SimpleNamespace(L=seqfuse.layers, Model=seqfuse.models.Model, Sequential=seqfuse.models.Sequential)
THEIRS = SimpleNamespace(L=keras.layers, Model=keras.Model, Sequential=keras.Sequential)
RTOL, ATOL = 2e-5, 8e-6  # float32 sums of at most a hundred terms of magnitude 1


def numbers(*shape, seed=0):
    """Return standard normal float32 numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def pair(kind, *arguments, inner=None, **options):
    """Create the layer named `kind` in both libraries with the same arguments.

    `inner(module)` creates the first argument of a wrapper, the layer that it wraps.
    """
    return [
        getattr(module, kind)(*([] if inner is None else [inner(module)]), *arguments, **options)
        for module in (seqfuse.layers, keras.layers)
    ]


def built(ours, theirs, shape):
    """Build both layers for inputs of this shape, give them the same weights, and return them."""
    ours.build(shape)
    theirs.build(shape)
    share(ours, theirs.weights)
    return ours, theirs


def models(build, seed=0):
    """Return `build(OURS)` and `build(THEIRS)`, two models with the same weights.

    `build(K)` creates a model from `K.L`, `K.Model` and `K.Sequential`.
    """
    keras.utils.set_random_seed(seed)
    ours, theirs = build(OURS), build(THEIRS)
    assert theirs.built, "the model must begin with an Input"
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def share(ours, weights):
    """Set our layer and Keras's weights to the same random numbers, after a check that their shapes are equal."""
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in weights]
    values = [numbers(*weight.shape, seed=100 + i) for i, weight in enumerate(ours.weights)]
    ours.set_weights(values)
    for weight, value in zip(weights, values):
        weight.assign(value)


def compare(ours, theirs, x, *, mask=None, carried=False, call=None, weigh=None, weights=None, **options):
    """Check that outputs, their shapes and masks, and all gradients equal those of Keras, except for rounding.

    Parameters
    ----------
    ours, theirs : Layer
        Layers of the two libraries.
    x : ndarray or list of ndarray
        Input, or inputs.
    mask : ndarray, or list of ndarray or None, optional
        Mask of x, or one mask per input if x is a list.
    carried : bool, default False
        Whether the inputs of Keras carry the mask. Otherwise it is an argument of the call. Masks of the outputs are
        compared only if the inputs carry masks or the layer creates one.
    call : callable, optional
        ``call(run, inputs)`` calls Keras's layer as ``run``. By default it is called as ours.
    weigh : callable, optional
        ``weigh(i, dy)`` returns dy, the gradient of output i, with zeros at the entries to exclude from the comparison.
    weights : list, optional
        Keras's weights in our order. By default ``theirs.weights``.
    **options : Any
        Further arguments of the calls.
    """
    weights_reordered, inputs = weights is not None, as_list(x)
    call = call or default_call(x, mask, carried, options)
    with jax.disable_jit():  # compilation takes seconds, so operations run one by one
        ours.forward(x, mask=mask, **options)  # builds our layer, as a call builds Keras's
        has_mask = carried or ours.makes_mask
        output = call(theirs, [jnp.asarray(one) for one in inputs]) if has_mask or not theirs.built else None
        weights = theirs.weights if weights is None else weights
        share(ours, weights)
        y, tape = ours.forward(x, mask=mask, **options)
        ys = as_list(y)
        dys = [numbers(*one.shape, seed=50 + i) for i, one in enumerate(ys)]
        counts = [np.ones_like(one) if weigh is None else weigh(i, np.ones_like(one)) for i, one in enumerate(ys)]
        dys = [dy * counted for dy, counted in zip(dys, counts)]
        results, input_grads, weight_grads = differentiate(theirs, call, inputs, dys)
    depth = 1 + len(ours.sublayers())
    for i, (mine, other, counted) in enumerate(zip(ys, results, counts, strict=True)):
        assert_close(mine[counted != 0], np.asarray(other)[counted != 0], f"output {i}", depth)
    if has_mask:
        assert_same_mask(ours.mask_after(tape, x, mask), output)
    if len(ys) == 1 and not weights_reordered:
        assert [w.name for w in ours.weights] == [w.name for w in weights]
        assert ys[0].shape == results[0].shape == tuple(ours.compute_output_shape(shapes(x)))

    dx, grads = ours.backward(tape, dys if isinstance(y, (list, tuple)) else dys[0])
    for i, (mine, other) in enumerate(zip(as_list(dx), input_grads, strict=True)):
        if other is not None:
            assert_close(np.zeros_like(other) if mine is None else mine, other, f"gradient of input {i}", depth)
    expected = [weight_grads[id(weight)] for weight in weights if id(weight) in weight_grads]
    for weight, mine, other in zip(ours.trainable_weights, grads, expected, strict=True):
        assert_close(mine, other, f"gradient of {weight.path}", depth)


def default_call(x, mask, carried, options):
    """Return the function that calls Keras's layer with the same arguments as ours."""

    def call(run, inputs):
        given = list(inputs) if isinstance(x, list) else inputs[0]
        if mask is None:
            return run(given, **options)
        if carried:
            return run(with_masks(given, mask), **options)
        return run(given, mask=mask if isinstance(mask, list) else jnp.asarray(mask), **options)

    return call


def from_states(mask):
    """Return the function that calls Keras's layer on inputs [x, *states] with a mask of x."""
    how = {} if mask is None else {"mask": jnp.asarray(mask)}
    return lambda run, inputs: run(inputs[0], initial_state=list(inputs[1:]), **how)


def differentiate(theirs, call, inputs, dys):
    """Return Keras's outputs, the gradients of its inputs, and those of its weights by their id.

    The gradient of an integer input is None.
    """
    floats = [i for i, one in enumerate(inputs) if one.dtype.kind == "f"]
    variables, fixed = theirs.trainable_variables, [v.value for v in theirs.non_trainable_variables]

    def loss(trainable, float_inputs):
        all_inputs = [float_inputs[floats.index(i)] if i in floats else one for i, one in enumerate(inputs)]
        result, _ = call(lambda *a, **k: theirs.stateless_call(trainable, fixed, *a, **k), all_inputs)
        results = jax.tree_util.tree_leaves(result)
        return sum((one * dy).sum() for one, dy in zip(results, dys, strict=True)), results

    at = [v.value for v in variables], [jnp.asarray(inputs[i]) for i in floats]
    (weight_grads, float_grads), results = jax.grad(loss, argnums=(0, 1), has_aux=True)(*at)
    input_grads = [float_grads[floats.index(i)] if i in floats else None for i in range(len(inputs))]
    return results, input_grads, {id(variable): one for variable, one in zip(variables, weight_grads)}


def assert_close(mine, other, what, layers=1):
    """Check equality except for rounding, which grows with the largest value and with the number of layers."""
    scale = max(1.0, float(np.abs(other).max(initial=0)))
    np.testing.assert_allclose(mine, other, rtol=layers * RTOL, atol=layers * ATOL * scale, err_msg=what)


def assert_same_mask(ours, output):
    """Check that our mask equals the one that the output of Keras's layer carries."""
    theirs = backend.get_keras_mask(output)
    assert (ours is None) == (theirs is None)
    if ours is not None:
        np.testing.assert_array_equal(ours, theirs)


def assert_same_config(ours, theirs):
    """Check that the entries that two configs share are equal, except name and dtype.

    Keras describes objects by dicts, of which only the class is compared.
    """
    for name in (set(ours) & set(theirs)) - {"name", "dtype"}:
        expected = theirs[name]
        if isinstance(expected, dict):
            assert expected["class_name"].lower() == ours[name].replace("_", ""), name
        else:
            assert ours[name] == expected, name


def as_list(value):
    """Return a list or tuple as a list, and any other value as a list of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def shapes(x):
    """Return the shape of an array, or the shapes of a list of arrays."""
    return [one.shape for one in x] if isinstance(x, list) else x.shape


def with_masks(x, masks):
    """Attach masks to Keras's arrays and return the arrays."""
    for one, mask in zip(as_list(x), as_list(masks)):
        if mask is not None:
            backend.set_keras_mask(one, jnp.asarray(mask))
    return x
