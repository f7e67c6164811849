"""Tests of the optimizers' base class: gradient limits, decay, averages, accumulation, state, invalid arguments."""

import numpy as np
import pytest

from seqfuse import optimizers
from seqfuse.optimizers import SGD, Adam, AdamW, schedules

SEGMENTS = [("a/kernel", 0, 30), ("a/bias", 30, 35), ("empty", 35, 35), ("b/kernel", 40, 77), ("b/bias", 77, 80)]
N = 80
START, G = np.random.default_rng(0).normal(size=(2, N))
G[77:] /= 10
GAP = slice(35, 40)


def random_gradients(calls):
    """Return random gradients for a number of calls."""
    return np.random.default_rng(1).normal(size=(calls, N))


def trained(optimizer, gradients, segments=SEGMENTS):
    optimizer.build(START.dtype, segments)
    parameters = START.copy()
    for gradient in gradients:
        optimizer.update(parameters, gradient)
    return parameters


def subtracted(**options):
    """Return what one SGD step with learning rate 1 and gradients G subtracts."""
    return START - trained(SGD(1.0, **options), [G])


INSIDE = np.r_[0:35, 40:80]


def test_update_leaves_gaps_between_variables_unchanged():
    for options in ({}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"clipvalue": 0.1}):
        np.testing.assert_array_equal(subtracted(**options)[GAP], 0)
        assert subtracted(**options)[INSIDE].all()


def test_clipnorm_limits_each_variable():
    wanted = np.zeros(N)
    for _, start, stop in SEGMENTS:
        part = G[start:stop]
        wanted[start:stop] = part * min(1, 2.0 / np.linalg.norm(part)) if part.size else 0
    np.testing.assert_allclose(subtracted(clipnorm=2.0), wanted, atol=1e-14)
    assert np.linalg.norm(G[77:80]) < 2.0 < np.linalg.norm(G[:30])


def test_global_clipnorm_excludes_gaps_from_the_norm():
    inside = np.where(np.isin(np.arange(N), INSIDE), G, 0)
    np.testing.assert_allclose(subtracted(global_clipnorm=2.0), inside * 2.0 / np.linalg.norm(inside), atol=1e-14)
    np.testing.assert_allclose(subtracted(global_clipnorm=1e3), inside, atol=1e-14)


def test_clipvalue_limits_each_element():
    np.testing.assert_allclose(subtracted(clipvalue=0.5)[INSIDE], np.clip(G, -0.5, 0.5)[INSIDE], atol=1e-14)


def test_clipping_follows_the_division_by_the_loss_scale():
    np.testing.assert_allclose(
        subtracted(global_clipnorm=2.0), START - trained(SGD(1.0, global_clipnorm=2.0, loss_scale_factor=8.0), [8 * G])
    )
    assert SGD(loss_scale_factor=8.0).scale_loss(0.5) == 4.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("limit", ["clipnorm", "global_clipnorm"])
def test_clipnorm_is_finite_when_squares_overflow(limit, dtype):
    """The squares of exploding gradients overflow; Keras returns NaN or makes no step."""
    optimizer = SGD(1.0, **{limit: 5.0})
    optimizer.build(dtype, [("a", 0, 2), ("b", 2, 4)])
    parameters, large = np.zeros(4, dtype), np.finfo(dtype).max / 64
    optimizer.update(parameters, np.array([3, 4, 0, 3], dtype) * np.array([large, large, 1, 2], dtype))
    wanted = [-3, -4, 0, -5] if limit == "clipnorm" else [-3, -4, 0, 0]
    np.testing.assert_allclose(parameters, wanted, rtol=1e-6, atol=1e-30)


def test_nan_gradient_affects_all_variables_that_share_its_norm():
    gradient = np.ones(4)
    gradient[1] = np.nan
    for options, wanted in (
        ({}, [1, 0, 1, 1]),
        ({"clipnorm": 1.0}, [0, 0, 1, 1]),
        ({"global_clipnorm": 1.0}, [0, 0, 0, 0]),
        ({"clipvalue": 1.0}, [1, 0, 1, 1]),
    ):
        optimizer = SGD(1.0, **options)
        optimizer.build("float64", [("a", 0, 2), ("b", 2, 4)])
        parameters = np.zeros(4)
        optimizer.update(parameters, gradient)
        np.testing.assert_array_equal(np.isfinite(parameters), wanted)


def test_weight_decay_precedes_the_rule_and_skips_excluded_variables():
    optimizer = SGD(0.5, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_list=["b/kernel"], var_names=["^bias$"])
    decays = np.r_[0:30]
    wanted = START - 0.5 * np.where(np.isin(np.arange(N), INSIDE), G, 0)
    wanted[decays] -= 0.05 * START[decays]
    np.testing.assert_allclose(trained(optimizer, [G]), wanted, atol=1e-14)


