"""A layer beside Keras's, on JAX: outputs, masks, and the gradients that jax.grad finds."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras.src import backend


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def with_masks(x, masks):
    """Keras's arrays carry their masks about."""
    for one, mask in zip(as_list(x), as_list(masks)):
        if mask is not None:
            backend.set_keras_mask(one, jnp.asarray(mask))
    return x


def check_beside_keras(ours, theirs, x, masks=None, *, carried=True, tolerance=2e-5, training=False):
    """Same weights, same inputs: same outputs, masks and gradients, but for rounding in float32.

    `carried`: the masks travel with the inputs, else `mask` is an argument of the call.
    """
    several = isinstance(x, list)
    call = {"training": training} if training else {}
    if masks is not None and not carried:
        call["mask"] = jnp.asarray(masks)
    given = jax.tree.map(jnp.asarray, x)
    given = with_masks(given, masks) if masks is not None and carried else given
    wanted = theirs(given, **call)
    y, tape = ours.forward(x, training=training, mask=masks)
    if theirs.weights:
        ours.set_weights([np.asarray(weight.value) for weight in theirs.weights])
        y, tape = ours.forward(x, training=training, mask=masks)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert np.allclose(y, wanted, rtol=tolerance, atol=tolerance)
    assert y.shape == tuple(
        theirs.compute_output_shape(jax.tree.map(np.shape, x, is_leaf=lambda v: hasattr(v, "shape")))
    )
    assert_masks(ours.mask_after(tape, x, masks) if masks is not None or ours.makes_mask else None, wanted)

    dy = np.random.default_rng(9).standard_normal(y.shape).astype(np.float32)
    floats = [i for i, one in enumerate(as_list(x)) if np.asarray(one).dtype.kind == "f"]

    def loss(trainable, inputs):
        inside = [inputs[floats.index(i)] if i in floats else one for i, one in enumerate(as_list(x))]
        inside = inside if several else inside[0]
        inside = with_masks(inside, masks) if masks is not None and carried else inside
        out, _ = theirs.stateless_call(trainable, [v.value for v in theirs.non_trainable_variables], inside, **call)
        return jnp.sum(out * dy)

    variables = [v.value for v in theirs.trainable_variables]
    inputs = [jnp.asarray(as_list(x)[i]) for i in floats]
    dvariables, dinputs = jax.grad(loss, argnums=(0, 1))(variables, inputs)
    dx, grads = ours.backward(tape, dy)
    for mine, theirs_too in zip([as_list(dx)[i] for i in floats] + grads, [*dinputs, *dvariables], strict=True):
        size = max(1.0, float(jnp.abs(theirs_too).max(initial=0)))
        assert np.allclose(mine, theirs_too, rtol=0, atol=tolerance * size)


def assert_masks(ours, keras_output):
    theirs = backend.get_keras_mask(keras_output)
    assert (ours is None) == (theirs is None)
    if ours is not None:
        assert np.array_equal(ours, theirs)


assert keras.backend.backend() == "jax"
