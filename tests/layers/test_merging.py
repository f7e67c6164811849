"""Tests of the merging layers: broadcasting, masks, ties, shapes, errors."""

import numpy as np
import pytest

from layers.gradients import assert_gradients
from seqfuse.layers import Add, Average, Concatenate, Input, Maximum, Multiply, Subtract

KINDS = {Add: np.add, Average: lambda a, b: (a + b) / 2, Subtract: np.subtract, Multiply: np.multiply}
KINDS[Maximum] = np.maximum
SHAPES = [((2, 3), (2, 3)), ((2, 3, 4), (2, 1, 4)), ((2, 1, 1), (2, 3, 4)), ((2, 4), (2, 3, 4)), ((2, 5, 3, 4), (2, 4))]


def drawn(*shapes):
    rng = np.random.default_rng(1)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize(
    ("kind", "shapes"),
    [*((Multiply, shapes) for shapes in SHAPES), *((kind, SHAPES[2]) for kind in KINDS if kind is not Multiply)],
)
def test_merging_broadcasts_and_sums_gradients(kind, shapes):
    layer = kind(dtype="float64")
    x = drawn(*shapes)
    rank = max(map(len, shapes))
    a, b = (one.reshape(2, *(1,) * (rank - one.ndim), *one.shape[1:]) for one in x)
    wanted = KINDS[kind](a, b)
    assert np.array_equal(layer(x), wanted)
    assert layer.compute_output_shape([(None, *shape[1:]) for shape in shapes]) == (None, *wanted.shape[1:])
    assert_gradients(layer, x)


@pytest.mark.parametrize(
    ("kind", "n"), [*((kind, 4) for kind in KINDS if kind is not Subtract), (Add, 1), (Multiply, 1)]
)
def test_merging_accepts_any_number_of_inputs(kind, n):
    assert_gradients(kind(dtype="float64"), drawn(*[(2, 3)] * n))


@pytest.mark.parametrize("kind", [Multiply, Maximum])
@pytest.mark.parametrize("given", [(True, True, True), (True, False, True), (False, True, True), (False, False, True)])
def test_merging_excludes_masked_steps(kind, given):
    masks = [mask if there else None for mask, there in zip(np.random.default_rng(3).random((3, 2, 5)) < 0.5, given)]
    x = drawn(*[(2, 5, 3)] * 3)
    assert_gradients(kind(dtype="float64"), x, mask=masks)


def test_multiply_is_one_for_a_masked_input_and_zero_when_all_are_masked():
    a, b, real = np.full((1, 3, 1), np.nan), np.full((1, 3, 1), 5.0), np.array([[False, False, True]])
    a[0, 2], b[0, 1] = 2, np.nan
    layer = Multiply()
    y, tape = layer.forward([a, b], mask=[real, np.array([[True, False, True]])])
    assert y.ravel().tolist() == [5, 0, 10]
    da, db = layer.backward(tape, np.ones((1, 3, 1), np.float32))[0]
    assert da.ravel().tolist() == [0, 0, 5]
    assert db.ravel().tolist() == [1, 0, 2]


def test_maximum_is_the_other_input_when_one_is_masked():
    a, b = np.array([[[9.0], [np.nan]]]), np.array([[[1.0], [2.0]]])
    layer = Maximum()
    y, tape = layer.forward([a, b], mask=[np.array([[True, False]]), np.array([[True, True]])])
    assert y.ravel().tolist() == [9, 2]
    da, db = layer.backward(tape, np.ones((1, 2, 1), np.float32))[0]
    assert (da.ravel().tolist(), db.ravel().tolist()) == ([1, 0], [0, 1])


def test_maximum_halves_the_gradient_when_inputs_are_equal():
    layer = Maximum()
    _, tape = layer.forward([np.ones((1, 1))] * 3)
    assert [dx.item() for dx in layer.backward(tape, np.ones((1, 1), np.float32))[0]] == [0.25, 0.25, 0.5]


def test_merging_mask_is_valid_where_any_input_is_valid():
    a, b = np.array([[True, False, False]]), np.array([[False, True, False]])
    assert np.array_equal(Add().compute_mask(None, [a, b]), [[True, True, False]])
    assert Add().compute_mask(None, [a, None]) is None
    assert Add().compute_mask(None, None) is None


@pytest.mark.parametrize("axis", [-1, 1, 2, -2, 0])
def test_concatenate_joins_inputs_and_splits_gradients(axis):
    x = drawn((2, 3, 4), (2, 3, 4))
    x += drawn(tuple(n + (i == axis % 3) for i, n in enumerate((2, 3, 4))))
    layer = Concatenate(axis, dtype="float64")
    wanted = np.concatenate(x, axis)
    assert np.array_equal(layer(x), wanted)
    assert layer.compute_output_shape([one.shape for one in x]) == wanted.shape
    assert_gradients(layer, x)


def test_concatenate_concatenates_masks():
    x = [np.ones((1, 2, 3)), np.ones((1, 2, 1))]
    a = np.array([[True, False]])
    assert np.array_equal(Concatenate(1).compute_mask(x, [a, None]), [[True, False, True, True]])
    assert np.array_equal(Concatenate().compute_mask(x, [a, ~a]), [[True, True]])
    assert np.array_equal(Concatenate().compute_mask(x, [a, a]), a)
    assert Concatenate().compute_mask(x, [None, None]) is None


def test_merging_accepts_symbolic_inputs():
    a, b = Input((None, 3)), Input((5, 3))
    assert Add()([a, b]).shape == (None, None, 3)
    assert Concatenate()([a, b]).shape == (None, None, 6)
    assert Concatenate(1)([a, b]).shape == (None, None, 3)


@pytest.mark.parametrize("kind", [Add, Concatenate])
@pytest.mark.parametrize("x", [np.ones((2, 3)), Input((3,)), []])
def test_merging_refuses_inputs_that_are_no_list(kind, x):
    with pytest.raises(ValueError, match="m: inputs must be a list"):
        kind(name="m")(x)


@pytest.mark.parametrize("kind", [Add, Concatenate])
@pytest.mark.parametrize("shapes", [((2, 3), (3, 3)), ((2, 3, 4), (2, 2, 4))])
def test_merging_refuses_shapes_that_do_not_broadcast(kind, shapes):
    with pytest.raises(ValueError, match=r"m: inputs must have .*; got "):
        kind(name="m")(drawn(*shapes))
    with pytest.raises(ValueError, match=r"m: inputs must have .*; got "):
        kind(name="m")([Input(shape=None, batch_shape=shape) for shape in shapes])


def test_subtract_refuses_other_than_two_inputs():
    with pytest.raises(ValueError, match="s: inputs must be a list of 2; got 3"):
        Subtract(name="s")([np.ones((1, 1))] * 3)


def test_concatenate_refuses_invalid_axes():
    with pytest.raises(ValueError, match=r"c: axis must be an axis of the input \(2, 3\); got 2"):
        Concatenate(2, name="c")([np.ones((2, 3))] * 2)
    with pytest.raises(TypeError, match="Concatenate: axis must be an integer"):
        Concatenate(None)
