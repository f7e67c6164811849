"""Tests of the dtype in which the reference computes."""

import numpy as np
import pytest

from seqfuse.reference.dtypes import computed_dtype


@pytest.mark.parametrize(
    ("given", "computed"),
    [("?", "f4"), ("u1", "f4"), ("i8", "f4"), ("f2", "f4"), (">f2", "f4"), ("f4", "f4"), (">f8", "f8"), ("g", "g")],
)
def test_computed_dtype_of_one_array(given, computed):
    assert computed_dtype(np.zeros(2, given), None) == np.dtype(computed)
    assert computed_dtype(np.zeros(2, given), None).isnative


def test_computed_dtype_takes_bfloat16_for_half():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert computed_dtype(np.zeros(2, ml_dtypes.bfloat16)) == np.float32


@pytest.mark.parametrize("given", [np.zeros(2, complex), np.array([None]), np.array(["1"])])
def test_computed_dtype_refuses_other_kinds(given):
    with pytest.raises(TypeError, match="the dtype must be floating-point"):
        computed_dtype(np.zeros(2), given)
