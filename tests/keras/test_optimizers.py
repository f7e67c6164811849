"""Compare the weights after 50 steps of every optimizer, and every schedule, with Keras."""

import jax
import keras
import numpy as np
import pytest

from seqfuse import optimizers

SHAPES = {"kernel": (5, 7), "bias": (7,), "gamma": (3,)}
SIZES = {name: int(np.prod(shape)) for name, shape in SHAPES.items()}
ENDS = np.cumsum([0, *SIZES.values()])
SEGMENTS = [(name, int(a), int(b)) for name, a, b in zip(SHAPES, ENDS, ENDS[1:])]
STEPS = 50

RULES = {
    "SGD": {},
    "SGD momentum": {"momentum": 0.9},
    "SGD nesterov": {"momentum": 0.8, "nesterov": True},
    "RMSprop": {},
    "RMSprop momentum": {"momentum": 0.7, "rho": 0.8},
    "RMSprop centered": {"centered": True, "epsilon": 1e-3},
    "RMSprop centered momentum": {"centered": True, "momentum": 0.5, "epsilon": 1e-3},
    "Adam": {},
    "Adam amsgrad": {"amsgrad": True, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-4},
    "AdamW": {},
    "AdamW decay": {"weight_decay": 0.3},
    "Adagrad": {},
    "Adagrad start": {"initial_accumulator_value": 1.0, "epsilon": 1e-2},
}
OPTIONS = {
    "plain": {},
    "rate": {"learning_rate": 0.05},
    "decay": {"weight_decay": 0.1},
    "clipnorm": {"clipnorm": 1.5},
    "clipvalue": {"clipvalue": 0.5},
    "global_clipnorm": {"global_clipnorm": 2.0},
    "no clipping": {"clipnorm": 1e6},
    "average": {"use_ema": True, "ema_momentum": 0.9},
    "overwritten": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 7},
    "accumulated": {"gradient_accumulation_steps": 3, "global_clipnorm": 1.0},
    "accumulated average": {"gradient_accumulation_steps": 4, "use_ema": True, "ema_overwrite_frequency": 3},
    "loss scale": {"loss_scale_factor": 8.0, "clipnorm": 0.2},
}


def gradients():
    """Return gradients of magnitude 1, sometimes 100 or 0."""
    rng = np.random.default_rng(3)
    for step in range(STEPS):
        yield rng.normal(size=ENDS[-1]).astype("f4") * (100 if step % 11 == 5 else 0 if step % 13 == 4 else 1)


def split(flat):
    return [flat[a:b].reshape(SHAPES[name]) for name, a, b in SEGMENTS]


def assert_follows(ours, theirs):
    ours.build("float32", SEGMENTS)
    parameters = np.random.default_rng(5).normal(size=ENDS[-1]).astype("f4")
    variables = [keras.Variable(part, name=name) for name, part in zip(SHAPES, split(parameters))]
    theirs.build(variables)
    apply = jax.jit(theirs.stateless_apply)
    values, state = ([v.value for v in several] for several in (variables, theirs.variables))
    for step, gradient in enumerate(gradients()):
        ours.update(parameters, gradient)
        values, state = apply(state, split(gradient), values)
        wanted = np.concatenate([np.ravel(value) for value in values])
        # Each step rounds parameters and increments of magnitude 1 a few times; the errors add up.
        rounding = np.spacing(np.abs(wanted).max())
        np.testing.assert_allclose(parameters, wanted, rtol=0, atol=8 * rounding * (step + 2))
    for variable, value in zip(variables + theirs.variables, values + state):
        variable.assign(value)
    assert ours.iterations == int(theirs.iterations)
    ours.finalize_variable_values(parameters)
    theirs.finalize_variable_values(variables)
    for got, variable in zip(split(parameters), variables):
        np.testing.assert_allclose(got, variable.value, rtol=0, atol=8 * rounding * STEPS)


# All rules share the code of the options: each option is tested with two rules.
CASES = [(rule, "plain") for rule in RULES]
CASES += [(rule, option) for rule in ("SGD nesterov", "Adam amsgrad") for option in OPTIONS if option != "plain"]


@pytest.mark.parametrize(("rule", "option"), CASES)
def test_fifty_steps_follow_keras(rule, option):
    settings, name = RULES[rule] | OPTIONS[option], rule.split()[0]
    assert_follows(getattr(optimizers, name)(**settings), getattr(keras.optimizers, name)(**settings))


def test_fifty_steps_follow_keras_with_variables_excluded_from_decay():
    pair = [module.AdamW(0.02, weight_decay=0.5) for module in (optimizers, keras.optimizers)]
    for optimizer in pair:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gam"])
    assert_follows(*pair)


SCHEDULES = {
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 30, "alpha": 0.2},
    "CosineDecay warm-up": {"initial_learning_rate": 0.01, "decay_steps": 20, "warmup_target": 0.1, "warmup_steps": 12},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5},
    "ExponentialDecay staircase": {
        "initial_learning_rate": 0.1,
        "decay_steps": 7,
        "decay_rate": 0.5,
        "staircase": True,
    },
    "PiecewiseConstantDecay": {"boundaries": [5, 6, 30], "values": [0.1, 0.2, 0.3, 0.05]},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_match_keras(name):
    ours, theirs = (
        getattr(module.schedules, name.split()[0])(**SCHEDULES[name]) for module in (optimizers, keras.optimizers)
    )
    for step in range(0, STEPS, 3):
        assert ours(step) == pytest.approx(float(theirs(step)), rel=2e-6, abs=1e-8)


@pytest.mark.parametrize("steps", [None, 3])
def test_fifty_steps_of_a_schedule_follow_keras(steps):
    pair = []
    for module in (optimizers, keras.optimizers):
        schedule = module.schedules.ExponentialDecay(0.1, 7, 0.5)
        pair.append(module.SGD(schedule, momentum=0.5, gradient_accumulation_steps=steps))
    assert_follows(*pair)


def test_callable_learning_rate_is_called_as_in_keras():
    assert_follows(optimizers.Adam(lambda: 0.03), keras.optimizers.Adam(lambda: 0.03))


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # raised by Keras for its own variable
@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW", "Adagrad"])
def test_config_names_and_defaults_match_keras(name):
    ours, theirs = (getattr(module, name)().get_config() for module in (optimizers, keras.optimizers))
    assert theirs.pop("name").startswith(ours.pop("name"))  # Keras appends a number to the name
    assert ours == pytest.approx(theirs)
