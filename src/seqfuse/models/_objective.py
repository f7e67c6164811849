"""What a model is trained for: a loss for every output, their weighted sum, and the metrics that are told beside it."""

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
        self.losses = [_loss(one) for one in by_output("compile", "loss", loss, names)]
        weights = by_output("compile", "loss_weights", loss_weights, names)
        self.weights = [1.0 if w is None else _checks.real("compile", "loss_weights", w) for w in weights]
        self.names = list(names)
        self.total = metrics.Mean(name="loss")
        several = len(names) > 1
        self.each = [metrics.Mean(name=f"{n}_loss") for n, one in zip(names, self.losses) if several and one]

    def forward(
        self, ys: Sequence[Any], predictions: Sequence[Any], sample_weights: Sequence[Any], masks: Sequence[Any]
    ) -> tuple[float, list[Any]]:
        """The weighted sum of the losses, and the tape; each loss is counted for its mean over batches."""
        total, means = 0.0, iter(self.each)
        tapes: list[Any] = []
        for i, loss in enumerate(self.losses):
            if loss is None:
                tapes.append(None)
                continue
            y, prediction = ys[i], predictions[i]
            if y is None:
                raise ValueError(f"{self.names[i]}: y must be given, which its loss compares with; got None")
            if type(loss) is str:
                loss = self.losses[i] = losses.resolve(loss, y, prediction)
            try:
                value, tape = loss.forward(y, prediction, sample_weights[i], masks[i])
            except ValueError as error:
                raise ValueError(f"{error}{_advice(self.names[i], loss, y, prediction)}") from error
            tapes.append(tape)
            total += self.weights[i] * value
            if self.each:
                add(next(means), value, len(prediction))
        return total, tapes

    def backward(self, tapes: Sequence[Any]) -> list[Any]:
        """The gradients of the outputs; None where there is no loss."""
        return [
            None if loss is None else loss.backward(tape, weight)
            for loss, weight, tape in zip(self.losses, self.weights, tapes)
        ]


def add(mean: metrics.Mean, value: float, samples: int) -> None:
    """Count one number for so many samples: `Mean.update_state`, without a look at arrays that are none."""
    mean.total += value * samples
    mean.count += samples


def _loss(given: Any) -> Any:
    """A Loss, None, or a name that the first batch explains."""
    if given is None or (isinstance(given, str) and given.lower() in losses.BY_SHAPES):
        return given
    loss = losses.get(given, "compile", "loss")
    if loss.reduction in (None, "none"):
        raise ValueError(f"compile: loss must be one number, with a reduction; got reduction={loss.reduction!r}")
    return loss


def _advice(name: str, loss: Loss, y: Any, prediction: Any) -> str:
    """What may be wrong with a target that does not fit the output `name`."""
    if (
        not isinstance(loss, losses.CTC)
        and getattr(y, "ndim", 0) < prediction.ndim > 2
        and y.shape[:2] != prediction.shape[:2]
    ):
        return (
            f'. The output "{name}" has a row for every step: give a target for every step, or a layer before it '
            "return_sequences=False, or put a pooling such as GlobalAveragePooling1D() before it"
        )
    return f'. It is about the output "{name}"'


class MetricGroup:
    """The metrics of a model's outputs.

    Parameters
    ----------
    argument : "metrics" or "weighted_metrics"        of compile; sample weights count in the latter
    given : name, Metric or callable, a list of them, or with several outputs a list or dict with such a list for each
    names : of the outputs
    taken : set of str        the names that metrics have in logs already; those of these join them
    """

    def __init__(self, argument: str, given: Any, names: Sequence[str], taken: set[str]) -> None:
        several = len(names) > 1
        lists = by_output("compile", argument, given, names) if several or isinstance(given, Mapping) else [given]
        self._given = [list(_flat(one)) for one in lists]
        objects = [one for each in self._given for one in each]
        for one in objects:
            if not (isinstance(one, str) and one.lower() in metrics.BY_SHAPES):
                metrics.get(one, "compile", argument)  # a wrong name is refused now
            if isinstance(one, metrics.Metric) and sum(one is other for other in objects) > 1:
                raise ValueError(f"compile: {argument} must be one object for each output; got {one.name} for several")
        self._weighted = argument == "weighted_metrics"
        self._names, self._taken = names, taken
        self._made: list[tuple[int, str, Metric, bool]] | None = None

    def update(
        self, ys: Sequence[Any], predictions: Sequence[Any], sample_weights: Sequence[Any], masks: Sequence[Any]
    ) -> None:
        """Count a batch; a step that is not real counts for no metric that takes a mask."""
        if self._made is None:
            self._made = list(self._make(ys, predictions))
        for i, _, metric, takes_mask in self._made:
            options = {"sample_weight": sample_weights[i]} if self._weighted else {}
            if masks[i] is not None and takes_mask:
                options["mask"] = masks[i]
            metric.update_state(ys[i], predictions[i], **options)

    def _make(self, ys: Sequence[Any], predictions: Sequence[Any]) -> Iterator[tuple[int, str, Metric, bool]]:
        for i, given in enumerate(self._given):
            prefix = f"{self._names[i]}_" if len(self._names) > 1 else ""
            for one in given:
                metric = metrics.resolve(one, ys[i], predictions[i])
                name = prefix + metric.name
                if self._weighted and name in self._taken:
                    name = f"{prefix}weighted_{metric.name}"
                base, n = name, 0
                while name in self._taken:
                    n += 1
                    name = f"{base}_{n}"
                self._taken.add(name)
                yield i, name, metric, _takes_mask(metric)

    def named(self) -> list[tuple[str, Metric]]:
        """The metrics by their names in logs; none before the first batch has said what they are."""
        return [(name, metric) for _, name, metric, _ in self._made or ()]


def _takes_mask(metric: Metric) -> bool:
    """Whether it has the argument; one of somebody's own may be written as for Keras, without."""
    return "mask" in inspect.signature(metric.update_state).parameters


def _flat(given: Any) -> Iterator[Any]:
    if isinstance(given, (list, tuple)):
        for one in given:
            yield from _flat(one)
    elif given is not None:
        yield given
