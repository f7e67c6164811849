"""Tests of the objective: losses, loss weights and metrics of several outputs, and their names in logs."""

import numpy as np
import pytest

from models.whole import compiled, rng
from seqfuse import losses, metrics
from seqfuse.layers import GRU, Dense, Input, SimpleRNN
from seqfuse.models import Model, Sequential
from seqfuse.models._objective import MetricGroup, Objective, by_output

X = rng().normal(size=(6, 4, 2))
A, B = rng(1).normal(size=(6, 1)), rng(2).integers(0, 3, 6)


def two_outputs():
    x = Input((4, 2))
    h = GRU(3)(x)
    return Model(x, [Dense(1, name="a")(h), Dense(3, "softmax", name="b")(h)])


def test_objective_loss_is_the_weighted_sum_over_outputs():
    model = two_outputs()
    compiled(model, ["mse", "sparse_categorical_crossentropy"], loss_weights=[0.5, 2.0])
    a, b = model.predict(X)
    a_loss, b_loss = ((a - A) ** 2).mean(), -np.log(b[np.arange(6), B]).mean()
    results = model.evaluate(X, [A, B], verbose=0, return_dict=True, batch_size=4)
    assert results == pytest.approx({"loss": 0.5 * a_loss + 2 * b_loss, "a_loss": a_loss, "b_loss": b_loss}, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        ({"a": "mse", "b": "sparse_categorical_crossentropy"}, ["loss", "a_loss", "b_loss"]),
        ({"b": "sparse_categorical_crossentropy"}, ["loss", "b_loss"]),
        (["mse", None], ["loss", "a_loss"]),
        ([losses.MeanSquaredError(), "crossentropy"], ["loss", "a_loss", "b_loss"]),
    ],
)
def test_compile_accepts_losses_as_list_or_dict(loss, names):
    model = compiled(two_outputs(), loss)
    assert list(model.train_on_batch(X, {"a": A, "b": B}, return_dict=True)) == names


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([["mse", "mae"], "accuracy"], ["a_mse", "a_mae", "b_accuracy"]),
        (["mse", "acc"], ["a_mse", "b_acc"]),
        ({"b": ["accuracy"]}, ["b_accuracy"]),
        ([[], [metrics.SparseCategoricalAccuracy(name="hits")]], ["b_hits"]),
        ([None, [{"class_name": "SparseCategoricalAccuracy", "config": {"name": "x"}}]], ["b_x"]),
        (None, []),
    ],
)
def test_compile_accepts_metrics_as_lists_or_dict(given, names):
    model = compiled(two_outputs(), ["mse", "sparse_categorical_crossentropy"], metrics=given)
    results = model.evaluate(X, [A, B], verbose=0, return_dict=True)
    assert list(results)[3:] == names
    repeated = model.evaluate(X, [A, B], verbose=0, return_dict=True)
    assert results == repeated


def test_compile_chooses_accuracy_and_crossentropy_by_the_target():
    for y, kind in ((B, "Sparse"), (np.eye(3)[B], "")):
        model = compiled(two_outputs(), [None, "crossentropy"], metrics=[[], ["accuracy", "crossentropy"]])
        results = model.evaluate(X, [A, y], verbose=0, return_dict=True)
        assert [type(m).__name__ for _, m in model._metrics.named()] == [
            f"{kind}CategoricalAccuracy",
            f"{kind}CategoricalCrossentropy",
        ]
        assert results["b_accuracy"] == (model.predict(X)[1].argmax(-1) == B).mean()
        assert results["b_crossentropy"] == pytest.approx(results["loss"], rel=1e-6)


def test_metric_names_are_unique_as_in_keras_when_repeated():
    x = Input((4, 2))
    model = compiled(
        Model(x, Dense(1)(GRU(3)(x))), metrics=["mae", "mae", absolute_error], weighted_metrics=["mae", "mse"]
    )
    results = model.evaluate(X, A, sample_weight=np.arange(6.0), verbose=0, return_dict=True)
    assert list(results) == ["loss", "mae", "mae_1", "absolute_error", "weighted_mae", "mse"]
    error = np.abs(model.predict(X) - A)[:, 0]
    assert results["mae"] == results["mae_1"] == pytest.approx(error.mean(), rel=1e-6)
    assert results["absolute_error"] == pytest.approx(error.mean(), rel=1e-6)
    assert results["weighted_mae"] == pytest.approx(np.average(error, weights=np.arange(6.0)), rel=1e-6)


def absolute_error(y_true, y_pred):
    return np.abs(y_true - y_pred)


def test_compile_keeps_the_names_of_metric_objects():
    metric = metrics.SparseCategoricalAccuracy(name="hits")
    for _ in range(2):
        model = compiled(two_outputs(), ["mse", None], metrics=[[], [metric]])
        assert "b_hits" in model.evaluate(X, [A, B], verbose=0, return_dict=True)
        assert metric.name == "hits"


