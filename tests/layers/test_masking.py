"""Tests of Masking: which steps are padding, gradients and errors."""

import numpy as np
import pytest

from layers.gradients import assert_gradients
from seqfuse.layers import Masking


@pytest.mark.parametrize("value", [0.0, -1, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_masking_masks_steps_when_all_features_have_the_value(value, dtype):
    x = np.full((2, 3, 2), value, dtype)
    x[0, 1, 1] = 7
    layer = Masking(value)
    y, tape = layer.forward(x)
    expected = np.array([[False, True, False], [False] * 3])
    assert np.array_equal(layer.compute_mask(x), expected)
    assert np.array_equal(layer.mask_after(tape, x, None), expected)
    assert np.array_equal(y, np.where(expected[..., None], x.astype(np.float32), 0))


def test_masking_backward_matches_central_differences():
    x = np.random.default_rng(2).standard_normal((2, 3, 2))
    x[0, 1] = -1
    layer = Masking(-1, dtype="float64")
    _, tape = layer.forward(x)
    dx, _ = layer.backward(tape, np.full(x.shape, np.nan))
    assert np.array_equal(np.isnan(dx), np.repeat(layer.compute_mask(x)[..., None], 2, -1))
    x[0, 1] = 0.5  # otherwise a central difference would make the step valid
    assert_gradients(layer, x)


def test_masking_replaces_the_mask_of_its_input():
    assert Masking().compute_mask(np.ones((1, 2, 1)), np.array([[True, False]])).all()


def test_masking_refuses_a_mask_value_that_is_not_a_number():
    with pytest.raises(TypeError, match="Masking: mask_value must be a real number; got 'a'"):
        Masking("a")
