"""Tests of sinusoidal positions and rotary tables: accuracy, offsets and dtypes."""

import numpy as np
import pytest

from seqfuse import functional as F
from seqfuse import reference

TABLES = {
    "sinusoidal_positions": lambda module, T, D, **options: [module.sinusoidal_positions(T, D, **options)],
    "sines first": lambda module, T, D, **options: [module.sinusoidal_positions(T, D, interleaved=False, **options)],
    "rotary_tables": lambda module, T, D, **options: module.rotary_tables(T, 2 * D, **options),
}
EACH = pytest.mark.parametrize("tables", TABLES.values(), ids=list(TABLES))


@EACH
@pytest.mark.parametrize("D", [0, 1, 2, 3, 64, 97])
@pytest.mark.parametrize("T", [0, 1, 50])
@pytest.mark.parametrize("options", [{}, {"base": 500_000.0}, {"offset": 12_345}, {"base": 1}], ids=str)
def test_tables_equal_the_rounded_reference_in_a_wider_dtype(tables, T, D, options):
    # In float64 an angle of at most offset + T is rounded three times, and its sine and cosine once more.
    largest = options.get("offset", 0) + T
    for dtype, error in ((np.float32, 2.0**-25), (np.float64, 2.0**-54)):
        results, truth = (
            tables(module, T, D, dtype=number_type, **options)
            for module, number_type in ((F, dtype), (reference, np.longdouble))
        )
        for a, e in zip(results, truth, strict=True):
            assert (a.shape, a.dtype) == (e.shape, dtype)
            np.testing.assert_allclose(a, e.astype(float), rtol=0, atol=error + 4 * largest * 2.0**-53)


@EACH
def test_tables_with_an_offset_equal_the_end_of_a_longer_table(tables):
    for results, longer in zip(tables(F, 5, 8, offset=1000), tables(F, 1005, 8), strict=True):
        np.testing.assert_array_equal(results, longer[1000:])


@EACH
def test_tables_accept_any_name_of_float64_and_round_to_float32(tables):
    for wide, named, narrow in zip(tables(F, 7, 6, dtype=float), tables(F, 7, 6, dtype="f8"), tables(F, 7, 6)):
        assert (wide.dtype, narrow.dtype) == (np.float64, np.float32)
        np.testing.assert_array_equal(wide, named)
        np.testing.assert_array_equal(wide.astype(np.float32), narrow)
