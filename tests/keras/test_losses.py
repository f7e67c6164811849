"""Compare values and gradients of every loss and option with Keras in float64."""

import itertools

import jax
import keras
import numpy as np
import pytest
from support.pairwise import pairwise

from seqfuse import losses

REDUCTIONS = ("sum_over_batch_size", "sum", "mean_with_sample_weight", None)
SOFT = [
    {"from_logits": logits, "label_smoothing": smoothing}
    for logits, smoothing in itertools.product([False, True], [0, 0.2])
]
SPARSE = [
    {"from_logits": logits, "ignore_class": ignored}
    for logits, ignored in itertools.product([False, True], [None, 1, -1])
]
CASES = [
    ("MeanSquaredError", {}),
    ("MeanAbsoluteError", {}),
    ("Huber", {}),
    ("Huber", {"delta": 0.3}),
    *(("BinaryCrossentropy", options) for options in SOFT),
    *(("CategoricalCrossentropy", options) for options in SOFT),
    *(("SparseCategoricalCrossentropy", options) for options in SPARSE),
]
EACH_CASE = pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{n}-{o}" for n, o in CASES])
N, T, C = 4, 3, 5


def draw(name, options, shape, seed=0):
    """Return y_true and y_pred (*shape, C), with some probabilities at the clipping bounds."""
    rng = np.random.default_rng(seed)
    y_pred = rng.normal(size=(*shape, C)) * 2
    if name.endswith("Crossentropy") and not options["from_logits"]:
        y_pred = rng.uniform(0.05, 0.95, size=y_pred.shape)
        y_pred.reshape(-1)[[1, -1]] = 1e-9, 2.0 if name == "BinaryCrossentropy" else 1e-9
    if name == "SparseCategoricalCrossentropy":
        y_true = rng.integers(C, size=shape)
        if options["ignore_class"] is not None:
            y_true.reshape(-1)[::3] = options["ignore_class"]
    elif name == "CategoricalCrossentropy":
        y_true = np.eye(C)[rng.integers(C, size=shape)]
    elif name == "BinaryCrossentropy":
        y_true = rng.integers(2, size=y_pred.shape)
    else:
        y_true = rng.normal(size=y_pred.shape)
    return y_true, y_pred


def ours(name, options, reduction, y_true, y_pred, weights=None, mask=None):
    loss = getattr(losses, name)(**options, reduction=reduction)
    value, tape = loss.forward(y_true, y_pred, weights, mask)
    return value, loss.backward(tape)


def theirs(name, options, reduction, y_true, y_pred, weights=None, mask=None):
    """Return value and gradient of Keras's loss; the gradient of the sum if the loss is an array."""
    loss = getattr(keras.losses, name)(**options, reduction=reduction, dtype="float64")

    def value_of(prediction):
        if mask is not None:
            keras.src.backend.set_keras_mask(prediction, np.asarray(mask))
        value = loss(y_true, prediction, weights)
        return value.sum(), value

    with jax.enable_x64():
        (_, value), gradient = jax.value_and_grad(value_of, has_aux=True)(jax.numpy.asarray(y_pred, "float64"))
        return np.asarray(value), np.asarray(gradient)


def assert_as_keras(*call, **more):
    for kind, actual, expected in zip(("loss", "dy_pred"), ours(*call, **more), theirs(*call, **more), strict=True):
        assert np.shape(actual) == expected.shape
        # Keras computes the mean of float64 values in float32: a few roundings of 6e-8
        np.testing.assert_allclose(actual, expected, rtol=5e-7, atol=1e-9, err_msg=kind)


# All losses share the code of the reductions: each is tested with one, and two losses with all of them.
WITH_REDUCTIONS = pytest.mark.parametrize(
    ("name", "options", "reduction"),
    [(*case, reduction) for case, reduction in zip(CASES, itertools.cycle(REDUCTIONS))]
    + [(*case, reduction) for case in (CASES[0], CASES[-1]) for reduction in REDUCTIONS],
    ids=str,
)


