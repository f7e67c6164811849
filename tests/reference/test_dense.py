"""Tests of the reference dense layer: gradients, shapes and dtypes."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse import reference


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3), (0, 3), (4, 0)])
def test_dense_backward_matches_central_differences(shape, bias):
    rng = np.random.default_rng(0)
    x, W, b = rng.normal(size=shape), rng.normal(size=(shape[-1], 5)), rng.normal(size=5) if bias else None
    y, tape = reference.dense_forward(x, W, b)
    assert y.shape == (*shape[:-1], 5)
    dy = rng.normal(size=y.shape)
    grads = reference.dense_backward(tape, dy)
    for name, argument, gradient in zip("xWb", (x, W, b), grads):
        if argument is None:
            assert gradient is None
        else:
            numeric = central_differences(lambda: (reference.dense(x, W, b) * dy).sum(), argument)
            assert_gradient(f"d{name}", gradient, numeric)


@pytest.mark.parametrize("bias", [False, True])
def test_dense_backward_adds_to_into_and_returns_it(bias):
    rng = np.random.default_rng(0)
    x, W, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=5) if bias else None
    y, tape = reference.dense_forward(x, W, b)
    without_into = reference.dense_backward(tape, y)
    into = (np.ones((3, 5)), np.ones(5) if bias else None)
    added = reference.dense_backward(tape, y, into=into, need_dx=False)
    assert added.dx is None
    assert added.dW is into[0]
    assert added.db is into[1]
    np.testing.assert_array_equal(added.dW, 1 + without_into.dW)


def test_dense_computes_in_the_widest_dtype():
    x, W, b = np.ones((2, 3), np.float16), np.ones((3, 4), np.float32), np.ones(4)
    assert reference.dense(x, W).dtype == np.float32
    assert reference.dense(x, W, b).dtype == np.float64
    assert reference.dense(x.astype(np.longdouble), W).dtype == np.longdouble
