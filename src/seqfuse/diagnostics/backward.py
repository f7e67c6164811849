"""Run one forward and one backward pass of a compiled model without updating weights or metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.models import Model


def backpropagate(function: str, model: Model, x: Any, y: Any, sample_weight: Any) -> list[Array]:
    """Return the gradients of the loss with respect to `model.trainable_weights`, without those of regularizers.

    Raises
    ------
    RuntimeError
        If the model is not compiled.
    ValueError
        If the model is compiled without a loss. The message begins with `function`.
    """
    objective = model.objective
    if not any(objective.losses):
        raise ValueError(f'{function}: {model.name} must have a loss. Compile it with one: loss="mse" or another')
    x, y, sample_weight = model._batch(x, y, sample_weight)
    prediction, tape = model.forward(x)
    # The forward pass of the losses adds this batch to their running means. Undo that: an epoch may be in progress.
    running_means = [(mean, mean.total, mean.count) for mean in objective.output_means]
    _, loss_tape = objective.forward(*model._loss_arguments(y, prediction, sample_weight, tape))
    for mean, total, count in running_means:
        mean.total, mean.count = total, count
    dys = objective.backward(loss_tape)
    dy = dys if isinstance(prediction, list) else dys[0]
    _, gradients = model.backward(tape, dy, need_dx=True)  # need_dx: also pass through layers that are not trainable
    return gradients  # type: ignore[no-any-return]
