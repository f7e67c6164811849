"""Tests of the gradients of all losses by central differences, with pairs of options, reductions, weights and masks."""

import itertools

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences
from support.pairwise import pairwise

from seqfuse import losses

N, T, C = 3, 2, 4
SOFT = [{"from_logits": x, "label_smoothing": s} for x, s in itertools.product([False, True], [0.0, 0.3])]
SPARSE = [{"from_logits": x, "ignore_class": i} for x, i in [(False, None), (True, 2), (False, -1), (True, None)]]
LOSSES = [
    losses.MeanSquaredError(),
    losses.MeanAbsoluteError(),
    losses.Huber(0.8),
    *(losses.BinaryCrossentropy(**options) for options in SOFT),
    *(losses.CategoricalCrossentropy(**options) for options in SOFT),
    *(losses.SparseCategoricalCrossentropy(**options) for options in SPARSE),
]
EACH_LOSS = pytest.mark.parametrize("loss", LOSSES, ids=repr)
KINDS = [  # one loss for each way in which y_true and y_pred are interpreted
    losses.MeanSquaredError(),
    losses.BinaryCrossentropy(True, 0.3),
    losses.CategoricalCrossentropy(False, 0.3),
    losses.SparseCategoricalCrossentropy(True, 2),
    losses.SparseCategoricalCrossentropy(False, -1),
]
EACH_KIND = pytest.mark.parametrize("loss", KINDS, ids=repr)
REDUCTIONS = ["sum_over_batch_size", "sum", "mean_with_sample_weight", None]
WEIGHTS = {"none": None, "sample": (N,), "column": (N, 1), "step": (N, T), "step and one": (N, T, 1), "number": ()}
MASKS = {"none": None, "sample": (N,), "step": (N, T)}


def draw(loss, shape=(N, T), seed=0):
    """Return y_true and y_pred (*shape, C), away from kinks, clipping bounds and large third derivatives of log."""
    rng = np.random.default_rng(seed)
    y_pred = rng.uniform(0.4, 0.7, size=(*shape, C))
    if getattr(loss, "from_logits", False):
        y_pred = rng.normal(size=y_pred.shape)
    if loss.labels:
        y_true = rng.integers(C, size=shape)
        if loss.ignore_class is not None:
            y_true.reshape(-1)[::3] = loss.ignore_class
    elif isinstance(loss, losses.CategoricalCrossentropy):
        y_true = rng.dirichlet(np.ones(C), size=shape) * 1.5  # probabilities need not sum to 1
    else:
        y_true = y_pred + np.where(rng.random(y_pred.shape) < 0.5, -1, 1) * rng.uniform(0.1, 0.6, size=y_pred.shape)
    return y_true, y_pred


def check(loss, y_true, y_pred, weights=None, mask=None):
    """Compare backward with central differences of forward; dloss is one number or one per value."""
    value, tape = loss.forward(y_true, y_pred, weights, mask)
    dloss = np.random.default_rng(7).normal(size=np.shape(value))
    gradient = loss.backward(tape, dloss)
    numeric = central_differences(lambda: float(np.sum(loss.forward(y_true, y_pred, weights, mask)[0] * dloss)), y_pred)
    assert_gradient("dy_pred", gradient, numeric)
    np.testing.assert_array_equal(loss.backward(tape, dloss), gradient)  # a tape can be used twice


def with_reduction(loss, reduction):
    return type(loss)(**{**loss.get_config(), "reduction": reduction})


@pairwise(loss=LOSSES, reduction=REDUCTIONS, mask=MASKS, weights=WEIGHTS)
def test_backward_matches_central_differences(loss, reduction, mask, weights):
    check_reduced(loss, reduction, mask, weights)


@pytest.mark.parametrize("weights", ["none", "sample", "step"])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_backward_matches_central_differences_with_every_reduction_mask_and_weight(reduction, mask, weights):
    check_reduced(losses.MeanSquaredError(), reduction, mask, weights)


