"""Tests that a backward function is safe and correct if its inputs change shape, dtype or size after the forward."""

import numpy as np
import pytest

from seqfuse import functional as F

B, T, I, H = 3, 5, 6, 4
IDS = np.array([[0, 1, 2]] * 2)


def random(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


# name -> arrays by argument, and further arguments. All gradients of y are ones.
CALLS = {
    "lstm": ({"x": (T, B, I), "W": (I, 4 * H), "U": (H, 4 * H), "b": (4 * H,)}, {}),
    "gru": ({"x": (T, B, I), "W": (I, 3 * H), "U": (H, 3 * H), "b": (2, 3 * H)}, {"checkpoint": 2}),
    "indrnn": ({"x": (T, B, I), "W": (I, H), "U": (H,), "b": (H,)}, {}),
    "dense": ({"x": (B, I), "W": (I, H), "b": (H,)}, {}),
    "layer_norm": ({"x": (B, I), "gamma": (I,), "beta": (I,)}, {}),
    "rms_norm": ({"x": (B, I), "gamma": (I,)}, {}),
    "gelu": ({"x": (B, I)}, {}),
    "silu": ({"x": (B, I)}, {}),
    "softmax": ({"x": (B, I)}, {}),
    "readout": ({"h": (B, H), "x": (B, I), "W": (H, 2), "V": (I, 2), "c": (2,)}, {"activation": "tanh"}),
    "attention": ({"q": (B, 2, T, I), "k": (B, 2, T, I), "v": (B, 2, T, H)}, {}),
    "multi_head_attention": (
        {"query": (B, T, I), "Wq": (I, 2, H), "Wk": (I, 2, H), "Wv": (I, 2, H), "Wo": (2, H, I)},
        {},
    ),
    "rotary": ({"x": (B, 2, T, I), "cos": (T, I // 2), "sin": (T, I // 2)}, {}),
    "softmax_cross_entropy": ({"logits": (2, 3, 4)}, {"labels": IDS}),
    "ctc_loss": ({"logits": (T, 2, 4)}, {"labels": IDS[:, 1:]}),
}


# The backward functions do not need these arguments.
NOT_KEPT = {("layer_norm", "beta"), ("readout", "c"), ("dense", "b"), ("softmax", "x"), ("rotary", "x")}


def forward(name):
    shapes, others = CALLS[name]
    arrays = {argument: random(*shape) for argument, shape in shapes.items()}
    out, tape = getattr(F, f"{name}_forward")(**arrays, **others)
    return arrays, out, tape


def gradients(name, out, tape):
    y = out[0] if isinstance(out, tuple) else out
    arguments = {"softmax_cross_entropy": (1.0,), "ctc_loss": (np.ones(2),)}.get(name, (np.ones(np.shape(y)),))
    result = getattr(F, f"{name}_backward")(tape, *arguments)
    return [a for a in (result if isinstance(result, tuple) else (result,)) if a is not None]


@pytest.mark.parametrize("name", CALLS)
def test_backward_does_not_see_changes_of_shape_and_dtype(name):
    _, out, tape = forward(name)
    expected = gradients(name, out, tape)
    arrays, out, tape = forward(name)
    for array in (*arrays.values(), *(a for a in (out if isinstance(out, tuple) else (out,)) if a is not None)):
        if isinstance(array, np.ndarray):
            array.shape = (array.size,)
            array.dtype = np.uint8
    y_shape = np.shape(forward(name)[1][0] if isinstance(out, tuple) else forward(name)[1])
    y = np.empty(y_shape)
    for actual, correct in zip(gradients(name, y, tape), expected, strict=True):
        np.testing.assert_array_equal(actual, correct)


@pytest.mark.parametrize("name", CALLS)
def test_arrays_of_a_tape_cannot_be_resized(name):
    arrays, out, tape = forward(name)
    expected = gradients(name, out, tape)
    for argument, array in arrays.items():
        if (name, argument) in NOT_KEPT:
            continue
        with pytest.raises(ValueError, match="cannot resize"):
            array.resize((1,), refcheck=False)
    for actual, correct in zip(gradients(name, out, tape), expected, strict=True):
        np.testing.assert_array_equal(actual, correct)


def test_softmax_output_cannot_be_resized():
    _, y, tape = forward("softmax")
    with pytest.raises(ValueError, match="cannot resize"):
        y.resize((1,), refcheck=False)
    del tape
    y.resize((1,), refcheck=False)  # nothing needs it any more
