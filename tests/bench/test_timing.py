"""Test timing in rounds."""

from seqfuse.bench.timing import measure, ratios

SHORT = 1e-4  # seconds per measurement: the tests do not depend on the times


def test_measure_calls_every_contender_and_compares_with_the_first():
    called = {"seqfuse": 0, "a": 0, "b": 0}

    def contender(name):
        def run():
            called[name] += 1

        return run

    timing = measure({name: contender(name) for name in called}, lambda seconds: 1.0, rounds=3, min_seconds=SHORT)
    assert set(timing.seconds) == {"seqfuse", "a", "b"}
    assert set(timing.ratios) == {"a", "b"}
    assert min(called.values()) >= 3
    assert min(timing.seconds.values()) > 0


def test_measure_returns_the_median_peak():
    found = []

    def peak(seconds):
        assert seconds == SHORT
        found.append(10.0 ** len(found))
        return found[-1]

    assert measure({"seqfuse": lambda: None}, peak, rounds=3, min_seconds=SHORT).peak == 10.0
    assert len(found) == 3


def test_ratios_are_computed_per_round():
    assert ratios([2.0, 30.0, 4.0], [1.0, 10.0, 4.0]) == [2.0, 3.0, 1.0]