@WITH_REDUCTIONS
def test_loss_and_gradient_match_keras(name, options, reduction):
    rng = np.random.default_rng(1)
    y_true, y_pred = draw(name, options, (N, T))
    some = rng.random(size=(N, T)) < 0.6
    assert_as_keras(name, options, reduction, y_true, y_pred)
    for weights, mask in [
        (rng.uniform(size=(N, T)), None),
        (rng.uniform(size=(N, 1)), None),
        (rng.uniform(size=(N, T, 1)), None),
        (None, some),
        (rng.uniform(size=(N, T)), some),
        (None, np.zeros((N, T), bool)),
    ]:
        assert_as_keras(name, options, reduction, y_true, y_pred, weights=weights, mask=mask)


@WITH_REDUCTIONS
def test_one_row_per_sample_matches_keras(name, options, reduction):
    rng = np.random.default_rng(2)
    y_true, y_pred = draw(name, options, (N,))
    for weights in (None, rng.uniform(size=N), np.zeros(N)):
        assert_as_keras(name, options, reduction, y_true, y_pred, weights=weights)
    value, _ = ours(name, options, reduction, y_true, y_pred, weights=rng.uniform(size=(N, 1)))
    assert np.shape(value) in ((), (N,))


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_reduction_aliases_match_keras(reduction):
    y_true, y_pred = draw("MeanSquaredError", {}, (N, T))
    assert_as_keras("MeanSquaredError", {}, reduction, y_true, y_pred, weights=y_true[..., 0] ** 2)


@pairwise(
    name=["MeanSquaredError", "MeanAbsoluteError", "Huber", "BinaryCrossentropy"],
    shapes=[((N,), (N, 1)), ((N, 1), (N,)), ((N, T), (N, T, 1)), ((N, T, 1), (N, T)), ((N,), (N,))],
    reduction=["sum", "sum_over_batch_size", None],
)
def test_shape_alignment_matches_keras(name, shapes, reduction):
    true, pred = shapes
    rng = np.random.default_rng(3)
    y_true, y_pred = rng.integers(2, size=true), rng.uniform(0.1, 0.9, size=pred)
    assert_as_keras(name, {}, reduction, y_true, y_pred)


@pytest.mark.parametrize("options", SPARSE, ids=str)
def test_class_indices_with_an_axis_of_one_match_keras(options):
    y_true, y_pred = draw("SparseCategoricalCrossentropy", options, (N, T))
    assert_as_keras("SparseCategoricalCrossentropy", options, "sum", y_true[..., None], y_pred)
    assert_as_keras("SparseCategoricalCrossentropy", options, "sum", y_true.astype(np.float32), y_pred)


@EACH_CASE
def test_float32_error_is_at_most_that_of_keras(name, options):
    y_true, y_pred = draw(name, options, (N, T))
    y_pred = y_pred.astype(np.float32)
    value, gradient = ours(name, options, "sum_over_batch_size", y_true, y_pred)
    truth, slope = theirs(name, options, "sum_over_batch_size", y_true, y_pred)
    assert gradient.dtype == np.float32
    # 1 - (1 - 1e-7) is 1.2e-7 in float32, so the logarithm of a clipped probability is off by 0.18
    atol = 0.2 / T if name == "BinaryCrossentropy" and not options["from_logits"] else 0
    np.testing.assert_allclose(value, truth, rtol=1e-5, atol=atol)
    np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["mse", "MSE", "mae", "MAE", "bce", "BCE", "huber", "Huber", "mean_squared_error"])
def test_names_select_the_losses_of_keras(name):
    rng = np.random.default_rng(4)
    y_true, y_pred = rng.integers(2, size=(N, C)), rng.uniform(0.1, 0.9, size=(N, C))
    expected = np.mean(keras.losses.get(name)(y_true.astype("f"), y_pred.astype("f")))
    assert losses.get(name)(y_true, y_pred) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("true", "pred"),
    [((N,), (N, 1)), ((N, 1), (N, 1)), ((N,), (N, C)), ((N, 1), (N, C)), ((N, T), (N, T, C)), ((N, C), (N, C))],
)
def test_crossentropy_selects_the_loss_of_keras(true, pred):
    from keras.src.trainers.compile_utils import get_loss

    y_true, y_pred = np.zeros(true), np.full(pred, 0.5)
    assert (
        losses.resolve("ce", y_true, y_pred).__class__
        is losses.get(get_loss("ce", y_true, y_pred).fn.__name__).__class__
    )


def test_configs_of_keras_are_accepted():
    for name, options in CASES:
        config = getattr(keras.losses, name)(**options, reduction="sum").get_config()
        assert losses.get({"class_name": name, "config": config}).reduction == "sum"
