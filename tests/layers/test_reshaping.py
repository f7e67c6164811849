"""Tests of Flatten, Reshape and RepeatVector: shapes, gradients, errors."""

import numpy as np
import pytest

from layers.gradients import assert_gradients
from seqfuse.layers import Flatten, Input, RepeatVector, Reshape

ROWS = {(2, 3, 4): (2, 12), (2,): (2, 1), (0, 3): (0, 3), (2, 1, 3): (2, 3)}


@pytest.mark.parametrize(("shape", "wanted"), ROWS.items())
def test_flatten_returns_rows(shape, wanted):
    layer = Flatten(dtype="float64")
    x = np.random.default_rng(1).standard_normal(shape)
    assert np.array_equal(layer(x), x.reshape(wanted))
    assert_gradients(layer, x)
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *wanted[1:])


def test_flatten_output_shape_when_sizes_are_unknown():
    assert Flatten()(Input((None, 3))).shape == (None, None)
    with pytest.raises(ValueError, match='Flatten: data_format must be "channels_last"'):
        Flatten("channels_first")


@pytest.mark.parametrize(
    ("target", "shape"), [((3, 2), (4, 6)), ((-1,), (4, 2, 3)), ((2, -1, 1), (4, 6)), ((-1, 2), (0, 6)), ((), (4, 1))]
)
def test_reshape_returns_target_shape(target, shape):
    layer = Reshape(target, dtype="float64")
    x = np.random.default_rng(1).standard_normal(shape)
    wanted = np.empty(shape[1:]).reshape(target).shape
    assert np.array_equal(layer(x), x.reshape(shape[0], *wanted))
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *wanted)
    assert_gradients(layer, x)


def test_reshape_output_shape_when_sizes_are_unknown():
    assert Reshape((-1, 2))(Input((None, 4))).shape == (None, None, 2)


@pytest.mark.parametrize("target", [(4,), (-1, 4), (0, -1)])
def test_reshape_refuses_other_numbers_of_elements(target):
    with pytest.raises(ValueError, match=r"r: the input must have as many elements per row as .*; got \(2, 6\)"):
        Reshape(target, name="r")(np.ones((2, 6)))


@pytest.mark.parametrize("target", [(-1, -1), (-2,), (1.5,)])
def test_reshape_refuses_invalid_targets(target):
    with pytest.raises((ValueError, TypeError), match=r"Reshape: .*target_shape must"):
        Reshape(target)


def test_repeat_vector_repeats_and_sums_gradients():
    layer = RepeatVector(3, dtype="float64")
    x = np.random.default_rng(1).standard_normal((2, 4))
    assert np.array_equal(layer(x), np.stack([x] * 3, 1))
    assert layer.compute_output_shape((None, 4)) == (None, 3, 4)
    assert_gradients(layer, x)
    with pytest.raises(ValueError, match=r"the input must be \(batch, I\); got \(2, 3, 4\)"):
        layer(np.ones((2, 3, 4)))


@pytest.mark.parametrize("layer", [Flatten, lambda: Reshape((-1,)), lambda: RepeatVector(2)])
def test_reshaping_drops_the_mask_with_a_warning(layer):
    with pytest.warns(UserWarning, match="the mask of its input ends here"):
        assert layer().compute_mask(np.ones((1, 2)), np.ones((1, 2), bool)) is None
