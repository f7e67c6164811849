"""Measured bounds of this machine: arithmetic and reading."""

import pytest

from seqfuse.bench import bounds

pytestmark = pytest.mark.serial  # it measures

SHORT = 1e-4  # seconds: what is tested is what is called, not how fast it is


def test_arithmetic_is_measured_on_this_machine():
    assert bounds.ARITHMETIC.measure(1, 1, SHORT) > 1e8


def test_arithmetic_is_that_of_one_core_times_threads(monkeypatch):
    class Kernels:
        def peak_flops(self, dtype, seconds):
            return {("float32", SHORT): 5.0}[dtype, seconds]

    monkeypatch.setattr(bounds._backend, "kernels", Kernels())
    assert bounds.ARITHMETIC.measure(1, 3, SHORT) == 15.0


@pytest.mark.parametrize(("amount", "threads"), [(1, 2), (1000, 1), (1 << 20, 2)])
def test_reading_is_measured_on_this_machine(amount, threads):
    assert bounds.READING.measure(amount, threads, SHORT) > 0


def test_reading_of_what_fits_into_a_cache_is_faster_than_of_what_does_not():
    near, far = (max(bounds.READING.measure(amount, 1, SHORT) for _ in range(5)) for amount in (1 << 14, 1 << 26))
    assert near > far


@pytest.mark.parametrize("amount", [0, -1])
def test_reading_needs_a_byte(amount):
    with pytest.raises(ValueError, match=f"read_bandwidth: bytes must be at least 1; got {amount}"):
        bounds.READING.measure(amount, 1, SHORT)


def test_reading_of_more_than_there_are_addresses_is_a_memory_error():
    with pytest.raises(MemoryError):
        bounds.READING.measure((1 << 63) - 1, 1, SHORT)
