"""`into`: what is added to, what is returned."""

import numpy as np

from seqfuse.reference.accumulate import accumulate


def test_accumulate_without_into_returns_the_gradients():
    grads = (np.ones(2), None)
    assert accumulate(None, grads) is grads


def test_accumulate_adds_in_place_and_leaves_what_has_no_gradient():
    W, b = np.ones(2), np.ones(3)
    total, none = accumulate((W, b), (np.array([1.0, 2.0]), None))
    assert total is W
    assert none is None
    np.testing.assert_array_equal(W, [2, 3])
    np.testing.assert_array_equal(b, 1)
