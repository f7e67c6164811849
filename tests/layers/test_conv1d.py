"""Tests of Conv1D: gradients of every option, the convolution written as loops, causality and errors."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse import num_threads
from seqfuse.layers import Conv1D, Input

B, T, I, O = 2, 7, 4, 6


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def loops(x, layer):
    """Compute the sum in the docstring of Conv1D with one loop per index."""
    kernel, bias = (weight.value for weight in layer.weights)
    K, s, d = layer.kernel_size[0], layer.strides[0], layer.dilation_rate[0]
    steps, reach = x.shape[1], d * (K - 1) + 1
    if layer.padding == "same":
        count = -(-steps // s)
        left = max((count - 1) * s + reach - steps, 0) // 2
    else:
        left = reach - 1 if layer.padding == "causal" else 0
        count = (left + steps - reach) // s + 1
    y = np.zeros((x.shape[0], count, layer.filters)) + bias
    in_size, out_size = x.shape[2] // layer.groups, layer.filters // layer.groups
    for t in range(count):
        for j in range(K):
            at = t * s + j * d - left
            if 0 <= at < steps:
                for g in range(layer.groups):
                    part = kernel[j][:, g * out_size : (g + 1) * out_size]
                    y[:, t, g * out_size : (g + 1) * out_size] += x[:, at, g * in_size : (g + 1) * in_size] @ part
    return y


@pairwise(
    window=[(1, 1, 1), (3, 1, 1), (2, 3, 1), (4, 2, 1), (3, 1, 2)], padding=["valid", "same", "causal"], groups=[1, 2]
)
def test_conv1d_matches_loops_and_central_differences(window, padding, groups):
    size, strides, dilation = window
    layer = Conv1D(
        O, size, strides, padding, dilation_rate=dilation, groups=groups, dtype="float64", bias_initializer="normal"
    )
    (y,) = assert_gradients(layer, numbers(B, T, I))
    np.testing.assert_allclose(y, loops(numbers(B, T, I), layer), rtol=1e-12, atol=1e-12)
    assert layer.compute_output_shape((B, T, I)) == y.shape
    assert layer.weights[0].shape == (size, I // groups, O)


@pytest.mark.parametrize(("activation", "use_bias"), [("relu", True), ("softmax", False), ("gelu", True)])
def test_conv1d_backward_matches_central_differences_with_activations(activation, use_bias):
    layer = Conv1D(O, 3, activation=activation, use_bias=use_bias, dtype="float64")
    assert_gradients(layer, numbers(B, T, I))
    assert len(layer.weights) == 1 + use_bias


def test_conv1d_does_not_depend_on_later_steps_when_causal():
    layer, x = Conv1D(O, 3, padding="causal", dilation_rate=2), numbers(B, T, I)
    y = layer(x)
    assert y.shape == (B, T, O)
    for t in range(T):
        changed = x.copy()
        changed[:, t + 1 :] = np.nan
        np.testing.assert_array_equal(layer(changed)[:, : t + 1], y[:, : t + 1])
        np.testing.assert_array_equal(layer(x[:, : t + 1]), y[:, : t + 1])


def test_conv1d_has_the_same_bits_for_any_number_of_threads():
    layer, x, found = Conv1D(48, 5, padding="same"), numbers(8, 60, 40), []
    for threads in (1, 3):
        with num_threads(threads):
            y, tape = layer.forward(x)
            dx, grads = layer.backward(tape, y)
        found.append([y, dx, *grads])
    for one, other in zip(*found):
        np.testing.assert_array_equal(one, other)


def test_conv1d_accepts_any_strides_and_does_not_modify_its_input():
    layer = Conv1D(O, 3, dtype="float64")
    x = numbers(T, B, 2 * I).swapaxes(0, 1)[:, ::-1, ::2]
    kept = x.copy()
    np.testing.assert_array_equal(layer(x), layer(np.ascontiguousarray(x)))
    np.testing.assert_array_equal(x, kept)


def test_conv1d_stores_arguments_as_keras_does():
    layer = Conv1D(4, (3,), strides=[2], padding="SAME", name="c")
    assert (layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding) == ((3,), (2,), (1,), "same")
    assert Conv1D.from_config(layer.get_config()).get_config() == layer.get_config()
    assert layer(Input((None, 3))).shape == (None, None, 4)
    assert Conv1D(4, 3)(Input((8, 3))).shape == (None, 6, 4)


def test_conv1d_accepts_empty_batches_and_sequences():
    layer = Conv1D(O, 3, padding="same")
    for shape in ((0, T, I), (B, 0, I)):
        y, tape = layer.forward(np.ones(shape))
        assert y.shape == (*shape[:2], O)
        assert layer.backward(tape, y)[0].shape == shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 0}, "filters must be"),
        ({"kernel_size": 0}, "kernel_size must be"),
        ({"kernel_size": (1, 2)}, r"kernel_size must be an integer or a tuple of one; got \(1, 2\)"),
        ({"padding": "full"}, "padding must be one of 'valid', 'same', 'causal'; got 'full'"),
        ({"groups": 4}, "filters must be a multiple of groups = 4; got 6"),
        ({"strides": 2, "dilation_rate": 2}, "strides or dilation_rate must be 1"),
        ({"data_format": "channels_first"}, 'data_format must be "channels_last"'),
    ],
)
def test_conv1d_refuses_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=f"Conv1D: {message}"):
        Conv1D(**{"filters": O, "kernel_size": 3} | options)


def test_conv1d_names_itself_when_it_refuses_an_input():
    with pytest.raises(ValueError, match="c: the input must have at least 5 steps, the size of a window; got 4"):
        Conv1D(O, 3, dilation_rate=2, name="c")(np.ones((B, 4, I)))
    with pytest.raises(ValueError, match="c: the input must have at least 3 steps"):
        Conv1D(O, 3, name="c")(Input((2, I)))
    with pytest.raises(ValueError, match=r"c: the input must be \(batch, T, I\); got \(2, 4\)\. One feature per step"):
        Conv1D(O, 3, name="c")(np.ones((2, 4)))
    with pytest.raises(ValueError, match="c: features must be a multiple of groups = 3; got 4"):
        Conv1D(O, 3, groups=3, name="c")(np.ones((B, T, 4)))
    layer = Conv1D(O, 3, name="c")
    layer(np.ones((B, T, I)))
    with pytest.raises(ValueError, match=r"I\) = \(..., 4\); got \(2, 7, 5\)"):
        layer(np.ones((B, T, 5)))
    with pytest.warns(UserWarning, match="mask of its input ends here"):
        assert layer.compute_mask(None, np.ones((B, T), bool)) is None
