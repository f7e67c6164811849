"""One training step of a model: forward, loss, backward, update; and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _names, optimizers
from seqfuse._seeds import SeedGenerator
from seqfuse.layers._layer import Layer
from seqfuse.layers.weight import Parameters
from seqfuse.losses import _targets as targets
from seqfuse.models._batches import to_arrays
from seqfuse.models._objective import MetricGroup, Objective, add_to_mean, by_output
from seqfuse.models._run import ModelTape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse.layers._argument_types import Inputs, Outputs
    from seqfuse.losses import Loss
    from seqfuse.models._batches import Batch
    from seqfuse.optimizers import Optimizer


_COMPILE_ARGUMENTS = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")


class TrainingStep(Layer):
    """Base class of `Model` with the computations for one batch. `Trainer` has the loops over batches."""

    input_names: Sequence[str] = ("input",)  # for a model without a graph
    output_names: Sequence[str] = ("output",)
    _objective: Objective | None = None
    _parameters: Parameters | None = None

    def compile(
        self,
        optimizer: str | Optimizer | type[Optimizer] | dict[str, Any] = "rmsprop",
        loss: str | Loss | Sequence[Any] | Mapping[str, Any] | None = None,
        loss_weights: Sequence[float] | Mapping[str, float] | None = None,
        metrics: Sequence[Any] | Mapping[str, Any] | None = None,
        weighted_metrics: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        run_eagerly: Any = None,
        jit_compile: Any = None,
        steps_per_execution: Any = None,
        auto_scale_loss: Any = None,
        **unknown: Any,
    ) -> None:
        """Set the optimizer, the losses and the metrics of the training.

        Parameters
        ----------
        optimizer : str, Optimizer, type or dict, default "rmsprop"
            Optimizer: an instance, a name, a class, or a config; see `seqfuse.optimizers`.
        loss : str or Loss, or a list or dict of them, optional
            Loss; see `seqfuse.losses`. With several outputs, one loss for all of them, a list with one loss per
            output, or a dict with the names of outputs as keys. An output whose loss is None is not trained.
        loss_weights : list or dict of float, optional
            Factor of each output's loss in the total loss. 1 by default.
        metrics : list of str, Metric or callable, optional
            Metrics; see `seqfuse.metrics`. With several outputs, a list or dict with one such list per output.
        weighted_metrics : list of str, Metric or callable, optional
            Metrics that take sample weights into account, in the same form as `metrics`.
        run_eagerly, jit_compile, steps_per_execution, auto_scale_loss : Any, optional
            Arguments of Keras about how to execute a model. They are accepted and ignored.
        **unknown : Any
            Any other argument is refused by a TypeError that suggests the nearest name.

        Raises
        ------
        ValueError
            If the name of an optimizer, a loss or a metric is unknown. The message suggests the nearest name.
        TypeError
            If an argument does not exist.

        Examples
        --------
        >>> from seqfuse.layers import LSTM, Dense, Input
        >>> from seqfuse.models import Sequential
        >>> from seqfuse.optimizers import Adam
        >>> model = Sequential([Input((10, 3)), LSTM(16), Dense(1)], name="forecast")
        >>> model.compile(Adam(learning_rate=0.01), loss="mse", metrics=["mae"])
        >>> model
        <Sequential "forecast": 2 layers, 1,297 parameters
          (None, 10, 3) -> (None, 1)
          optimizer Adam(learning_rate=0.01), loss mse>
        """
        for argument in unknown:
            near = _names.suggestion(argument, _COMPILE_ARGUMENTS)
            raise TypeError(f"{self.name}: compile has no argument {argument!r}{near}")
        names, new_optimizer = self.output_names, optimizers.get(optimizer, "compile")
        objective = Objective(loss, loss_weights, names)
        log_names = {"loss", *(mean.name for mean in objective.output_means)}
        plain = MetricGroup("metrics", metrics, names, log_names)
        weighted = MetricGroup("weighted_metrics", weighted_metrics, names, log_names)
        self.optimizer, self._objective = new_optimizer, objective
        self._metrics, self._weighted_metrics = plain, weighted
        self._compiled = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self._parameters = None
        self._order_seeds = SeedGenerator()

    # ---- one batch -----------------------------------------------------------------------------------------------

    def _train_step(self, batch: Batch, parameters: Parameters | None = None, class_weight: Any = None) -> Parameters:
        """Run forward, loss, backward and update. Return the parameters, for the next step."""
        x, y, sample_weight = batch
        prediction, tape = self.forward(x, training=True)
        if class_weight is not None:
            sample_weight = self._apply_class_weight(y, sample_weight, class_weight, prediction)
        if parameters is None or not parameters.at_home():
            parameters = self._ready_parameters()
        loss_tapes = self._compute_loss(y, prediction, sample_weight, tape, parameters.regularized)
        parameters.gradients.fill(0)
        for regularizer, value, gradient in parameters.regularized:
            regularizer.add_gradient(value, gradient)
        dys = self.objective.backward(loss_tapes)
        self.backward(tape, dys if isinstance(prediction, list) else dys[0], into=parameters.into)
        if self.optimizer.loss_scale_factor:
            parameters.gradients *= self.optimizer.loss_scale_factor  # the optimizer divides by it
        self.optimizer.update(parameters.values, parameters.gradients)
        return parameters

    def _test_step(self, batch: Batch) -> None:
        """Run forward and loss."""
        x, y, sample_weight = batch
        prediction, tape = self.forward(x, keep=False)
        weights = self.trainable_weights
        regularized = [(w.regularizer, w.value, None) for w in weights if w.regularizer is not None]
        self._compute_loss(y, prediction, sample_weight, tape, regularized)

    def _compute_loss(
        self, y: Any, prediction: Any, sample_weight: Any, tape: Any, regularized: Sequence[Any]
    ) -> list[Any]:
        """Compute the losses, update the metrics, and return the tapes of the losses."""
        ys, predictions, weights, masks = self._loss_arguments(y, prediction, sample_weight, tape)
        loss, loss_tapes = self.objective.forward(ys, predictions, weights, masks)
        for regularizer, value, _ in regularized:
            loss += regularizer.value(value)
        add_to_mean(self.objective.total, loss, len(predictions[0]))
        self._metrics.update(ys, predictions, weights, masks)
        self._weighted_metrics.update(ys, predictions, weights, masks)
        return loss_tapes

    def _loss_arguments(self, y: Any, prediction: Any, sample_weight: Any, tape: Any) -> tuple[list[Any], ...]:
        """Return targets, predictions, sample weights and masks, one entry per output each."""
        predictions, ys, weights, names = [prediction], [y], [sample_weight], self.objective.names
        if len(names) > 1 or type(y) is not np.ndarray or isinstance(prediction, list):
            predictions = prediction if isinstance(prediction, list) else predictions
            ys = by_output(self.name, "y", y, names) if len(predictions) > 1 else _single_output(y, names)
            weights = by_output(self.name, "sample_weight", sample_weight, names)
        return ys, predictions, weights, tape.masks if isinstance(tape, ModelTape) else [None] * len(predictions)

    @property
    def objective(self) -> Objective:
        """The losses. Raises a RuntimeError if the model is not compiled."""
        if self._objective is None:
            raise RuntimeError(
                f'{self.name}: the model must be compiled first. Call model.compile(optimizer="adam", loss="mse")'
            )
        return self._objective

    def _ready_parameters(self) -> Parameters:
        """Return the buffer of the trainable weights; recreate it if weights were moved to another model's buffer."""
        weights = self.trainable_weights
        current = self._parameters
        if current is not None and current.hold(weights):
            return current
        if current is not None and current.weights != weights:
            raise ValueError(
                f"{self.name}: the trainable weights must be those of the first training step; got different ones. "
                "Compile the model again"
            )
        self._parameters = parameters = Parameters(weights)
        self.optimizer.build(parameters.values.dtype, parameters.segments)
        return parameters

    def train_on_batch(
        self,
        x: Inputs,
        y: Inputs = None,
        sample_weight: Inputs = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Make one update with one batch.

        Parameters
        ----------
        x, y, sample_weight : array_like, or a list or dict of them
            Inputs, targets and sample weights of the batch.
        class_weight : dict, optional
            Weight of the samples of each class.
        return_dict : bool, default False
            Whether to return a dict with the names of the metrics as keys.

        Returns
        -------
        float, list of float, or dict
            The loss before the update, or a list of the loss and the metrics.

        Raises
        ------
        ValueError
            If a shape does not fit.
        RuntimeError
            If the model is not compiled.

        Examples
        --------
        >>> import numpy as np
        >>> from seqfuse.layers import Dense
        >>> from seqfuse.models import Sequential
        >>> model = Sequential([Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> model.train_on_batch(np.ones((4, 2)), np.ones((4, 1)))
        1.0
        """
        self._reset_metrics()
        self._train_step(self._batch(x, y, sample_weight), class_weight=class_weight)
        return self._results(return_dict)

    def test_on_batch(
        self, x: Inputs, y: Inputs = None, sample_weight: Inputs = None, return_dict: bool = False
    ) -> Any:
        """Return the loss and the metrics of one batch without an update.

        Parameters
        ----------
        x, y, sample_weight : array_like, or a list or dict of them
            Inputs, targets and sample weights of the batch.
        return_dict : bool, default False
            Whether to return a dict with the names of the metrics as keys.

        Returns
        -------
        float, list of float, or dict
            The loss, or a list of the loss and the metrics.

        Raises
        ------
        ValueError
            If a shape does not fit.
        RuntimeError
            If the model is not compiled.
        """
        self._reset_metrics()
        self._test_step(self._batch(x, y, sample_weight))
        return self._results(return_dict)

    def predict_on_batch(self, x: Inputs) -> Outputs:
        """Return the outputs for one batch.

        Parameters
        ----------
        x : array_like, or a list or dict of them
            Inputs.

        Returns
        -------
        ndarray, or list of ndarray
            Outputs.
        """
        return self.forward(self._batch(x, None, None)[0], keep=False)[0]

    # ---- shared with the loops -----------------------------------------------------------------------------------

    def _batch(self, x: Any, y: Any, sample_weight: Any) -> Batch:
        """Convert lists of numbers to arrays."""
        outputs = len(self.output_names) > 1
        return (
            to_arrays(self.name, "x", x, len(self.input_names) > 1),
            to_arrays(self.name, "y", y, outputs),
            to_arrays(self.name, "sample_weight", sample_weight, outputs),
        )

    def _apply_class_weight(self, y: Any, sample_weight: Any, class_weight: Any, prediction: Any) -> Any:
        """Return the sample weights multiplied by the weights of the classes in y."""
        if not isinstance(class_weight, Mapping):
            raise TypeError(f"{self.name}: class_weight must be a dict from classes to weights; got {class_weight!r}")
        if isinstance(prediction, list) or y is None:
            raise ValueError(
                f"{self.name}: class_weight must be None for several outputs or without y. Use sample_weight"
            )
        labels = np.asarray(_single_output(y, self.output_names)[0])
        if labels.ndim > 1 and labels.shape[-1] == 1:
            labels = labels[..., 0]
        elif labels.ndim > 1 and labels.ndim == prediction.ndim:  # one-hot; with fewer axes y contains class indices
            labels = labels.argmax(-1)
        classes, where = np.unique(np.rint(labels).astype(np.int64), return_inverse=True)
        class_weights = np.array([class_weight.get(int(label), 1.0) for label in classes], np.float32)
        weights = class_weights[where].reshape(labels.shape)
        if sample_weight is None:
            return weights
        (given,) = _single_output(sample_weight, self.output_names)
        return weights * targets.per_value(self.name, "sample_weight", np.asarray(given, np.float32), weights.shape)

    def _named_metrics(self) -> list[tuple[str, Any]]:
        """Return the total loss, the losses of the outputs and the metrics with their names in logs."""
        losses = [(mean.name, mean) for mean in (self.objective.total, *self.objective.output_means)]
        return [*losses, *self._metrics.named(), *self._weighted_metrics.named()]

    def _reset_metrics(self) -> None:
        """Reset the losses and metrics."""
        for _, metric in self._named_metrics():
            metric.reset_state()

    def _logs(self) -> dict[str, float]:
        """Return the loss and the metrics so far, by name."""
        return {name: metric.result() for name, metric in self._named_metrics()}

    def _results(self, return_dict: bool) -> Any:
        """Return the loss and the metrics as Keras does: a dict, a list, or one number."""
        logs = self._logs()
        values = list(logs.values())
        return logs if return_dict else values if len(values) > 1 else values[0]


def _single_output(y: Any, names: Sequence[str]) -> list[Any]:
    """Return the target of a model with one output, as a list."""
    if isinstance(y, Mapping):
        return by_output("fit", "y", y, names)
    return [y[0] if isinstance(y, (list, tuple)) and len(y) == 1 else y]