def test_sample_weights_apply_to_all_outputs_or_to_one():
    model = compiled(two_outputs(), ["mse", "sparse_categorical_crossentropy"])
    w, ones = np.arange(6.0), np.ones(6)
    both = model.test_on_batch(X, [A, B], w, return_dict=True)
    assert both == model.test_on_batch(X, [A, B], [w, w], return_dict=True)
    one = model.test_on_batch(X, [A, B], {"a": w}, return_dict=True)
    assert (
        one
        == model.test_on_batch(X, [A, B], [w, ones], return_dict=True)
        == pytest.approx(model.test_on_batch(X, [A, B], [w, None], return_dict=True))
    )
    assert one["a_loss"] == both["a_loss"]
    assert one["b_loss"] != both["b_loss"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": {"aa": "mse"}}, r'compile: loss must name outputs, one of "a", "b"; got \'aa\'\. Did you mean "a"\?'),
        ({"loss": ["mse"]}, "compile: loss must have an entry for each of 2 outputs; got 1"),
        ({"metrics": ["mse", "mae", "acc"]}, "compile: metrics must have an entry for each of 2 outputs; got 3"),
        ({"metrics": {"c": "mse"}}, "compile: metrics must name outputs"),
        ({"loss_weights": {"c": 1.0}}, "compile: loss_weights must name outputs"),
        ({"metrics": [[metrics.Accuracy()] * 2, []]}, "compile: metrics must have one object per output"),
        (
            {"loss": [losses.MeanSquaredError(reduction=None), "mse"]},
            "loss must have a reduction to one number",
        ),
    ],
)
def test_compile_rejects_arguments_that_do_not_match_the_outputs(arguments, message):
    with pytest.raises(ValueError, match=message):
        compiled(two_outputs(), **{"loss": "mse", **arguments})


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ({"a": A, "bb": B}, r"y must name outputs, .*Did you mean \"b\"\?"),
        ({"a": A}, "b: y must be given"),
        ([A], "y must have an entry for each of 2 outputs; got 1"),
        ([A, None], "b: y must be given"),
        ([A[:, :0], B], r'This concerns the output "a"'),
    ],
)
def test_fit_rejects_targets_that_do_not_match_the_outputs(y, message):
    model = compiled(two_outputs(), ["mse", "sparse_categorical_crossentropy"])
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, verbose=0)


def test_fit_rejects_class_weights_when_there_are_several_outputs():
    model = compiled(two_outputs(), ["mse", "sparse_categorical_crossentropy"])
    with pytest.raises(ValueError, match="class_weight must be None for several outputs"):
        model.fit(X, [A, B], class_weight={0: 2.0}, verbose=0)


def test_by_output_returns_one_value_per_output():
    assert by_output("f", "x", 3, ["a", "b"]) == [3, 3]
    assert by_output("f", "x", {"b": 1}, ["a", "b"]) == [None, 1]
    assert by_output("f", "x", (1, 2), ["a", "b"]) == [1, 2]


def test_objective_and_metric_group_work_without_a_model():
    objective = Objective("mse", None, ["y"])
    loss, tapes = objective.forward([A], [A + 2], [None], [None])
    assert loss == pytest.approx(4.0)
    np.testing.assert_allclose(objective.backward(tapes)[0], np.full((6, 1), 4 / 6))
    group = MetricGroup("metrics", ["mae"], ["y"], {"loss"})
    assert group.named() == []
    group.update([A], [A + 2], [None], [None])
    assert [(name, metric.result()) for name, metric in group.named()] == [("mae", pytest.approx(2.0))]


class PredictionCount(metrics.Metric):
    """Metric that counts the predictions it receives. Like a metric for Keras, it does not accept a mask."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count = y_pred.size

    def result(self):
        return self.count


def test_metric_group_passes_the_mask_to_metrics_that_accept_it():
    y, prediction = np.zeros((2, 3, 1)), np.arange(6.0).reshape(2, 3, 1)
    group = MetricGroup("metrics", ["mae", PredictionCount()], ["y"], {"loss"})
    group.update([y], [prediction], [None], [np.array([[True, True, False], [False, True, False]])])
    assert [metric.result() for _, metric in group.named()] == [pytest.approx((0 + 1 + 4) / 3), 6]


def test_fit_names_the_output_when_ctc_rejects_the_labels():
    model = compiled(Sequential([Input((None, 2)), SimpleRNN(4, return_sequences=True)], name="heard"), "ctc")
    with pytest.raises(ValueError, match=r"class 0 is the blank\. This concerns the output"):
        model.fit(np.zeros((2, 5, 2)), np.array([[1, 9], [1, 0]]), verbose=0)
