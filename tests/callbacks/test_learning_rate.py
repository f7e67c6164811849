"""LearningRateScheduler and ReduceLROnPlateau: the learning rates that they set."""

import pytest

from callbacks.fitting import compiled, run_epochs, x, y
from seqfuse.callbacks import LearningRateScheduler, ReduceLROnPlateau
from seqfuse.optimizers import SGD, schedules


@pytest.mark.parametrize(
    "schedule",
    [lambda epoch, rate: rate / 2 if epoch else 0.5, lambda epoch: 0.5 / 2**epoch],
    ids=["epoch and rate", "epoch"],
)
def test_learning_rate_scheduler_sets_the_learning_rate_of_each_epoch(schedule, capsys):
    model = compiled()
    history = model.fit(x, y, epochs=3, callbacks=[LearningRateScheduler(schedule, verbose=1)], verbose=0)
    assert history.history["learning_rate"] == [0.5, 0.25, 0.125]
    assert capsys.readouterr().out.splitlines()[1] == "Epoch 2: LearningRateScheduler sets the learning rate to 0.25"


def test_learning_rate_scheduler_refuses_a_result_that_is_not_a_number():
    with pytest.raises(TypeError, match=r"the result of schedule must be a real number; got None"):
        compiled().fit(x, y, callbacks=[LearningRateScheduler(lambda epoch: None)], verbose=0)


def test_learning_rate_scheduler_refuses_an_optimizer_with_a_schedule():
    model = compiled()
    model.compile(SGD(schedules.CosineDecay(0.1, 10)), "mse")
    with pytest.raises(TypeError, match=r"learning_rate must be a schedule, because it is one now"):
        model.fit(x, y, callbacks=[LearningRateScheduler(lambda epoch: 0.1)], verbose=0)


@pytest.mark.parametrize(
    ("options", "values", "rate"),
    [
        ({"patience": 2}, [1.0, 1.0, 1.0], 0.1),
        ({"patience": 2}, [1.0, 1.0, 0.5, 1.0], 1.0),
        ({"patience": 1}, [1.0, 1.0, 1.0], 0.01),
        ({"patience": 1, "cooldown": 2}, [1.0, 1.0, 1.0, 1.0], 0.01),
        ({"patience": 1, "cooldown": 3}, [1.0, 1.0, 1.0, 1.0], 0.1),
        ({"patience": 1, "min_lr": 0.05}, [1.0, 1.0, 1.0, 1.0], 0.05),
        ({"patience": 1, "factor": 0.5}, [1.0, 0.99995], 0.5),  # improves by less than min_delta
        ({"patience": 1, "mode": "max"}, [1.0, 2.0, 3.0], 1.0),
    ],
)
def test_reduce_lr_on_plateau_reduces_the_learning_rate(options, values, rate):
    model = compiled()
    model.optimizer.learning_rate = 1.0
    run_epochs(ReduceLROnPlateau(**options), model, values)
    assert model.optimizer.learning_rate == pytest.approx(rate)


def test_reduce_lr_on_plateau_refuses_a_factor_that_does_not_reduce():
    with pytest.raises(ValueError, match=r"ReduceLROnPlateau: factor must be in \[0, 1\); got 1"):
        ReduceLROnPlateau(factor=1)


def test_reduce_lr_on_plateau_warns_when_the_value_is_missing():
    with pytest.warns(UserWarning, match=r'monitor must be one of "loss", "learning_rate"'):
        compiled().fit(x, y, callbacks=[ReduceLROnPlateau()], verbose=0)
