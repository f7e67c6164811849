"""Tests of the reference embedding: gradients, repeated ids and shapes."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse import reference


@pytest.mark.parametrize("shape", [(), (4,), (3, 7), (0,), (2, 0)])
def test_embedding_backward_matches_central_differences(shape):
    rng = np.random.default_rng(0)
    ids, E = rng.integers(5, size=shape), rng.normal(size=(5, 2))
    y, tape = reference.embedding_forward(ids, E)
    assert y.shape == (*shape, 2)
    dy = rng.normal(size=y.shape)
    numeric = central_differences(lambda: (reference.embedding(ids, E) * dy).sum(), E)
    assert_gradient("dE", reference.embedding_backward(tape, dy), numeric)


def test_embedding_backward_adds_repeated_ids_to_into_and_returns_it():
    _, tape = reference.embedding_forward([1, 1, 0], np.zeros((3, 2)))
    into = np.ones((3, 2))
    assert reference.embedding_backward(tape, [[1, 2], [3, 4], [5, 6]], into=into) is into
    np.testing.assert_array_equal(into, [[6, 7], [5, 7], [1, 1]])


def test_embedding_of_an_empty_list_is_empty():
    assert reference.embedding([], np.zeros((3, 2), np.float32)).shape == (0, 2)
