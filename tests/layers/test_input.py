"""Tests of Input and InputLayer."""

import pytest

from seqfuse.layers import Dense, Input, InputLayer


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({"shape": (10, 1)}, (None, 10, 1)),
        ({"shape": (None,)}, (None, None)),
        ({"shape": ()}, (None,)),
        ({"shape": [3]}, (None, 3)),
        ({"shape": (3,), "batch_size": 4}, (4, 3)),
        ({"batch_shape": (4, None, 2)}, (4, None, 2)),
        ({"batch_shape": (None, 2)}, (None, 2)),
    ],
)
def test_input_has_the_given_shape(arguments, shape):
    assert Input(**arguments).shape == shape


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of shape and batch_shape must be given; got None and None"),
        ({"shape": (3,), "batch_shape": (None, 3)}, "one of shape and batch_shape must be given"),
        ({"shape": 3}, r"shape must be a tuple; got 3\. Write \(3,\)"),
        ({"shape": (3, -1)}, r"shape must be a tuple of sizes, or None for any; got \(3, -1\)"),
        ({"shape": (3, 2.0)}, "shape must be a tuple of sizes"),
        ({"shape": (True,)}, "shape must be a tuple of sizes"),
    ],
)
def test_input_refuses_wrong_shapes(arguments, message):
    with pytest.raises(ValueError, match=f"Input: {message}"):
        Input(**arguments)


def test_input_layer_has_a_name_a_dtype_and_no_weights():
    x = Input((3,), dtype="int32", name="words")
    layer = x.node.layer
    assert isinstance(layer, InputLayer)
    assert (x.name, layer.dtype, layer.weights, layer.built) == ("words", "int32", [], True)
    assert layer.forward(x)[0] is x
    assert Dense(2)(x).shape == (None, 2)
