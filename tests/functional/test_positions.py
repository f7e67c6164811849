"""Sinusoidal positions and rotary tables: those of the reference, to the last digit of float32."""

import numpy as np
import pytest

from seqfuse import functional as F
from seqfuse import reference

TABLES = {
    "sinusoidal_positions": lambda module, T, D, **how: [module.sinusoidal_positions(T, D, **how)],
    "sines first": lambda module, T, D, **how: [module.sinusoidal_positions(T, D, interleaved=False, **how)],
    "rotary_tables": lambda module, T, D, **how: module.rotary_tables(T, 2 * D, **how),
}
EACH = pytest.mark.parametrize("tables", TABLES.values(), ids=list(TABLES))


@EACH
@pytest.mark.parametrize("D", [0, 1, 2, 3, 64, 97])
@pytest.mark.parametrize("T", [0, 1, 50])
@pytest.mark.parametrize("how", [{}, {"base": 500_000.0}, {"offset": 12_345}, {"base": 1}], ids=str)
def test_tables_are_those_of_the_reference_in_a_wider_type_rounded(tables, T, D, how):
    """float64: an angle is rounded three times, each of its sines and cosines once more; largest is offset + T."""
    largest = how.get("offset", 0) + T
    for dtype, error in ((np.float32, 2.0**-25), (np.float64, 2.0**-54)):
        ours, truth = (tables(module, T, D, dtype=of, **how) for module, of in ((F, dtype), (reference, np.longdouble)))
        for a, e in zip(ours, truth, strict=True):
            assert (a.shape, a.dtype) == (e.shape, dtype)
            np.testing.assert_allclose(a, e.astype(float), rtol=0, atol=error + 4 * largest * 2.0**-53)


@EACH
def test_an_offset_is_a_view_of_a_longer_table(tables):
    for ours, longer in zip(tables(F, 5, 8, offset=1000), tables(F, 1005, 8), strict=True):
        np.testing.assert_array_equal(ours, longer[1000:])


@EACH
def test_float64_is_named_in_any_way_and_float32_is_what_it_rounds_to(tables):
    for wide, named, narrow in zip(tables(F, 7, 6, dtype=float), tables(F, 7, 6, dtype="f8"), tables(F, 7, 6)):
        assert (wide.dtype, narrow.dtype) == (np.float64, np.float32)
        np.testing.assert_array_equal(wide, named)
        np.testing.assert_array_equal(wide.astype(np.float32), narrow)
