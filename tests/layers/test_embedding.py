"""Tests of Embedding: lookup, gradients, masks, given weights and errors."""

import numpy as np
import pytest

import seqfuse as sf
from layers.gradients import assert_gradients
from seqfuse.layers import Embedding, Input


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64", ">i4", "float32", "float64", "bool"])
def test_embedding_accepts_integers_of_any_dtype(dtype):
    layer, x = Embedding(4, 3), np.array([[0, 1], [1, 0]], dtype)
    y, _ = layer.forward(x)
    assert y.dtype == np.float32
    assert np.array_equal(y, layer.embeddings.value[x.astype(int)])


def test_embedding_accepts_lists():
    assert Embedding(4, 3)([[1, 2, 3]]).shape == (1, 3, 3)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 2), (0, 3), (2, 0)])
def test_embedding_backward_matches_central_differences(shape):
    x = np.random.default_rng(1).integers(0, 5, shape)
    assert_gradients(Embedding(5, 2, dtype="float64"), x)


@pytest.mark.parametrize("threads", [1, 2])
def test_embedding_gradient_of_many_repeats_is_accurate(threads):
    # A single sum of 1,000,000 times 0.1 in float32 would be 1 % off.
    x, dy = np.ones((1, 1_000_000), np.int64), np.full((1, 1_000_000, 1), 0.1, np.float32)
    layer = Embedding(2, 1)
    _, tape = layer.forward(x)
    with sf.num_threads(threads):
        _, (gradient,) = layer.backward(tape, dy)
    np.testing.assert_allclose(gradient, [[0], [1e5]], rtol=1e-6)


def test_embedding_backward_returns_no_gradients_when_frozen():
    layer = Embedding(5, 2, trainable=False)
    _, tape = layer.forward(np.array([[1]]))
    assert layer.backward(tape, np.ones((1, 1, 2), np.float32)) == (None, [])


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[0, 5]], ValueError, r"words: the input must be in 0\.\.input_dim-1 = 0\.\.4; got 5 at \[0, 1\]"),
        (
            [[-1, 0]],
            ValueError,
            r"words: the input must be in 0\.\.input_dim-1 = 0\.\.4; got -1 at \[0, 0\]\. Negative",
        ),
        ([[0.0, 5.0]], ValueError, r"words: the input must be in 0\.\.input_dim-1"),
        ([[0.5, 1.0]], ValueError, r"words: the input must be integers, or floats with integer values; got 0\.5"),
        ([[np.nan]], ValueError, r"words: the input must be integers, or floats with integer values; got nan"),
        ([[1e30]], ValueError, r"words: the input must be integers, or floats with integer values; got 1e\+30"),
        ([["a"]], TypeError, r"words: the input must be"),
        (3, ValueError, r"words: the input must be \(batch, \.\.\.\); got \(\)"),
    ],
)
def test_embedding_names_itself_when_it_refuses_an_input(x, error, message):
    with pytest.raises(error, match=message):
        Embedding(5, 2, name="words")(np.array(x))


def test_embedding_mask_is_true_where_the_input_is_not_zero():
    x = np.array([[1, 0, 2]])
    assert Embedding(3, 2).compute_mask(x) is None
    assert np.array_equal(Embedding(3, 2, mask_zero=True).compute_mask(x), [[True, False, True]])
    assert Embedding(3, 2, mask_zero=True).makes_mask
    assert not Embedding(3, 2).makes_mask


@pytest.mark.parametrize("wrap", [list, np.asarray, lambda rows: [np.asarray(rows)]])
def test_embedding_starts_from_given_weights(wrap):
    rows = [[1.0, 2.0], [3.0, 4.0]]
    layer = Embedding(2, 2, weights=wrap(rows))
    assert np.array_equal(layer(np.array([[1, 0]])), [rows[::-1]])
    again = Embedding.from_config(layer.get_config())
    assert "weights" not in layer.get_config()
    assert (again.input_dim, again.output_dim) == (2, 2)


def test_embedding_adds_an_axis_to_a_symbolic_input():
    assert Embedding(5, 2, input_length=7)(Input((None,))).shape == (None, None, 2)


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (True, 1)])
def test_embedding_refuses_wrong_sizes(sizes):
    with pytest.raises((ValueError, TypeError), match=r"Embedding: (in|out)put_dim must be"):
        Embedding(*sizes)
