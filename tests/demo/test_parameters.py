import numpy as np
import pytest

from seqfuse.demo.parameters import Sizes, initial, zeros

pytestmark = pytest.mark.once
SIZES = Sizes(vocabulary=7, embedding=3, hidden=5)


def test_zeros_are_views_that_cover_one_flat_array():
    p = zeros(SIZES)
    for n, view in enumerate(p[1:], 1):
        assert np.shares_memory(view, p.flat)
        view[...] = n
    assert p.flat.size == sum(view.size for view in p[1:])
    np.testing.assert_array_equal(np.unique(p.flat), [1, 2, 3, 4, 5, 6])


def test_initial_is_the_same_for_the_same_seed():
    np.testing.assert_array_equal(initial(SIZES, 3).flat, initial(SIZES, 3).flat)
    assert np.any(initial(SIZES, 3).flat != initial(SIZES, 4).flat)


def test_initial_recurrent_weights_are_orthogonal_and_the_forget_bias_is_one():
    p = initial(SIZES, 0, np.float64)
    np.testing.assert_allclose(p.U @ p.U.T, np.eye(5), atol=1e-14)
    np.testing.assert_array_equal(p.b.reshape(4, 5)[:, 0], [0, 1, 0, 0])
    assert np.abs(p.W).max() <= np.sqrt(6 / (3 + 20))