def test_exclusion_patterns_ignore_layer_names():
    optimizer = AdamW()
    optimizer.exclude_from_weight_decay(var_names=["a"])
    optimizer.build("float32", [("a/kernel", 0, 1), ("b/gamma", 1, 2)])
    assert optimizer._update.runs.tolist() == [[0, 1, 1], [1, 2, 0]]


def test_accumulation_applies_the_mean_at_every_third_call():
    gradients = random_gradients(7)
    means = [gradients[:3].mean(axis=0), gradients[3:6].mean(axis=0)]
    optimizer = Adam(0.1, gradient_accumulation_steps=3, global_clipnorm=1.0)
    got, wanted = trained(optimizer, gradients), trained(Adam(0.1, global_clipnorm=1.0), means)
    np.testing.assert_allclose(got, wanted, rtol=1e-13)
    assert optimizer.iterations == 2


def test_accumulation_divides_the_sum_by_the_number_of_calls():
    gradients = random_gradients(2)  # SGD, because Adam is nearly invariant to the scale of the gradients
    subtraction = START - trained(SGD(1.0, gradient_accumulation_steps=2), gradients)
    np.testing.assert_allclose(subtraction[INSIDE], gradients.mean(axis=0)[INSIDE], atol=1e-14)


def test_average_replaces_parameters_at_the_end_or_every_n_updates():
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.75)
    parameters = trained(optimizer, [G, G, G], [("a", 0, N)])
    path = [START - (i + 1) * G for i in range(3)]
    average = 0.75 * (0.75 * path[0] + 0.25 * path[1]) + 0.25 * path[2]
    np.testing.assert_allclose(parameters, path[2], atol=1e-13)
    optimizer.finalize_variable_values(parameters)
    np.testing.assert_allclose(parameters, average, atol=1e-13)
    often = trained(SGD(1.0, use_ema=True, ema_momentum=0.75, ema_overwrite_frequency=3), [G, G, G], [("a", 0, N)])
    np.testing.assert_allclose(often, average, atol=1e-13)
    plain = SGD(1.0)
    before = trained(plain, [G])
    after = before.copy()
    plain.finalize_variable_values(after)
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(
    "options",
    [{}, {"gradient_accumulation_steps": 2}, {"use_ema": True, "ema_overwrite_frequency": 2}, {"amsgrad": True}],
)
def test_training_resumes_from_a_state_bitwise(options):
    gradients = random_gradients(7)
    optimizer = Adam(schedules.CosineDecay(0.1, 9), **options)
    halfway = trained(optimizer, gradients[:3])
    saved = {name: array.copy() for name, array in optimizer.state.items()}
    other = Adam.from_config(optimizer.get_config())
    other.build(START.dtype, SEGMENTS)
    other.state = saved
    again = halfway.copy()
    for gradient in gradients[3:]:
        optimizer.update(halfway, gradient)
        other.update(again, gradient)
    np.testing.assert_array_equal(again, halfway)
    assert other.iterations == optimizer.iterations


def test_learning_rate_can_be_read_and_assigned():
    optimizer = SGD(1.0)
    optimizer.build("float64", [("a", 0, 1)])
    parameters = np.zeros(1)
    for rate in (0.5, 0.25, lambda step: 10.0 * step, lambda: 100.0, schedules.PiecewiseConstantDecay([3], [1.0, 2.0])):
        optimizer.learning_rate = rate
        optimizer.update(parameters, -np.ones(1))
    assert parameters == 0.5 + 0.25 + 20 + 100 + 2
    assert optimizer.learning_rate == 2.0
    assert optimizer.iterations == 5
    with pytest.raises(TypeError, match="SGD: learning_rate must be a schedule, because it is one now; got"):
        optimizer.learning_rate = 0.1


def test_config_round_trip_with_numbers_and_schedules():
    for rate in (0.25, schedules.ExponentialDecay(0.5, 2, 0.5)):
        optimizer = AdamW(rate, clipnorm=1.0, beta_1=0.5)
        config = optimizer.get_config()
        assert (config["learning_rate"], config["clipnorm"], config["weight_decay"]) == (rate, 1.0, 0.004)
        again = optimizers.get({"class_name": "AdamW", "config": config})
        np.testing.assert_array_equal(trained(again, [G, G]), trained(optimizer, [G, G]))


