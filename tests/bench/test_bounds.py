"""Test the measured peak rates: arithmetic and reading."""

import pytest

from seqfuse.bench import bounds

pytestmark = pytest.mark.serial  # measures time

SHORT = 1e-4  # seconds: the tests do not depend on the exact rates


def test_arithmetic_has_a_plausible_rate():
    assert bounds.ARITHMETIC.measure(1, 1, SHORT) > 1e8


def test_arithmetic_multiplies_the_rate_of_one_core_by_threads(monkeypatch):
    class Kernels:
        def peak_flops(self, dtype, seconds):
            return {("float32", SHORT): 5.0}[dtype, seconds]

    monkeypatch.setattr(bounds._backend, "kernels", Kernels())
    assert bounds.ARITHMETIC.measure(1, 3, SHORT) == 15.0


@pytest.mark.parametrize(("amount", "threads"), [(1, 2), (1000, 1), (1 << 20, 2)])
def test_reading_has_a_positive_rate(amount, threads):
    assert bounds.READING.measure(amount, threads, SHORT) > 0


def test_reading_is_faster_when_the_buffer_fits_into_a_cache():
    cached, uncached = (
        max(bounds.READING.measure(amount, 1, SHORT) for _ in range(5)) for amount in (1 << 14, 1 << 26)
    )
    assert cached > uncached


@pytest.mark.parametrize("amount", [0, -1])
def test_reading_rejects_less_than_one_byte(amount):
    with pytest.raises(ValueError, match=f"read_bandwidth: bytes must be at least 1; got {amount}"):
        bounds.READING.measure(amount, 1, SHORT)


def test_reading_raises_memory_error_when_the_buffer_exceeds_the_address_space():
    with pytest.raises(MemoryError):
        bounds.READING.measure((1 << 63) - 1, 1, SHORT)
