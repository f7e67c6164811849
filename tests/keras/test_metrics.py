"""Compare every metric with Keras over two batches, with weights and masks."""

import jax
import keras
import numpy as np
import pytest

from seqfuse import metrics

N, T, C = 6, 4, 5
NUMBERS = ["MeanSquaredError", "MeanAbsoluteError", "RootMeanSquaredError", "BinaryAccuracy", "BinaryCrossentropy"]
SHARES = ["CategoricalAccuracy", "TopKCategoricalAccuracy", "CategoricalCrossentropy"]
CLASSES = ["SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "SparseCategoricalCrossentropy"]
OPTIONS = {
    "BinaryAccuracy": {"threshold": 0.6},
    "TopKCategoricalAccuracy": {"k": 2},
    "SparseTopKCategoricalAccuracy": {"k": 2},
}
# All metrics share the code of weights and masks: each is tested with both, and one of each kind with all forms.
WAYS = [
    (name, way)
    for name in (*NUMBERS, *SHARES, *CLASSES, "Accuracy")
    for way in ("plain", "sample", "column", "step", "mask", "mask and step")
    if (way in ("plain", "mask and step") or name in (NUMBERS[0], SHARES[0], CLASSES[0]))
    and not (name == "RootMeanSquaredError" and "mask" in way)  # Keras's ignores masks
]


def draw(name, shape, seed):
    rng = np.random.default_rng(seed)
    y_pred = rng.uniform(0.01, 1, size=(*shape, C))
    y_pred /= y_pred.sum(-1, keepdims=True)
    labels = rng.integers(C, size=shape)
    if name in NUMBERS or name == "Accuracy":
        return rng.integers(2, size=y_pred.shape), np.round(y_pred) if name == "Accuracy" else y_pred
    return (np.eye(C)[labels] if name in SHARES else labels), y_pred


def theirs(metric, y_true, y_pred, weights=None, mask=None):
    y_pred = jax.numpy.asarray(y_pred, "float32")
    if mask is not None:
        keras.src.backend.set_keras_mask(y_pred, jax.numpy.asarray(mask))
    metric.update_state(y_true, y_pred, sample_weight=weights)


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_result_matches_keras(name, way):
    options = OPTIONS.get(name, {})
    our, their = getattr(metrics, name)(**options), getattr(keras.metrics, name)(**options)
    for seed, samples in enumerate((N, N - 2)):
        rng = np.random.default_rng(seed + 10)
        y_true, y_pred = draw(name, (samples, T), seed)
        shape = {"sample": (samples,), "column": (samples, 1)}.get(way, (samples, T))
        weights = None if way in ("plain", "mask") else rng.uniform(size=shape)
        mask = rng.random(size=(samples, T)) < 0.6 if "mask" in way else None
        our.update_state(y_true, y_pred, weights, mask)
        theirs(their, y_true, y_pred, weights, mask)
    assert our.result() == pytest.approx(float(their.result()), rel=1e-5)
    assert 0 < our.result() != 1
    assert our.name == their.name


@pytest.mark.parametrize("shapes", [((N,), (N, 1)), ((N, 1), (N, 1)), ((N,), (N,)), ((N, 1), (N,))], ids=str)
@pytest.mark.parametrize("name", NUMBERS[:-1])
def test_shape_alignment_matches_keras(name, shapes):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(2, size=shapes[0]), rng.uniform(0.1, 0.9, size=shapes[1])
    our, their = getattr(metrics, name)(), getattr(keras.metrics, name)()
    our.update_state(y_true, y_pred)
    theirs(their, y_true, y_pred)
    assert our.result() == pytest.approx(float(their.result()), rel=1e-5)


def test_weighted_mean_matches_keras():
    our, their = metrics.Mean(), keras.metrics.Mean()
    for values, weights in [(2.0, 3), (5.0, 1), (np.arange(4.0), None), (np.ones((2, 3)), np.array([[1.0], [0.5]]))]:
        our.update_state(values, weights)
        their.update_state(values, weights)
    assert our.result() == pytest.approx(float(their.result()), rel=1e-6)


def test_sorted_class_indices_match_keras():
    y_true, y_pred = np.array([1, 2, 3]), np.array([[1, 2, 0], [0, 1, 2], [3, 3, 1]])
    our = metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
    their = keras.metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
    assert our(y_true, y_pred) == pytest.approx(float(their(y_true, y_pred)), rel=1e-6)


@pytest.mark.parametrize(
    ("true", "pred"),
    [((N,), (N, 1)), ((N,), (N, C)), ((N, 1), (N, C)), ((N, C), (N, C)), ((N, T, C), (N, T, C))],
    ids=str,
)
def test_names_select_the_metrics_of_keras(true, pred):
    from keras.src.trainers.compile_utils import get_metric

    for identifier in ("accuracy", "acc", "mse", "MSE", "MeanSquaredError", "mean_absolute_error"):
        our, their = (resolve(identifier, np.zeros(true), np.zeros(pred)) for resolve in (metrics.resolve, get_metric))
        assert (type(our).__name__, our.name) == (type(their).__name__, their.name)
