"""The judges of the other tests: that they tell right from wrong."""

import numpy as np
import pytest
from cases import CALLS, VARIANTS, assert_accurate, assert_gradient, central_differences, make_case

from seqfuse import reference

pytestmark = pytest.mark.once


def test_central_differences_of_a_cubic_restore_their_argument():
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    before = x.copy()
    assert_gradient("dx", 3 * x**2, central_differences(lambda: (x**3).sum(), x))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("wrong", [1e-6, np.nan])
def test_assert_gradient_refuses_a_wrong_gradient(wrong):
    with pytest.raises(AssertionError, match="dx is"):
        assert_gradient("dx", np.ones(3) + wrong, np.ones(3))


def test_assert_accurate_allows_twice_the_error_of_the_reference_and_1_ulp():
    truth = np.array([1.0, 0.5])
    reference_result = np.float32([1 + 2**-20, 0.5])  # an error of 8 ulp
    assert_accurate("y", np.float32([1 + 2**-19 + 2**-23, 0.5]), reference_result, truth)
    for wrong in (1 + 2**-18, np.nan):
        with pytest.raises(AssertionError, match="y has max error"):
            assert_accurate("y", np.float32([wrong, 0.5]), reference_result, truth)
    with pytest.raises(AssertionError, match="y is float64"):
        assert_accurate("y", truth, reference_result, truth)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_float32_case_has_the_values_of_its_float64_twin(cell, options, call):
    case = make_case(cell, options, T=9, H=5, dtype=np.float32, call=call)
    (out, _, grads), (truth, _, dtruth) = case.run(reference), case.astype(np.float64).run(reference)
    for name, a, t in zip((*out._fields, *grads._fields), (*out, *grads), (*truth, *dtruth)):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, t, rtol=1e-4, atol=1e-4, err_msg=name)
        assert_accurate(name, a, a, t)
