"""Tests of TransformerEncoder and TransformerDecoder: gradients, masks, causality, decoding with a cache, errors."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse import num_threads
from seqfuse.layers import Add, Embedding, Input, SinePositionEncoding, TransformerDecoder, TransformerEncoder
from seqfuse.models import Model

B, T, S, D, E = 2, 4, 3, 6, 5
FLAG = [False, True]
MASK = np.array([[1, 1, 0, 1], [1, 1, 0, 0]], bool)
ENCODER_MASK = np.array([[1, 0, 1], [0, 1, 1]], bool)
FORMS = [
    {"normalize_first": False, "activation": "gelu"},
    {"normalize_first": True, "activation": "tanh"},
    {"normalize_first": False, "dropout": 0.3, "activation": "tanh"},
    {"normalize_first": True, "dropout": 0.3, "activation": "gelu"},
]
FIRST_OR_LAST = pytest.mark.parametrize("options", FORMS[:2], ids=str)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def made(kind, **options):
    return kind(7, 2, dtype="float64", kernel_initializer="glorot_normal", bias_initializer="normal", **options)


@pytest.mark.parametrize(("options", "mask"), list(zip(FORMS, [None, MASK, MASK, None])))
def test_encoder_backward_matches_central_differences(options, mask):
    (y,) = assert_gradients(made(TransformerEncoder, **options), numbers(B, T, D), mask=mask, training=True, rtol=1e-5)
    assert y.shape == (B, T, D)


@pytest.mark.parametrize(
    ("options", "masks"), list(zip(FORMS, [[MASK, ENCODER_MASK], None, None, [MASK, ENCODER_MASK]]))
)
def test_decoder_backward_matches_central_differences(options, masks):
    x = [numbers(B, T, D), numbers(B, S, E, seed=1)]
    assert_gradients(made(TransformerDecoder, **options), x, mask=masks, training=True, rtol=1e-5)


@pytest.mark.parametrize("causal", FLAG)
def test_decoder_without_encoder_backward_matches_central_differences(causal):
    layer = made(TransformerDecoder)
    assert_gradients(layer, numbers(B, T, D), mask=MASK, use_causal_mask=causal, rtol=1e-5)
    assert len(layer.weights) == 16


def test_encoder_obeys_attention_mask():
    layer, x = made(TransformerEncoder), numbers(B, T, D)
    own = np.broadcast_to(np.eye(T, dtype=bool), (B, T, T))
    y = layer(x, attention_mask=own)
    for t in range(T):
        np.testing.assert_allclose(y[:, t : t + 1], layer(x[:, t : t + 1]), rtol=1e-13)
    np.testing.assert_array_equal(layer(x, padding_mask=MASK), layer(x, mask=MASK))
    assert not np.array_equal(layer(x, mask=MASK), layer(x))


def test_decoder_mask_arguments_replace_input_masks():
    layer, x, encoded = made(TransformerDecoder), numbers(B, T, D), numbers(B, S, E, seed=1)
    y = layer.forward([x, encoded], mask=[MASK, ENCODER_MASK])[0]
    np.testing.assert_array_equal(y, layer(x, encoded, decoder_padding_mask=MASK, encoder_padding_mask=ENCODER_MASK))
    pairs = np.broadcast_to(ENCODER_MASK[:, None], (B, T, S))
    causal = np.broadcast_to(np.tri(T, dtype=bool), (B, T, T))
    same = layer(
        x, encoded, use_causal_mask=False, decoder_attention_mask=causal & MASK[:, None], encoder_attention_mask=pairs
    )
    np.testing.assert_allclose(same[MASK], y[MASK], rtol=1e-12)


@FIRST_OR_LAST
def test_decoder_output_does_not_depend_on_later_steps(options):
    layer, x, encoded = made(TransformerDecoder, **options), numbers(B, T, D), numbers(B, S, E, seed=1)
    y = layer(x, encoded)
    for t in range(1, T):
        np.testing.assert_array_equal(layer(x[:, :t], encoded), y[:, :t])


@FIRST_OR_LAST
def test_blocks_ignore_nan_at_masked_steps(options):
    found = []
    x, encoded = numbers(B, T, D), numbers(B, S, E, seed=1)
    encoder, decoder = (made(kind, **options) for kind in (TransformerEncoder, TransformerDecoder))
    for fill in (0.0, np.nan):
        a = np.where(MASK[..., None], x, fill)
        b = np.where(ENCODER_MASK[..., None], encoded, fill)
        y, tape = encoder.forward(a, mask=MASK)
        dx, grads = encoder.backward(tape, np.ones_like(y))
        z, z_tape = decoder.forward([a, b], mask=[MASK, ENCODER_MASK])
        dz, more = decoder.backward(z_tape, np.ones_like(z))
        assert not dx[~MASK].any()
        assert not dz[0][~MASK].any()
        assert not dz[1][~ENCODER_MASK].any()
        found.append([y, dx, *grads, z, *dz, *more])
    for one, other in zip(*found):
        np.testing.assert_array_equal(one, other)


@pairwise(first=FLAG, cross=FLAG, mask=[None, ENCODER_MASK], dtype=["float32", "float64"])
def test_decoder_steps_equal_the_whole_sequence_bitwise(first, cross, mask, dtype):
    steps, width = 70, 24  # more keys than one key block of the kernel
    x, encoded = numbers(B, steps, width), numbers(B, S, E, seed=1) if cross else None
    layer = TransformerDecoder(40, 3, normalize_first=first, dtype=dtype)
    inputs = [x, encoded] if cross else x
    y = layer.forward(inputs, mask=[None, mask] if cross else None)[0]
    cache = layer.start(encoded, mask if cross else None, batch=B)
    parts = [layer.step(x[:, :5], cache)]
    parts += [layer.step(x[:, t : t + 1], cache) for t in range(5, steps)]
    np.testing.assert_array_equal(np.concatenate(parts, 1), y)
    assert cache.length == steps


def test_decoder_cache_take_continues_the_given_rows():
    layer = TransformerDecoder(16, 2)
    x, encoded = numbers(3, 6, D).astype("f4"), numbers(3, S, E, seed=1)
    mask = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1]], bool)
    y = layer(x, encoded, encoder_padding_mask=mask)
    cache = layer.start(encoded, mask)
    layer.step(x[:, :4], cache)
    rows = np.array([2, 0, 0, 1, 2])
    other = cache.take(rows)
    np.testing.assert_array_equal(layer.step(x[rows, 4:5], other), y[rows, 4:5])
    order = np.array([4, 0, 1, 1, 2])
    again = other.take(order)
    np.testing.assert_array_equal(layer.step(x[rows[order], 5:], again), y[rows[order], 5:])
    np.testing.assert_array_equal(layer.step(x[:, 4:], cache), y[:, 4:])  # `take` did not change the first cache
    assert (cache.length, other.length, again.length) == (6, 5, 6)
    assert layer.start(encoded).take(rows).length == 0


def test_decoder_is_bitwise_equal_for_any_number_of_threads():
    layer, x, encoded, found = TransformerDecoder(64, 4), numbers(8, 40, 32), numbers(8, 50, 32, seed=1), []
    for threads in (1, 3):
        with num_threads(threads):
            y, tape = layer.forward([x, encoded])
            dx, grads = layer.backward(tape, y)
        found.append([y, *dx, *grads])
    for one, other in zip(*found):
        np.testing.assert_array_equal(one, other)


def test_blocks_obey_masks_of_an_embedding():
    source, target = Input((None,)), Input((None,))
    table, positions = Embedding(9, D, mask_zero=True), SinePositionEncoding()
    x, y = table(source), table(target)
    encoded = TransformerEncoder(8, 2)(Add()([x, positions(x)]))
    decoded = TransformerDecoder(8, 2)(Add()([y, positions(y)]), encoded)
    model = Model([source, target], decoded)
    a, b = np.array([[1, 2, 3, 0], [4, 5, 0, 0]]), np.array([[1, 2, 0], [3, 0, 0]])
    whole = model.forward([a, b])[0]
    for row in range(2):  # each sequence without its padding
        short = model.forward([a[row : row + 1, a[row] > 0], b[row : row + 1, b[row] > 0]])[0]
        np.testing.assert_array_equal(whole[row : row + 1, b[row] > 0], short)
    y, tape = model.forward([a, b])
    np.testing.assert_array_equal(tape.masks[0], b > 0)
    assert decoded.shape == (None, None, D)


def test_blocks_config_round_trip_and_trainable():
    for kind, shape in ((TransformerEncoder, (None, T, D)), (TransformerDecoder, [(None, T, D), (None, S, E)])):
        layer = kind(8, 2, 0.1, "gelu", 1e-6, normalize_first=True, name="mine")
        assert kind.from_config(layer.get_config()).get_config() == layer.get_config()
        layer.build(shape)
        paths = [weight.path for weight in layer.weights]
        assert len(set(paths)) == len(paths)
        assert all(path.startswith("mine/") for path in paths)
        layer.trainable = False
        assert not layer.trainable_weights
        x = [numbers(B, T, D), numbers(B, S, E)]
        y, tape = layer.forward(x if isinstance(shape, list) else x[0])
        assert layer.backward(tape, y)[1] == []
        frozen = kind(8, 2, trainable=False)
        frozen.build(shape)
        assert not frozen.trainable_weights


def test_blocks_return_gradients_of_trainable_weights_when_a_sublayer_is_frozen():
    layer = made(TransformerDecoder)
    layer.build([(None, T, D), (None, S, E)])
    layer.sublayers()[1].inner[0].trainable = False
    assert_gradients(layer, [numbers(B, T, D), numbers(B, S, E, seed=1)], rtol=1e-5)
    assert len(layer.trainable_weights) == 26 - 8


def test_blocks_refuse_invalid_inputs():
    with pytest.raises(ValueError, match=r"e: the input must be \(batch, T, D\); got \(2, 4\)"):
        TransformerEncoder(8, 2, name="e")(np.ones((B, T)))
    with pytest.raises(ValueError, match="e: features must be at least num_heads = 8; got 6"):
        TransformerEncoder(8, 8, name="e")(np.ones((B, T, D)))
    with pytest.raises(ValueError, match=r"e: mask must be \(batch, T\) = \(2, 4\); got \(2, 3\)"):
        TransformerEncoder(8, 2, name="e")(np.ones((B, T, D)), mask=ENCODER_MASK)
    with pytest.raises(ValueError, match="TransformerEncoder: intermediate_dim must be"):
        TransformerEncoder(0, 2)
    with pytest.raises(ValueError, match="TransformerDecoder: activation must be"):
        TransformerDecoder(4, 2, activation="rel")
    both, alone = TransformerDecoder(8, 2, name="d"), TransformerDecoder(8, 2, name="d")
    with pytest.raises(ValueError, match="d: the layer must be built before it decodes"):
        alone.start()
    both(np.ones((B, T, D)), np.ones((B, S, E)))
    alone(np.ones((B, T, D)))
    with pytest.raises(ValueError, match="d: the layer was built with an encoder_sequence, but called without one"):
        both(np.ones((B, T, D)))
    with pytest.raises(ValueError, match="d: the layer was built with an encoder_sequence, but called without one"):
        both.start()
    with pytest.raises(ValueError, match="d: the layer was built without an encoder_sequence, but called with one"):
        alone(np.ones((B, T, D)), np.ones((B, S, E)))
    with pytest.raises(ValueError, match=r"d/cross_attention: query, value must be"):
        both(np.ones((B, T, D)), np.ones((B + 1, S, E)))
    with pytest.raises(ValueError, match=r"d: encoder_sequence must be \(batch, S, E\)"):
        TransformerDecoder(8, 2, name="d")(np.ones((B, T, D)), np.ones((B, E)))
    with pytest.raises(ValueError, match="d: x must have the batch size of the cache, 3; got 2"):
        alone.step(np.ones((2, 1, D)), alone.start(batch=3))
    with pytest.raises(ValueError, match="d: cache must come from start of this layer; got a cache of d"):
        alone.step(np.ones((2, 1, D)), both.start(np.ones((2, S, E))))
    with pytest.raises(TypeError, match="complex"):
        both(np.ones((B, T, D)), np.ones((B, S, E), complex))
