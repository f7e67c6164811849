"""Tests of the window poolings: gradients, hand-computed values, errors."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse.layers import AveragePooling1D, Input, MaxPooling1D

KINDS = pytest.mark.parametrize("kind", [AveragePooling1D, MaxPooling1D])
FORMS = [(2, None), (3, 1), (2, 3), (3, 2), (1, 1), (9, 4)]


def drawn():
    return np.random.default_rng(1).standard_normal((2, 7, 3))


@pairwise(form=FORMS, padding=["valid", "same"], kind=[AveragePooling1D, MaxPooling1D])
def test_pooling_equals_hand_computed_windows_and_backward_matches_central_differences(form, padding, kind):
    size, strides = form
    if size > 7 and padding == "valid":
        with pytest.raises(ValueError, match="p: the input must have at least 9 steps, the size of a window; got 7"):
            kind(size, name="p")(drawn())
        return
    layer, x = kind(size, strides, padding, dtype="float64"), drawn()
    (y,) = assert_gradients(layer, x)
    stride = strides or size
    count = -(-7 // stride) if padding == "same" else (7 - size) // stride + 1
    left = max((count - 1) * stride + size - 7, 0) // 2 if padding == "same" else 0
    reduce = np.mean if kind is AveragePooling1D else np.max
    rows = [reduce(x[:, max(t * stride - left, 0) : t * stride - left + size], 1) for t in range(count)]
    np.testing.assert_allclose(y, np.stack(rows, 1), rtol=1e-13)
    assert layer.compute_output_shape(x.shape) == y.shape


@KINDS
def test_pooling_shapes_config_and_empty_inputs(kind):
    assert kind(2)(Input((None, 3))).shape == (None, None, 3)
    assert kind(2, padding="same")(Input((7, 3))).shape == (None, 4, 3)
    layer = kind(2, name="p")
    assert (layer.pool_size, layer.strides) == ((2,), (2,))
    assert kind.from_config(layer.get_config()).get_config() == layer.get_config()
    for shape in ((0, 4, 3), (2, 0, 3)):
        y, tape = kind(2, padding="same").forward(np.ones(shape))
        assert layer.backward(tape, y)[0].shape == shape


def test_maximum_gradient_goes_to_the_first_of_equal_steps():
    layer = MaxPooling1D(3)
    _, tape = layer.forward(np.array([[[1.0], [3.0], [3.0]]]))
    assert layer.backward(tape, np.full((1, 1, 1), 8, np.float32))[0].ravel().tolist() == [0, 8, 0]


def test_maximum_propagates_nan_and_ignores_padding():
    assert np.isnan(MaxPooling1D(2)(np.array([[[1.0], [np.nan]]]))).all()
    assert MaxPooling1D(3, 1, "same")(np.full((1, 3, 1), -5.0)).ravel().tolist() == [-5, -5, -5]


@KINDS
def test_pooling_refuses_invalid_inputs(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__}: pool_size must be"):
        kind(0)
    with pytest.raises(ValueError, match="padding must be one of 'valid', 'same'; got 'causal'"):
        kind(2, padding="causal")
    with pytest.raises(ValueError, match=r"p: the input must be \(batch, T, I\); got \(2, 3\)\. .*return_sequences"):
        kind(2, name="p")(np.ones((2, 3)))
    with pytest.warns(UserWarning, match="mask of its input ends here"):
        assert kind(2).compute_mask(None, np.ones((2, 4), bool)) is None
