"""Tests of the learning-rate schedules: values, configs, invalid arguments. tests/keras compares them with Keras."""

import pytest

from seqfuse.optimizers import schedules


def test_cosine_decay_follows_half_a_period_then_stays_constant():
    rate = schedules.CosineDecay(0.5, 10, alpha=0.1)
    assert [rate(0), rate(5), rate(10), rate(99)] == pytest.approx([0.5, 0.275, 0.05, 0.05])
    assert all(rate(step) > rate(step + 1) for step in range(10))


def test_exponential_decay_with_staircase():
    rate = schedules.ExponentialDecay(1.0, 4, 0.5, staircase=True)
    assert [rate(step) for step in (0, 3, 4, 7, 8)] == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_linear_warmup_ends_in_a_number_or_a_schedule():
    assert [schedules.LinearWarmup(0.5, 4, 0.1)(step) for step in (0, 2, 4, 100)] == pytest.approx([0.1, 0.3, 0.5, 0.5])
    rate = schedules.LinearWarmup(schedules.PiecewiseConstantDecay([2], [1.0, 0.5]), 4)
    assert [rate(step) for step in (0, 3, 4, 6, 7)] == [0.0, 0.75, 1.0, 1.0, 0.5]


def test_schedule_config_round_trip():
    inner = {"class_name": "ExponentialDecay", "config": schedules.ExponentialDecay(0.2, 3, 0.5).get_config()}
    warm = schedules.LinearWarmup(schedules.get(inner), 4)
    again = schedules.LinearWarmup.from_config(warm.get_config())
    assert [again(step) for step in range(20)] == [warm(step) for step in range(20)]
    assert warm(7) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: schedules.CosineDecay(0.1, 0), ValueError, "CosineDecay: decay_steps must be greater than 0; got 0"),
        (lambda: schedules.ExponentialDecay(0.1, -1, 0.5), ValueError, "decay_steps must be greater than 0; got -1"),
        (lambda: schedules.LinearWarmup(0.1, 0), ValueError, "LinearWarmup: warmup_steps must be greater than 0"),
        (
            lambda: schedules.LinearWarmup("fast", 3),
            TypeError,
            "must be a number, a schedule or a function; got 'fast'",
        ),
        (lambda: schedules.PiecewiseConstantDecay([1], [1.0]), ValueError, r"values must be \(n \+ 1,\) = \(2,\)"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 2, 3]), ValueError, "boundaries must be ascending"),
        (lambda: schedules.LearningRateSchedule()(0), NotImplementedError, "a subclass must define __call__"),
        (lambda: schedules.get({"class_name": "CosineDekay"}), ValueError, 'Did you mean "CosineDecay"'),
    ],
)
def test_invalid_schedules_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
