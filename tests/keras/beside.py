"""A layer or a model of ours beside Keras's on JAX: the same weights, the same inputs, and what must then be the same.

`pair` makes a layer twice, `models` a model. `compare` gives both the same weights and compares outputs, masks,
shapes, and all gradients with those of `jax.grad`; `assert_same_config` compares what they say of themselves.
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
RTOL, ATOL = 2e-5, 8e-6  # float32, sums of at most a hundred terms of the size of 1


def numbers(*shape, seed=0):
    """Of the size of 1, float32."""
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def pair(kind, *arguments, inner=None, **options):
    """The layer of that name, ours and Keras's, made with the same arguments; `inner(module)` makes the one inside."""
    return [
        getattr(where, kind)(*([] if inner is None else [inner(where)]), *arguments, **options)
        for where in (seqfuse.layers, keras.layers)
    ]


def built(ours, theirs, shape):
    """Both, built for inputs of that shape, with the same weights."""
    ours.build(shape)
    theirs.build(shape)
    share(ours, theirs.weights)
    return ours, theirs


def models(build, seed=0):
    """The model that `build(K)` makes of `K.L`, `K.Model` and `K.Sequential`, ours and Keras's, of the same weights."""
    keras.utils.set_random_seed(seed)
    ours, theirs = build(OURS), build(THEIRS)
    assert theirs.built, "build it with an Input"
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def share(ours, weights):
    """Give our layer and the weights of Keras's the same random numbers; their shapes must be the same."""
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in weights]
    values = [numbers(*weight.shape, seed=100 + i) for i, weight in enumerate(ours.weights)]
    ours.set_weights(values)
    for weight, value in zip(weights, values):
        weight.assign(value)


def compare(ours, theirs, x, *, mask=None, carried=False, call=None, weigh=None, weights=None, **options):
    """Outputs, their shapes and masks, and the gradients of all inputs and weights are Keras's, but for rounding.

    `x` is an input or a list of them, `mask` that of x, one each if x is a list: an argument of Keras's call, or
    `carried` by its inputs; then that of the output is compared too. `call(run, inputs)` says how Keras is called
    where that is another way, `weights` are Keras's in our order where its own is another one. `weigh(i, dy)` may
    leave parts of output i out, by zeros in what is differentiated.
    """
    weights_too, inputs = weights is not None, as_list(x)
    call = call or as_ours(x, mask, carried, options)
    with jax.disable_jit():  # compiling takes seconds; without it operations run one by one
        ours.forward(x, mask=mask, **options)  # builds it, as a call builds Keras's
        marked = carried or ours.makes_mask
        output = call(theirs, [jnp.asarray(one) for one in inputs]) if marked or not theirs.built else None
        weights = theirs.weights if weights is None else weights
        share(ours, weights)
        y, tape = ours.forward(x, mask=mask, **options)
        ys = as_list(y)
        dys = [numbers(*one.shape, seed=50 + i) for i, one in enumerate(ys)]
        counts = [np.ones_like(one) if weigh is None else weigh(i, np.ones_like(one)) for i, one in enumerate(ys)]
        dys = [dy * counted for dy, counted in zip(dys, counts)]
        results, of_inputs, of_weights = differentiated(theirs, call, inputs, dys)
    deep = 1 + len(ours.sublayers())
    for i, (mine, other, counted) in enumerate(zip(ys, results, counts, strict=True)):
        assert_close(mine[counted != 0], np.asarray(other)[counted != 0], f"output {i}", deep)
    if marked:
        assert_same_mask(ours.mask_after(tape, x, mask), output)
    if len(ys) == 1 and not weights_too:
        assert [w.name for w in ours.weights] == [w.name for w in weights]
        assert ys[0].shape == results[0].shape == tuple(ours.compute_output_shape(shapes(x)))

    dx, grads = ours.backward(tape, dys if isinstance(y, (list, tuple)) else dys[0])
    for i, (mine, other) in enumerate(zip(as_list(dx), of_inputs, strict=True)):
        if other is not None:
            assert_close(np.zeros_like(other) if mine is None else mine, other, f"gradient of input {i}", deep)
    learnt = [of_weights[id(weight)] for weight in weights if id(weight) in of_weights]
    for weight, mine, other in zip(ours.trainable_weights, grads, learnt, strict=True):
        assert_close(mine, other, f"gradient of {weight.path}", deep)


def as_ours(x, mask, carried, options):
    """How Keras is called as ours is, on a list or on one input."""

    def call(run, inputs):
        given = list(inputs) if isinstance(x, list) else inputs[0]
        if mask is None:
            return run(given, **options)
        if carried:
            return run(with_masks(given, mask), **options)
        return run(given, mask=mask if isinstance(mask, list) else jnp.asarray(mask), **options)

    return call


def from_states(mask):
    """How Keras is called on [x, *states], where the mask is that of x."""
    how = {} if mask is None else {"mask": jnp.asarray(mask)}
    return lambda run, inputs: run(inputs[0], initial_state=list(inputs[1:]), **how)


def differentiated(theirs, call, inputs, dys):
    """Keras's outputs, the gradients of its inputs, None of whole numbers, and those of its weights by their id."""
    floats = [i for i, one in enumerate(inputs) if one.dtype.kind == "f"]
    variables, fixed = theirs.trainable_variables, [v.value for v in theirs.non_trainable_variables]

    def loss(trainable, moved):
        whole = [moved[floats.index(i)] if i in floats else one for i, one in enumerate(inputs)]
        result, _ = call(lambda *a, **k: theirs.stateless_call(trainable, fixed, *a, **k), whole)
        results = jax.tree_util.tree_leaves(result)
        return sum((one * dy).sum() for one, dy in zip(results, dys, strict=True)), results

    at = [v.value for v in variables], [jnp.asarray(inputs[i]) for i in floats]
    (of_weights, of_floats), results = jax.grad(loss, argnums=(0, 1), has_aux=True)(*at)
    of_inputs = [of_floats[floats.index(i)] if i in floats else None for i in range(len(inputs))]
    return results, of_inputs, {id(variable): one for variable, one in zip(variables, of_weights)}


def assert_close(mine, other, what, layers=1):
    """Equal but for rounding, which is that of the largest of them, and adds up over so many layers."""
    scale = max(1.0, float(np.abs(other).max(initial=0)))
    np.testing.assert_allclose(mine, other, rtol=layers * RTOL, atol=layers * ATOL * scale, err_msg=what)


def assert_same_mask(ours, output):
    """Our mask is that which the output of Keras's layer carries."""
    theirs = backend.get_keras_mask(output)
    assert (ours is None) == (theirs is None)
    if ours is not None:
        np.testing.assert_array_equal(ours, theirs)


def assert_same_config(ours, theirs):
    """What both say of themselves is the same, but for their names and types; of objects, their class."""
    for name in (set(ours) & set(theirs)) - {"name", "dtype"}:
        expected = theirs[name]
        if isinstance(expected, dict):
            assert expected["class_name"].lower() == ours[name].replace("_", ""), name
        else:
            assert ours[name] == expected, name


def as_list(value):
    """A list of the one or of all."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def shapes(x):
    """The shape of an array, or a list of them."""
    return [one.shape for one in x] if isinstance(x, list) else x.shape


def with_masks(x, masks):
    """Keras's arrays, carrying their masks."""
    for one, mask in zip(as_list(x), as_list(masks)):
        if mask is not None:
            backend.set_keras_mask(one, jnp.asarray(mask))
    return x
