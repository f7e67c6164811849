"""Holds losses, their weights and metrics of several outputs, and the names that logs have for them."""

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


def test_the_loss_is_the_weighted_sum_of_the_losses():
    model = two_outputs()
    compiled(model, ["mse", "sparse_categorical_crossentropy"], loss_weights=[0.5, 2.0])
    a, b = model.predict(X)
    of_a, of_b = ((a - A) ** 2).mean(), -np.log(b[np.arange(6), B]).mean()
    told = model.evaluate(X, [A, B], verbose=0, return_dict=True, batch_size=4)
    assert told == pytest.approx({"loss": 0.5 * of_a + 2 * of_b, "a_loss": of_a, "b_loss": of_b}, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        ({"a": "mse", "b": "sparse_categorical_crossentropy"}, ["loss", "a_loss", "b_loss"]),
        ({"b": "sparse_categorical_crossentropy"}, ["loss", "b_loss"]),
        (["mse", None], ["loss", "a_loss"]),
        ([losses.MeanSquaredError(), "crossentropy"], ["loss", "a_loss", "b_loss"]),
    ],
)
def test_losses_come_as_a_list_or_by_name(loss, names):
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
def test_metrics_come_as_lists_or_by_name(given, names):
    model = compiled(two_outputs(), ["mse", "sparse_categorical_crossentropy"], metrics=given)
    told = model.evaluate(X, [A, B], verbose=0, return_dict=True)
    assert list(told)[3:] == names
    again = model.evaluate(X, [A, B], verbose=0, return_dict=True)
    assert told == again


def test_accuracy_and_crossentropy_are_those_that_fit():
    for y, kind in ((B, "Sparse"), (np.eye(3)[B], "")):
        model = compiled(two_outputs(), [None, "crossentropy"], metrics=[[], ["accuracy", "crossentropy"]])
        told = model.evaluate(X, [A, y], verbose=0, return_dict=True)
        assert [type(m).__name__ for _, m in model._metrics.named()] == [
            f"{kind}CategoricalAccuracy",
            f"{kind}CategoricalCrossentropy",
        ]
        assert told["b_accuracy"] == (model.predict(X)[1].argmax(-1) == B).mean()
        assert told["b_crossentropy"] == pytest.approx(told["loss"], rel=1e-6)


def test_names_that_repeat_are_told_apart_as_in_keras():
    x = Input((4, 2))
    model = compiled(Model(x, Dense(1)(GRU(3)(x))), metrics=["mae", "mae", abs_of], weighted_metrics=["mae", "mse"])
    told = model.evaluate(X, A, sample_weight=np.arange(6.0), verbose=0, return_dict=True)
    assert list(told) == ["loss", "mae", "mae_1", "abs_of", "weighted_mae", "mse"]
    error = np.abs(model.predict(X) - A)[:, 0]
    assert told["mae"] == told["mae_1"] == pytest.approx(error.mean(), rel=1e-6)
    assert told["abs_of"] == pytest.approx(error.mean(), rel=1e-6)
    assert told["weighted_mae"] == pytest.approx(np.average(error, weights=np.arange(6.0)), rel=1e-6)


def abs_of(y_true, y_pred):
    return np.abs(y_true - y_pred)


def test_the_metric_objects_of_a_user_keep_their_names():
    metric = metrics.SparseCategoricalAccuracy(name="hits")
    for _ in range(2):
        model = compiled(two_outputs(), ["mse", None], metrics=[[], [metric]])
        assert "b_hits" in model.evaluate(X, [A, B], verbose=0, return_dict=True)
        assert metric.name == "hits"


def test_sample_weights_for_all_outputs_or_for_each():
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
    ("arguments", "said"),
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
def test_what_does_not_fit_the_outputs_is_refused_by_compile(arguments, said):
    with pytest.raises(ValueError, match=said):
        compiled(two_outputs(), **{"loss": "mse", **arguments})


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ({"a": A, "bb": B}, r"y must name outputs, .*Did you mean \"b\"\?"),
        ({"a": A}, "b: y must be given"),
        ([A], "y must have an entry for each of 2 outputs; got 1"),
        ([A, None], "b: y must be given"),
        ([A[:, :0], B], r'This concerns the output "a"'),
    ],
)
def test_targets_that_do_not_fit_the_outputs_are_refused(y, said):
    model = compiled(two_outputs(), ["mse", "sparse_categorical_crossentropy"])
    with pytest.raises(ValueError, match=said):
        model.fit(X, y, verbose=0)


def test_class_weights_need_one_output():
    model = compiled(two_outputs(), ["mse", "sparse_categorical_crossentropy"])
    with pytest.raises(ValueError, match="class_weight must be None for several outputs"):
        model.fit(X, [A, B], class_weight={0: 2.0}, verbose=0)


def test_by_output_gives_one_for_each():
    assert by_output("f", "x", 3, ["a", "b"]) == [3, 3]
    assert by_output("f", "x", {"b": 1}, ["a", "b"]) == [None, 1]
    assert by_output("f", "x", (1, 2), ["a", "b"]) == [1, 2]


def test_an_objective_and_measures_stand_alone():
    objective = Objective("mse", None, ["y"])
    loss, tapes = objective.forward([A], [A + 2], [None], [None])
    assert loss == pytest.approx(4.0)
    np.testing.assert_allclose(objective.backward(tapes)[0], np.full((6, 1), 4 / 6))
    measures = MetricGroup("metrics", ["mae"], ["y"], {"loss"})
    assert measures.named() == []
    measures.update([A], [A + 2], [None], [None])
    assert [(name, metric.result()) for name, metric in measures.named()] == [("mae", pytest.approx(2.0))]


class Seen(metrics.Metric):
    """How many values it was given; written as for Keras, without a mask."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen = y_pred.size

    def result(self):
        return self.seen


def test_metrics_that_take_a_mask_leave_out_what_is_not_real():
    y, prediction = np.zeros((2, 3, 1)), np.arange(6.0).reshape(2, 3, 1)
    measures = MetricGroup("metrics", ["mae", Seen()], ["y"], {"loss"})
    measures.update([y], [prediction], [None], [np.array([[True, True, False], [False, True, False]])])
    assert [metric.result() for _, metric in measures.named()] == [pytest.approx((0 + 1 + 4) / 3), 6]


def test_labels_that_ctc_refuses_are_not_asked_for_at_every_step():
    model = compiled(Sequential([Input((None, 2)), SimpleRNN(4, return_sequences=True)], name="heard"), "ctc")
    with pytest.raises(ValueError, match=r"class 0 is the blank\. This concerns the output"):
        model.fit(np.zeros((2, 5, 2)), np.array([[1, 9], [1, 0]]), verbose=0)
