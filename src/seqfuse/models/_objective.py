"""The objective of a training: one loss per output, their weighted sum, and the metrics."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seqfuse import _checks, _names, losses, metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from seqfuse.losses import Loss
    from seqfuse.metrics import Metric


def by_output(function: str, argument: str, value: Any, names: Sequence[str]) -> list[Any]:
    """Return an argument that was given once, as a list or as a dict as a list with one entry per output."""
    if isinstance(value, Mapping):
        for name in value:
            if name not in names:
                got = f"{name!r}{_names.suggestion(str(name), names)}"
                raise ValueError(f"{function}: {argument} must name outputs, {_names.listed(names)}; got {got}")
        return [value.get(name) for name in names]
    if isinstance(value, (list, tuple)):
        if len(value) != len(names):
            raise ValueError(
                f"{function}: {argument} must have an entry for each of {len(names)} outputs; got {len(value)}"
            )
        return list(value)
    return [value] * len(names)


class Objective:
    """The losses of the outputs of a model.

    Parameters
    ----------
    loss : str or Loss, or a list or dict of them
        One loss for all outputs, or one per output. None means that an output has no loss.
    loss_weights : list or dict of float, or None
        Factors of the losses. 1 by default.
    names : sequence of str
        Names of the outputs.
    """

    def __init__(self, loss: Any, loss_weights: Any, names: Sequence[str]) -> None:
        self.losses = [_check_loss(each) for each in by_output("compile", "loss", loss, names)]
        weights = by_output("compile", "loss_weights", loss_weights, names)
        self.weights = [1.0 if w is None else _checks.real("compile", "loss_weights", w) for w in weights]
        self.names = list(names)
        self.total = metrics.Mean(name="loss")
        several = len(names) > 1
        self.output_means = [metrics.Mean(name=f"{n}_loss") for n, loss in zip(names, self.losses) if several and loss]

    def forward(
        self, ys: Sequence[Any], predictions: Sequence[Any], sample_weights: Sequence[Any], masks: Sequence[Any]
    ) -> tuple[float, list[Any]]:
        """Return the weighted sum of the losses, and their tapes; add each loss to its mean over batches."""
        total, means = 0.0, iter(self.output_means)
        tapes: list[Any] = []
        for i, loss in enumerate(self.losses):
            if loss is None:
                tapes.append(None)
                continue
            y, prediction = ys[i], predictions[i]
            if y is None:
                raise ValueError(f"{self.names[i]}: y must be given, because the output has a loss; got None")
            if type(loss) is str:
                loss = self.losses[i] = losses.resolve(loss, y, prediction)
            try:
                value, tape = loss.forward(y, prediction, sample_weights[i], masks[i])
            except ValueError as error:
                raise ValueError(f"{error}{_advice(self.names[i], loss, y, prediction)}") from error
            tapes.append(tape)
            total += self.weights[i] * value
            if self.output_means:
                add_to_mean(next(means), value, len(prediction))
        return total, tapes

    def backward(self, tapes: Sequence[Any]) -> list[Any]:
        """Return the gradients of the outputs; None for an output without a loss."""
        return [
            None if loss is None else loss.backward(tape, weight)
            for loss, weight, tape in zip(self.losses, self.weights, tapes)
        ]


def add_to_mean(mean: metrics.Mean, value: float, samples: int) -> None:
    """Add one number with the weight of `samples`; faster than `Mean.update_state`."""
    mean.total += value * samples
    mean.count += samples


def _check_loss(given: Any) -> Any:
    """Return a Loss, None, or a name whose loss depends on the shapes of the first batch."""
    if given is None or (isinstance(given, str) and given.lower() in losses.BY_SHAPES):
        return given
    loss = losses.get(given, "compile", "loss")
    if loss.reduction in (None, "none"):
        raise ValueError(f"compile: loss must have a reduction to one number; got reduction={loss.reduction!r}")
    return loss


def _advice(name: str, loss: Loss, y: Any, prediction: Any) -> str:
    """Return a hint for the error message about a target that does not fit the output `name`."""
    if (
        not isinstance(loss, losses.CTC)
        and getattr(y, "ndim", 0) < prediction.ndim > 2
        and y.shape[:2] != prediction.shape[:2]
    ):
        return (
            f'. The output "{name}" has one row per step. Give a target for every step, set return_sequences=False in '
            "a layer before it, or add a pooling layer such as GlobalAveragePooling1D() before it"
        )
    return f'. This concerns the output "{name}"'


class MetricGroup:
    """The metrics of the outputs of a model.

    Parameters
    ----------
    argument : "metrics" or "weighted_metrics"
        Argument of `compile`. Weighted metrics use sample weights.
    given : str, Metric, callable, or a list or dict of them
        Value of the argument; with several outputs a list or dict of lists.
    names : sequence of str
        Names of the outputs.
    log_names : set of str
        Names in use in logs. The names of these metrics are added.
    """

    def __init__(self, argument: str, given: Any, names: Sequence[str], log_names: set[str]) -> None:
        several = len(names) > 1
        lists = by_output("compile", argument, given, names) if several or isinstance(given, Mapping) else [given]
        self._identifiers = [list(_flatten(each)) for each in lists]
        identifiers = [identifier for output in self._identifiers for identifier in output]
        for identifier in identifiers:
            if not (isinstance(identifier, str) and identifier.lower() in metrics.BY_SHAPES):
                metrics.get(identifier, "compile", argument)  # raises if the name is unknown
            if isinstance(identifier, metrics.Metric) and sum(identifier is other for other in identifiers) > 1:
                raise ValueError(
                    f"compile: {argument} must have one object per output; got {identifier.name} for several outputs"
                )
        self._weighted = argument == "weighted_metrics"
        self._output_names, self._log_names = names, log_names
        self._metrics: list[tuple[int, str, Metric, bool]] | None = None

    def update(
        self, ys: Sequence[Any], predictions: Sequence[Any], sample_weights: Sequence[Any], masks: Sequence[Any]
    ) -> None:
        """Add a batch. Masked steps do not count in metrics that accept a mask."""
        if self._metrics is None:
            self._metrics = list(self._create(ys, predictions))
        for i, _, metric, accepts_mask in self._metrics:
            options = {"sample_weight": sample_weights[i]} if self._weighted else {}
            if masks[i] is not None and accepts_mask:
                options["mask"] = masks[i]
            metric.update_state(ys[i], predictions[i], **options)

    def _create(self, ys: Sequence[Any], predictions: Sequence[Any]) -> Iterator[tuple[int, str, Metric, bool]]:
        """Generate the output, log name and metric of each identifier, and whether the metric accepts a mask."""
        for i, identifiers in enumerate(self._identifiers):
            prefix = f"{self._output_names[i]}_" if len(self._output_names) > 1 else ""
            for identifier in identifiers:
                metric = metrics.resolve(identifier, ys[i], predictions[i])
                name = prefix + metric.name
                if self._weighted and name in self._log_names:
                    name = f"{prefix}weighted_{metric.name}"
                base, n = name, 0
                while name in self._log_names:
                    n += 1
                    name = f"{base}_{n}"
                self._log_names.add(name)
                yield i, name, metric, _accepts_mask(metric)

    def named(self) -> list[tuple[str, Metric]]:
        """Return the metrics with their names in logs; empty before the first batch."""
        return [(name, metric) for _, name, metric, _ in self._metrics or ()]


def _accepts_mask(metric: Metric) -> bool:
    """Return whether `update_state` has the argument mask; a custom metric written for Keras may lack it."""
    return "mask" in inspect.signature(metric.update_state).parameters


def _flatten(given: Any) -> Iterator[Any]:
    """Generate the entries of nested lists, without None."""
    if isinstance(given, (list, tuple)):
        for each in given:
            yield from _flatten(each)
    elif given is not None:
        yield given
