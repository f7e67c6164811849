"""Compare the transformer blocks with compositions of Keras's layers, as in KerasHub."""

import jax.numpy as jnp
import keras
import numpy as np
from beside import compare, numbers
from support.pairwise import pairwise

from seqfuse.layers import TransformerDecoder, TransformerEncoder

B, T, S, D, E, H, M = 2, 5, 3, 6, 4, 2, 7
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)
ENCODER_MASK = np.array([[1, 1, 1], [1, 1, 0]], bool)
ORDER = {2: ["a", "an", "fn", "f1", "f2"], 3: ["a", "an", "c", "cn", "f1", "f2", "fn"]}  # order of KerasHub's weights


def composed(cross, first):
    """Return a model of Keras's layers, and the layers in the order of KerasHub's weights."""
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


@pairwise(cross=[False, True], first=[False, True], masked=[False, True])
def test_blocks_match_compositions_of_keras_layers(cross, first, masked):
    ours = (TransformerDecoder if cross else TransformerEncoder)(M, H, normalize_first=first)
    theirs, layers = composed(cross, first)
    mask, encoder_mask = (MASK, ENCODER_MASK) if masked else (np.ones((B, T), bool), np.ones((B, S), bool))
    pairs = np.broadcast_to(mask[:, None], (B, T, T))
    pairs = pairs & np.tri(T, dtype=bool) if cross else pairs
    keys = np.broadcast_to(encoder_mask[:, None], (B, T, S))
    x = [numbers(B, T, D), numbers(B, S, E, seed=1)]
    given = [mask, encoder_mask] if cross else mask
    compare(
        ours,
        theirs,
        x if cross else x[0],
        mask=given if masked else None,
        call=lambda run, a: run(
            [jnp.asarray(one) for one in ([*a, pairs, keys] if cross else [*a, x[1], pairs, keys])]
        ),
        weights=[weight for layer in layers for weight in layer.weights],
        weigh=lambda _, dy: dy * mask[..., None],
    )