def test_get_accepts_names_classes_optimizers_and_configs():
    optimizer = Adam(0.5)
    assert optimizers.get(optimizer) is optimizer
    assert {type(optimizers.get(name)).__name__ for name in ("sgd", "RMSprop", "ADAM", "adamw", "adagrad")} == {
        "SGD", "RMSprop", "Adam", "AdamW", "Adagrad",
    }  # fmt: skip
    assert type(optimizers.get(SGD)) is SGD
    with pytest.raises(ValueError, match=r"compile: optimizer must be one of .*got 'adm'\. Did you mean \"adam\""):
        optimizers.get("adm", "compile")
    with pytest.raises(TypeError, match="optimizer must be a name, an optimizer or its config; got 3"):
        optimizers.get(3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Adam("fast"), TypeError, "Adam: learning_rate must be a number, a schedule or a function; got 'fast'"),
        (lambda: Adam(beta_1=1.0), ValueError, r"Adam: beta_1 must be in \[0, 1\); got 1.0"),
        (lambda: AdamW(epsilon=-1), ValueError, "AdamW: epsilon must be at least 0"),
        (lambda: AdamW(weight_decay=None), TypeError, "AdamW: weight_decay must be a real number; got None"),
        (lambda: SGD(momentum=1.5), ValueError, r"SGD: momentum must be in \[0, 1\]; got 1.5"),
        (
            lambda: SGD(clipnorm=1.0, clipvalue=1.0),
            ValueError,
            "at most one of clipnorm, clipvalue and global_clipnorm may be given",
        ),
        (lambda: SGD(clipnorm=-1.0), ValueError, "SGD: clipnorm must be at least 0"),
        (
            lambda: SGD(gradient_accumulation_steps=1),
            ValueError,
            "gradient_accumulation_steps must be at least 2; got 1",
        ),
        (lambda: SGD(ema_momentum=2), ValueError, r"ema_momentum must be in \[0, 1\]"),
        (lambda: SGD(ema_overwrite_frequency=1.5), TypeError, "ema_overwrite_frequency must be an integer"),
        (lambda: SGD().update(START.copy(), G), ValueError, "SGD.update: build must be called before update"),
        (lambda: SGD().build("float16", SEGMENTS), TypeError, "dtype must be float32 or float64"),
        (
            lambda: SGD().build("float32", [("a", 0, 3), ("b", 2, 4)]),
            ValueError,
            "segments must be in ascending order; got 'b' at 2:4",
        ),
    ],
)
def test_invalid_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("parameters", "gradients", "message"),
    [
        (START[:-1].copy(), G, r"parameters must be \(n,\) = \(80,\) of float64, contiguous; got \(79,\) of float64"),
        (START.astype("f4"), G, "parameters must be .* got .* of float32"),
        (np.repeat(START, 2)[::2], G, "parameters must be .* contiguous"),
        (START.copy(), G.tolist(), "gradients must be .* got list"),
        (START.copy(), G.reshape(8, 10), r"gradients must be .* got \(8, 10\)"),
    ],
)
def test_update_refuses_arrays_that_do_not_fit(parameters, gradients, message):
    optimizer = Adam()
    optimizer.build("float64", SEGMENTS)
    with pytest.raises(ValueError, match=message):
        optimizer.update(parameters, gradients)
    assert optimizer.iterations == 0


def test_update_refuses_read_only_parameters():
    optimizer = SGD()
    optimizer.build("float64", SEGMENTS)
    frozen = START.copy()
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="parameters must be"):
        optimizer.update(frozen, G)
    optimizer.update(START.copy(), frozen)


def test_build_refuses_the_parameters_of_another_model():
    optimizer = AdamW()
    optimizer.build("float64", SEGMENTS)
    optimizer.build(np.float64, list(SEGMENTS))
    with pytest.raises(ValueError, match="build must get the parameters of its first call"):
        optimizer.build("float32", SEGMENTS)
    with pytest.raises(ValueError, match="exclude_from_weight_decay must be called before build"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    unknown = AdamW()
    unknown.exclude_from_weight_decay(var_list=["c/kernel"])
    with pytest.raises(ValueError, match=r"var_list must name variables of the model; got \['c/kernel'\]"):
        unknown.build("float64", SEGMENTS)


@pytest.mark.parametrize(
    ("wrong", "near"), [("lr", "learning_rate"), ("momentun", "momentum"), ("clipnrm", "clipnorm")]
)
def test_unknown_argument_suggests_the_nearest_name(wrong, near):
    with pytest.raises(TypeError, match=rf"SGD: there is no argument '{wrong}'\. Did you mean \"{near}\"\?"):
        SGD(**{wrong: 0.1})


def test_state_of_another_optimizer_is_refused():
    optimizer = Adam()
    optimizer.build("float64", SEGMENTS)
    with pytest.raises(ValueError, match=r"state must have .*velocity.* got .*'iteration'"):
        optimizer.state = {"iteration": np.array(3)}
    with pytest.raises(ValueError, match=r"state\['momentum'\] must be \(n,\) = \(80,\); got \(3,\)"):
        optimizer.state = optimizer.state | {"momentum": np.zeros(3)}
    assert optimizer.iterations == 0
