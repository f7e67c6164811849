"""Tests of dense, embedding, dropout, cross-entropy and Adam: memory layouts, types, accumulation, aliasing."""

import numpy as np
import pytest

from seqfuse import functional as F

rng = np.random.default_rng(0)
X, W, B, DY = (rng.normal(size=shape) for shape in ((4, 3, 5), (5, 6), (6,), (4, 3, 6)))
E, LOGITS, IDS = rng.normal(size=(7, 6)), rng.normal(size=(4, 3, 7)), rng.integers(0, 7, (4, 3))


def every_second_column(array):
    return np.repeat(array, 2, -1)[..., ::2]


def backwards(array):
    return array[..., ::-1].copy()[..., ::-1]


def byte_swapped(array):
    return array.astype(array.dtype.newbyteorder())


LAYOUTS = pytest.mark.parametrize("of", [every_second_column, backwards, byte_swapped, np.asfortranarray, list])


def dense(of=np.asarray):
    y, tape = F.dense_forward(of(X), of(W), of(B))
    return y, *F.dense_backward(tape, of(DY))


def embedding(of=np.asarray):
    y, tape = F.embedding_forward(of(IDS), of(E))
    return y, F.embedding_backward(tape, of(DY))


def dropout(of=np.asarray):
    y, tape = F.dropout_forward(of(X), 0.5, seed=3)
    return y, F.dropout_backward(tape, of(X))


def softmax_cross_entropy(of=np.asarray):
    loss, tape = F.softmax_cross_entropy_forward(of(LOGITS), of(IDS))
    return np.array(loss), F.softmax_cross_entropy_backward(tape, 0.5)


@LAYOUTS
@pytest.mark.parametrize("pair", [dense, embedding, dropout, softmax_cross_entropy])
def test_results_do_not_depend_on_memory_layout(pair, of):
    inputs = (X, W, B, DY, E, LOGITS, IDS)
    before = [array.copy() for array in inputs]
    for got, wanted in zip(pair(of), pair(), strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)
    for array, old in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), ()], ids=str)
def test_operations_accept_zero_rows_and_single_rows(shape):
    y, tape = F.dense_forward(np.ones((*shape, 5)), W, B)
    grads = F.dense_backward(tape, np.ones((*shape, 6)))
    assert (y.shape, grads.dx.shape) == ((*shape, 6), (*shape, 5))
    y, tape = F.embedding_forward(np.ones(shape, np.int32), E)
    dE = F.embedding_backward(tape, np.ones((*shape, 6)))
    assert (y.shape, dE.shape) == ((*shape, 6), (7, 6))
    y, tape = F.dropout_forward(np.ones(shape), 0.5, seed=0)
    assert y.shape == F.dropout_backward(tape, np.ones(shape)).shape == shape
    loss, tape = F.softmax_cross_entropy_forward(np.ones((*shape, 7)), np.ones(shape, int))
    assert (F.softmax_cross_entropy_backward(tape).shape, bool(loss)) == ((*shape, 7), shape == ())
    if shape:
        assert not any(array.any() for array in (grads.dW, grads.db, dE))


def test_dense_accepts_zero_inputs_and_outputs():
    y, tape = F.dense_forward(np.ones((4, 0)), np.ones((0, 6)), B)
    np.testing.assert_array_equal(y, np.broadcast_to(B, (4, 6)))
    grads = F.dense_backward(tape, np.ones((4, 6)))
    assert (grads.dx.shape, grads.dW.shape, grads.db.tolist()) == ((4, 0), (0, 6), [4.0] * 6)
    y, tape = F.dense_forward(np.ones((4, 5)), np.ones((5, 0)))
    assert y.shape == (4, 0)
    assert not F.dense_backward(tape, y).dx.any()


def test_embedding_tape_is_unaffected_when_ids_change():
    ids = np.array([1, 2], np.int64)
    _, tape = F.embedding_forward(ids, E)
    ids[...] = 10**9
    assert F.embedding_backward(tape, np.ones((2, 6))).sum(axis=1).tolist() == [0, 6, 6, 0, 0, 0, 0]


def test_cross_entropy_tape_is_unaffected_when_labels_change():
    labels = np.array([1, 2], np.int64)
    _, tape = F.softmax_cross_entropy_forward(np.zeros((2, 4)), labels)
    wanted = F.softmax_cross_entropy_backward(tape)
    labels[...] = 10**9
    np.testing.assert_array_equal(F.softmax_cross_entropy_backward(tape), wanted)


@pytest.mark.parametrize("dtype", "bhilqBHILQ")
def test_ids_and_labels_may_have_any_integer_type(dtype):
    np.testing.assert_array_equal(F.embedding(IDS.astype(dtype), E), F.embedding(IDS, E))
    assert F.softmax_cross_entropy(LOGITS, IDS.astype(dtype)) == F.softmax_cross_entropy(LOGITS, IDS)


def test_into_is_accumulated_and_returned():
    _, tape = F.dense_forward(X, W, B)
    into = np.ones_like(W), np.ones_like(B)
    grads, added = F.dense_backward(tape, DY), F.dense_backward(tape, DY, into=into)
    assert (added.dW is into[0], added.db is into[1]) == (True, True)
    np.testing.assert_allclose(added.dW, 1 + grads.dW, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(added.db, 1 + grads.db, rtol=1e-13, atol=1e-13)
    _, tape = F.embedding_forward(IDS, E)
    dE = np.ones((6, 7)).T
    assert F.embedding_backward(tape, DY, into=dE) is dE
    np.testing.assert_allclose(dE, 1 + F.embedding_backward(tape, DY), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("layout", ["C", "strided", "Fortran"])
def test_adam_updates_params_m_and_v_in_place_but_not_grads(layout):
    start = [rng.normal(size=(4, 6)) for _ in range(2)] + [np.ones((4, 6))] * 2
    make = {"C": np.copy, "strided": every_second_column, "Fortran": np.asfortranarray}[layout]
    plain, other = [array.copy() for array in start], [make(array) for array in start]
    grads = other[1].copy()
    for step in (1, 2):
        F.adam_update(*plain, step=step)
        assert F.adam_update(*other, step=step) is None
    for got, wanted in zip(other, plain, strict=True):
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(other[1], grads)
    assert not np.array_equal(other[0], start[0])


def test_adam_accepts_gradients_that_share_memory_aliased():
    start = rng.normal(size=8)
    plain, m, v = start.copy(), np.zeros(8), np.zeros(8)
    F.adam_update(plain, start.copy(), m, v, step=1)
    shared, m, v = start.copy(), np.zeros(8), np.zeros(8)
    F.adam_update(shared, shared, m, v, step=1)
    np.testing.assert_array_equal(shared, plain)


def test_adam_refuses_params_that_overlap_m_or_v():
    shared = np.zeros(9)
    with pytest.raises(ValueError, match=r"^adam_update: m must not overlap params; got arrays that share memory"):
        F.adam_update(shared[:8], np.ones(8), shared[1:], np.zeros(8), step=1)
