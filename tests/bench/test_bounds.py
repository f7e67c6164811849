import pytest

from seqfuse.bench import bounds

SHORT = 1e-4  # seconds: what is tested is what is called, not how fast it is


def test_arithmetic_is_measured_on_this_machine():
    assert bounds.ARITHMETIC.measure(1, 1, SHORT) > 1e8


@pytest.mark.once
def test_arithmetic_is_that_of_one_core_times_threads(monkeypatch):
    class Kernels:
        def peak_flops(self, dtype, seconds):
            return {("float32", SHORT): 5.0}[dtype, seconds]

    monkeypatch.setattr(bounds._backend, "kernels", Kernels())
    assert bounds.ARITHMETIC.measure(1, 3, SHORT) == 15.0
