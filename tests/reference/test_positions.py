"""Tests of sinusoidal positions and rotary tables: formulas and known properties."""

import numpy as np
import pytest

from seqfuse import reference


@pytest.mark.parametrize("D", [1, 2, 7, 8])
@pytest.mark.parametrize("options", [{}, {"base": 100.0, "offset": 3}], ids=str)
def test_sinusoidal_positions_equal_their_formula(D, options):
    base, offset = options.get("base", 10000.0), options.get("offset", 0)
    p = reference.sinusoidal_positions(5, D, dtype=np.float64, **options)
    for t in range(5):
        for d in range(D):
            angle = (t + offset) * base ** (-2 * (d // 2) / D)
            assert p[t, d] == pytest.approx(np.cos(angle) if d % 2 else np.sin(angle), abs=1e-15)


@pytest.mark.parametrize("D", [1, 2, 7, 8])
def test_sinusoidal_positions_with_interleaved_false_have_the_same_values_in_another_order(D):
    p = reference.sinusoidal_positions(5, D)
    sines_first = reference.sinusoidal_positions(5, D, interleaved=False)
    np.testing.assert_array_equal(sines_first, np.concatenate([p[:, 0::2], p[:, 1::2]], axis=1))


def test_sinusoidal_positions_equal_the_formula_of_keras():
    # The code of keras_hub.layers.SinePositionEncoding, in float64.
    T, D = 6, 10
    timescales = (1 / 10000) ** (2 * (np.arange(D) // 2) / D)
    angles = np.arange(T)[:, None] * timescales
    odd = np.arange(D) % 2
    expected = np.sin(angles) * (1 - odd) + np.cos(angles) * odd
    np.testing.assert_allclose(reference.sinusoidal_positions(T, D, dtype=float), expected, rtol=0, atol=1e-14)


def test_sinusoidal_positions_at_a_fixed_distance_differ_by_a_fixed_rotation():
    # Vaswani et al. 2017: p[t + n] is a linear function of p[t].
    p = reference.sinusoidal_positions(50, 16, dtype=np.float64)
    z = p[:, 1::2] + 1j * p[:, 0::2]
    np.testing.assert_allclose(z[7:], z[:-7] * z[7], rtol=1e-13)


def test_rotary_tables_equal_the_cosines_and_sines_of_the_sinusoidal_positions():
    cos, sin = reference.rotary_tables(9, 12, base=500.0, offset=4)
    p = reference.sinusoidal_positions(9, 12, base=500.0, offset=4)
    np.testing.assert_array_equal(cos, p[:, 1::2])
    np.testing.assert_array_equal(sin, p[:, 0::2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_tables_are_rounded_to_the_requested_dtype(dtype):
    p = reference.sinusoidal_positions(9, 12, dtype=dtype)
    cos, sin = reference.rotary_tables(9, 12, dtype=dtype)
    assert {a.dtype for a in (p, cos, sin)} == {np.dtype(dtype)}
    assert p[1, 0] == np.sin(np.result_type(dtype, np.float64).type(1)).astype(dtype)