def check_reduced(loss, reduction, mask, weights):
    """Return the gradient for the given reduction, mask and weights."""
    rng = np.random.default_rng(1)
    some = None if MASKS[mask] is None else rng.random(MASKS[mask]) < 0.6
    some_weights = None if WEIGHTS[weights] is None else rng.uniform(0.5, 2, size=WEIGHTS[weights])
    check(with_reduction(loss, reduction), *draw(loss), some_weights, some)


@pytest.mark.parametrize("shape", [(), (N,), (N, 1), (2, N, T)], ids=str)
@EACH_KIND
def test_backward_matches_central_differences_with_any_number_of_axes(loss, shape):
    check(loss, *draw(loss, shape))


@pytest.mark.parametrize(
    ("true", "pred"), [((N,), (N, 1)), ((N, 1), (N,)), ((N, T), (N, T, 1)), ((N, T, 1), (N, T)), ((N,), (N,))], ids=str
)
@pytest.mark.parametrize("loss", [losses.MeanSquaredError(), losses.BinaryCrossentropy()], ids=repr)
def test_backward_returns_the_shape_of_y_pred(loss, true, pred):
    rng = np.random.default_rng(2)
    check(loss, rng.uniform(1, 2, size=true), rng.uniform(0.4, 0.7, size=pred))


@pytest.mark.parametrize("form", [lambda y: y[..., None], lambda y: y.astype(np.float32), lambda y: y.tolist()])
@pytest.mark.parametrize("loss", KINDS[-2:], ids=repr)
def test_forward_accepts_class_indices_of_any_type(loss, form):
    y_true, y_pred = draw(loss)
    value, tape = loss.forward(form(y_true), y_pred)
    expected, expected_tape = loss.forward(y_true, y_pred)
    assert value == expected
    np.testing.assert_array_equal(loss.backward(tape), loss.backward(expected_tape))


@pytest.mark.parametrize(
    ("loss", "dtype"),
    [*((one, np.float32) for one in LOSSES), *((one, t) for one in KINDS for t in (np.float64, np.float16))],
)
def test_backward_returns_the_type_of_y_pred(loss, dtype):
    y_true, y_pred = draw(loss)
    some = np.array([[True, False]] * N)
    for weights, mask, reduction in itertools.product([None, np.ones(N)], [None, some], ["sum", None]):
        reduced = with_reduction(loss, reduction)
        value, tape = reduced.forward(y_true, y_pred.astype(dtype), weights, mask)
        assert type(value) is float or value.dtype == (np.float64 if dtype == np.float64 else np.float32)
        dloss = 1.0 if reduction else np.ones((N, T))
        assert reduced.backward(tape, dloss).dtype == (np.float64 if dtype == np.float64 else np.float32)


@EACH_LOSS
def test_masked_values_do_not_affect_loss_or_gradient(loss):
    y_true, y_pred = draw(loss)
    mask = np.array([[True, True], [True, False], [False, False]])
    value, tape = loss.forward(y_true, y_pred, None, mask)
    y_true, y_pred = y_true.copy(), y_pred.copy()
    y_pred[~mask] = [[np.nan], [np.inf], [0.0]]
    y_true[~mask] = 99
    if y_true.dtype == float:
        y_true[2, 0] = np.nan
    worse, worse_tape = loss.forward(y_true, y_pred, None, mask)
    assert worse == value
    gradient = loss.backward(worse_tape)
    np.testing.assert_array_equal(gradient, loss.backward(tape))
    assert not gradient[~mask].any()


@EACH_KIND
def test_mean_is_zero_when_nothing_counts(loss):
    y_true, y_pred = draw(loss)
    for weights, mask in [(None, np.zeros((N, T), bool)), (np.zeros(N), None)]:
        value, tape = loss.forward(y_true, y_pred, weights, mask)
        assert value == 0
        assert not loss.backward(tape).any()
    value, tape = loss.forward(y_true[:0], y_pred[:0])
    assert value == 0
    assert loss.backward(tape).shape == (0, T, C)
