"""One step of learning, which reads like the paper: forward, loss, backward, update; and what it is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import optimizers
from seqfuse._seeds import SeedGenerator
from seqfuse.layers._layer import Layer
from seqfuse.layers.weight import Parameters
from seqfuse.losses import _targets as targets
from seqfuse.models._batches import arrays
from seqfuse.models._objective import MetricGroup, Objective, add, by_output
from seqfuse.models._run import ModelTape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse.models._batches import Batch


class TrainingStep(Layer):
    """What a model has for one batch; the loops over batches are `Trainer`."""

    input_names: Sequence[str] = ("input",)  # of a model that is not a graph
    output_names: Sequence[str] = ("output",)
    _objective: Objective | None = None
    _parameters: Parameters | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **hints: Any,
    ) -> None:
        """Say what the model is trained for, and how.

        Parameters
        ----------
        optimizer : str or Optimizer        see `seqfuse.optimizers`
        loss : str or Loss        see `seqfuse.losses`; with several outputs a list, or a dict by their names
        loss_weights : list or dict of float        of the outputs' losses in their sum
        metrics : list of str, Metric or callable        with several outputs a list or dict of such lists
        weighted_metrics : likewise        those that sample weights count in
        **hints : run_eagerly, jit_compile, steps_per_execution, auto_scale_loss        Keras's; not looked at

        Raises
        ------
        ValueError        a name that is none, with the near one
        """
        unknown = set(hints) - {"run_eagerly", "jit_compile", "steps_per_execution", "auto_scale_loss"}
        if unknown:
            raise TypeError(f"{self.name}: compile has no argument {sorted(unknown)[0]!r}")
        names, updater = self.output_names, optimizers.get(optimizer, "compile")
        objective = Objective(loss, loss_weights, names)
        taken = {"loss", *(mean.name for mean in objective.each)}
        plain = MetricGroup("metrics", metrics, names, taken)
        weighted = MetricGroup("weighted_metrics", weighted_metrics, names, taken)
        self.optimizer, self._objective, self._metrics, self._weighted_metrics = updater, objective, plain, weighted
        self._compiled = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self._parameters = None
        self._order_seeds = SeedGenerator()

    # ---- one step ------------------------------------------------------------------------------------------------

    def _train_step(self, batch: Batch, parameters: Parameters | None = None, class_weight: Any = None) -> Parameters:
        """Forward, loss, backward, update; it returns the parameters, so that the next step need not look for them."""
        x, y, sample_weight = batch
        prediction, tape = self.forward(x, training=True)
        if class_weight is not None:
            sample_weight = self._weighted(y, sample_weight, class_weight, prediction)
        if parameters is None or not parameters.at_home():
            parameters = self._ready_parameters()
        of_losses = self._measure(y, prediction, sample_weight, tape, parameters.regularized)
        parameters.gradients.fill(0)
        for regularizer, value, gradient in parameters.regularized:
            regularizer.add_gradient(value, gradient)
        dys = self.objective.backward(of_losses)
        self.backward(tape, dys if isinstance(prediction, list) else dys[0], into=parameters.into)
        if self.optimizer.loss_scale_factor:
            parameters.gradients *= self.optimizer.loss_scale_factor  # the optimizer divides by it
        self.optimizer.update(parameters.values, parameters.gradients)
        return parameters

    def _test_step(self, batch: Batch) -> None:
        """Forward and loss."""
        x, y, sample_weight = batch
        prediction, tape = self.forward(x, keep=False)
        weights = self.trainable_weights
        regularized = [(w.regularizer, w.value, None) for w in weights if w.regularizer is not None]
        self._measure(y, prediction, sample_weight, tape, regularized)

    def _measure(self, y: Any, prediction: Any, sample_weight: Any, tape: Any, regularized: Sequence[Any]) -> list[Any]:
        """The tape of the losses; they, with the regularizers, and the metrics are counted."""
        ys, predictions, weights, masks = self._compared(y, prediction, sample_weight, tape)
        loss, of_losses = self.objective.forward(ys, predictions, weights, masks)
        for regularizer, value, _ in regularized:
            loss += regularizer.value(value)
        add(self.objective.total, loss, len(predictions[0]))
        self._metrics.update(ys, predictions, weights, masks)
        self._weighted_metrics.update(ys, predictions, weights, masks)
        return of_losses

    def _compared(self, y: Any, prediction: Any, sample_weight: Any, tape: Any) -> tuple[list[Any], ...]:
        """What the losses take: targets, predictions, sample weights and masks, an entry for every output."""
        predictions, ys, weights, names = [prediction], [y], [sample_weight], self.objective.names
        if len(names) > 1 or type(y) is not np.ndarray or isinstance(prediction, list):
            predictions = prediction if isinstance(prediction, list) else predictions
            ys = by_output(self.name, "y", y, names) if len(predictions) > 1 else _only(y, names)
            weights = by_output(self.name, "sample_weight", sample_weight, names)
        return ys, predictions, weights, tape.masks if isinstance(tape, ModelTape) else [None] * len(predictions)

    @property
    def objective(self) -> Objective:
        """The losses.

        Raises
        ------
        RuntimeError        the model was not compiled
        """
        if self._objective is None:
            raise RuntimeError(f'{self.name}: compile it first: model.compile(optimizer="adam", loss="mse")')
        return self._objective

    def _ready_parameters(self) -> Parameters:
        """The buffer of the trainable weights; made again when they are others, or have moved to another model's."""
        weights = self.trainable_weights
        old = self._parameters
        if old is not None and old.hold(weights):
            return old
        if old is not None and old.weights != weights:
            raise ValueError(f"{self.name}: its trainable weights must stay the same; got others. Compile it again")
        self._parameters = made = Parameters(weights)
        self.optimizer.build(made.values.dtype, made.segments)
        return made

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One update; the loss, or a list of the loss and the metrics.

        Parameters
        ----------
        x, y, sample_weight : arrays, or lists or dicts of them        one batch
        class_weight : dict        of a class, its weight
        return_dict : bool        numbers by name
        """
        self._reset_metrics()
        self._train_step(self._batch(x, y, sample_weight), class_weight=class_weight)
        return self._told(return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss of one batch, or a list of the loss and the metrics; nothing is learnt."""
        self._reset_metrics()
        self._test_step(self._batch(x, y, sample_weight))
        return self._told(return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch."""
        return self.forward(self._batch(x, None, None)[0], keep=False)[0]

    # ---- what is shared with the loops ---------------------------------------------------------------------------

    def _batch(self, x: Any, y: Any, sample_weight: Any) -> Batch:
        """Arrays in the place of lists of numbers."""
        outputs = len(self.output_names) > 1
        return (
            arrays(self.name, "x", x, len(self.input_names) > 1),
            arrays(self.name, "y", y, outputs),
            arrays(self.name, "sample_weight", sample_weight, outputs),
        )

    def _weighted(self, y: Any, sample_weight: Any, class_weight: Any, prediction: Any) -> Any:
        """The sample weights times those of the classes in y."""
        if not isinstance(class_weight, Mapping):
            raise TypeError(f"{self.name}: class_weight must be a dict, of a class its weight; got {class_weight!r}")
        if isinstance(prediction, list) or y is None:
            raise ValueError(
                f"{self.name}: class_weight must be None but with one output and its y. Give sample_weight"
            )
        labels = np.asarray(_only(y, self.output_names)[0])
        if labels.ndim > 1 and labels.shape[-1] == 1:
            labels = labels[..., 0]
        elif labels.ndim > 1 and labels.ndim == prediction.ndim:  # with fewer axes, they are classes themselves
            labels = labels.argmax(-1)
        classes, where = np.unique(np.rint(labels).astype(np.int64), return_inverse=True)
        each = np.array([class_weight.get(int(one), 1.0) for one in classes], np.float32)[where].reshape(labels.shape)
        if sample_weight is None:
            return each
        (given,) = _only(sample_weight, self.output_names)
        return each * targets.per_value(self.name, "sample_weight", np.asarray(given, np.float32), each.shape)

    def _measured(self) -> list[tuple[str, Any]]:
        """The loss, those of the outputs and the metrics, by the names that logs have for them."""
        losses = [(mean.name, mean) for mean in (self.objective.total, *self.objective.each)]
        return [*losses, *self._metrics.named(), *self._weighted_metrics.named()]

    def _reset_metrics(self) -> None:
        for _, metric in self._measured():
            metric.reset_state()

    def _logs(self) -> dict[str, float]:
        """The loss and the metrics so far, by name."""
        return {name: metric.result() for name, metric in self._measured()}

    def _told(self, return_dict: bool) -> Any:
        logs = self._logs()
        values = list(logs.values())
        return logs if return_dict else values if len(values) > 1 else values[0]


def _only(y: Any, names: Sequence[str]) -> list[Any]:
    """The target of a model with one output."""
    if isinstance(y, Mapping):
        return by_output("fit", "y", y, names)
    return [y[0] if isinstance(y, (list, tuple)) and len(y) == 1 else y]
