"""The blocks of a transformer beside the same ones composed of Keras's layers, as KerasHub composes them."""

import jax
import numpy as np
import pytest
from beside import numbers

from seqfuse.layers import TransformerDecoder, TransformerEncoder

keras = pytest.importorskip("keras")


B, T, S, D, E, H, M = 2, 5, 3, 6, 4, 2, 7
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)
ENCODER_MASK = np.array([[1, 1, 1], [1, 1, 0]], bool)
ORDER = {2: ["a", "an", "fn", "f1", "f2"], 3: ["a", "an", "c", "cn", "f1", "f2", "fn"]}  # of KerasHub's weights


def composed(cross, first):
    """A model of Keras's layers, and the layers in the order of KerasHub's weights."""
    x, encoded = keras.Input((T, D)), keras.Input((S, E))
    pairs, keys = keras.Input((T, T), dtype="bool"), keras.Input((T, S), dtype="bool")
    norm = {name: keras.layers.LayerNormalization(epsilon=1e-5) for name in ("an", "cn", "fn")}
    a, c = (keras.layers.MultiHeadAttention(H, D // H) for _ in range(2))
    f1, f2 = keras.layers.Dense(M, activation="relu"), keras.layers.Dense(D)

    def part(x, name, inside):
        return x + inside(norm[name](x)) if first else norm[name](x + inside(x))

    y = part(x, "an", lambda r: a(r, r, attention_mask=pairs))
    if cross:
        y = part(y, "cn", lambda r: c(r, encoded, attention_mask=keys))
    y = part(y, "fn", lambda r: f2(f1(r)))
    found = {"a": a, "c": c, "f1": f1, "f2": f2, **norm}
    return keras.Model([x, encoded, pairs, keys], y), [found[name] for name in ORDER[2 + cross]]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("cross", [False, True])
def test_blocks_as_composed_of_keras_layers(cross, first, masked):
    ours = (TransformerDecoder if cross else TransformerEncoder)(M, H, normalize_first=first)
    ours.build([(None, T, D), (None, S, E)] if cross else (None, T, D))
    theirs, layers = composed(cross, first)
    expected = [w for layer in layers for w in layer.weights]
    assert [w.shape for w in ours.weights] == [w.shape for w in expected]
    weights = [numbers(*w.shape, seed=100 + i) for i, w in enumerate(expected)]
    ours.set_weights(weights)
    for weight, value in zip(expected, weights):
        weight.assign(value)

    x = [numbers(B, T, D), numbers(B, S, E, seed=1)]
    mask, of_encoder = (MASK, ENCODER_MASK) if masked else (np.ones((B, T), bool), np.ones((B, S), bool))
    pairs = np.broadcast_to(mask[:, None], (B, T, T))
    pairs = pairs & np.tri(T, dtype=bool) if cross else pairs
    keys = np.broadcast_to(of_encoder[:, None], (B, T, S))
    dy = numbers(B, T, D, seed=2) * mask[..., None]
    given = [mask, of_encoder] if cross else mask
    y, tape = ours.forward(x if cross else x[0], mask=given if masked else None)
    dx, grads = ours.backward(tape, dy)

    place = {id(v): i for i, v in enumerate(theirs.trainable_variables)}

    def loss(trainable, x):
        result, _ = theirs.stateless_call(trainable, [], [*x, pairs, keys])
        return (result * dy).sum(), result

    trainable = [v.value for v in theirs.trainable_variables]
    (of_weights, of_x), result = jax.grad(loss, argnums=(0, 1), has_aux=True)(trainable, x)
    np.testing.assert_allclose(y[mask], np.asarray(result)[mask], rtol=1e-4, atol=1e-5)
    for got, wanted in zip(dx if cross else [dx], of_x):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=2e-5 * np.abs(wanted).max())
    for got, weight in zip(grads, expected):
        wanted = of_weights[place[id(weight)]]
        np.testing.assert_allclose(
            got, wanted, rtol=1e-4, atol=2e-5 * max(1, np.abs(wanted).max()), err_msg=weight.path
        )
