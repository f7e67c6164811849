"""What a model is trained for: a loss for every output, their weighted sum, and the metrics that are told beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seqfuse import _names, losses, metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse.losses import Loss
    from seqfuse.metrics import Metric


def by_output(function: str, argument: str, value: Any, names: Sequence[str]) -> list[Any]:
    """Something that is given once, as a list or by name, as a list with an entry for every output."""
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
    """The losses of a model's outputs.

    Parameters
    ----------
    loss : name, Loss, or a list or dict of them        one for all outputs, or one for each; None leaves an output out
    loss_weights : list or dict of float        1 by default
    names : of the outputs
    """

    def __init__(self, loss: Any, loss_weights: Any, names: Sequence[str]) -> None:
        given = by_output("compile", "loss", loss, names)
        self.losses: list[Loss | None] = [None if one is None else losses.get(one) for one in given]
        weights = by_output("compile", "loss_weights", loss_weights, names)
        self.weights = [1.0 if weight is None else float(weight) for weight in weights]
        self.names = list(names)
        self.total = metrics.Mean(name="loss")
        self.each = [metrics.Mean(name=f"{n}_loss") for n, one in zip(names, self.losses) if one and len(names) > 1]

    def forward(
        self, ys: Sequence[Any], predictions: Sequence[Any], sample_weights: Sequence[Any], masks: Sequence[Any]
    ) -> tuple[float, list[Any]]:
        """The weighted sum of the losses, and the tape; each loss is counted for its mean over batches."""
        total, means = 0.0, iter(self.each)
        tapes: list[Any] = []
        for loss, weight, y, prediction, sample_weight, mask in zip(
            self.losses, self.weights, ys, predictions, sample_weights, masks
        ):
            if loss is None:
                tapes.append(None)
                continue
            value, tape = loss.forward(y, prediction, sample_weight, mask)
            tapes.append(tape)
            total += weight * value
            if self.each:
                next(means).update_state(value, sample_weight=len(prediction))
        return total, tapes

    def backward(self, tapes: Sequence[Any]) -> Any:
        """The gradient of the output; of several a list, None where there is no loss."""
        dys = [
            None if loss is None else loss.backward(tape, weight)
            for loss, weight, tape in zip(self.losses, self.weights, tapes)
        ]
        return dys if len(dys) > 1 else dys[0]


class Measures:
    """The metrics of a model's outputs.

    Parameters
    ----------
    given : name, Metric or callable, a list of them, or one such list for each output (a list of lists, or a dict)
    names : of the outputs
    """

    def __init__(self, given: Any, names: Sequence[str]) -> None:
        several = isinstance(given, (list, tuple)) and any(isinstance(one, (list, tuple)) for one in given)
        if isinstance(given, Mapping) or (several and len(names) > 1):
            lists = by_output("compile", "metrics", given, names)
        elif isinstance(given, (list, tuple)) and len(names) > 1 and len(given) == len(names):
            lists = list(given)
        else:
            lists = [given] * len(names)
        self._given = [[] if one is None else list(one) if isinstance(one, (list, tuple)) else [one] for one in lists]
        for one in (one for each in self._given for one in each):
            if one not in metrics.BY_SHAPES:
                metrics.get(one)  # a wrong name is refused now
        self._names = list(names)
        self._made: list[list[Metric]] | None = None

    def update(self, ys: Sequence[Any], predictions: Sequence[Any], sample_weights: Sequence[Any] | None) -> None:
        """Count a batch."""
        if self._made is None:
            self._make(ys, predictions)
        for i, of_output in enumerate(self._made or ()):
            weight = None if sample_weights is None else sample_weights[i]
            for metric in of_output:
                metric.update_state(ys[i], predictions[i], sample_weight=weight)

    def _make(self, ys: Sequence[Any], predictions: Sequence[Any]) -> None:
        self._made = []
        for name, given, y, prediction in zip(self._names, self._given, ys, predictions):
            of_output = [metrics.resolve(one, y, prediction) for one in given]
            for metric in of_output:
                if len(self._names) > 1:
                    metric.name = f"{name}_{metric.name}"
            self._made.append(of_output)

    def all(self) -> list[Metric]:
        """The metrics; none before the first batch has said what they are."""
        return [metric for of_output in self._made or () for metric in of_output]
