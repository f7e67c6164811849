"""One forward and one backward through a compiled model, from which nothing is learnt and nothing is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.models import Model


def carry_back(function: str, model: Model, x: Any, y: Any, sample_weight: Any) -> list[Array]:
    """The gradients of the loss, that of the regularizers not in it, in the order of `model.trainable_weights`.

    Raises
    ------
    RuntimeError        the model is not compiled
    ValueError        it is, without a loss
    """
    objective = model.objective
    if not any(objective.losses):
        raise ValueError(f'{function}: {model.name} must have a loss. Compile it with one: loss="mse" or another')
    x, y, sample_weight = model._batch(x, y, sample_weight)
    prediction, tape = model.forward(x)
    counted = [(mean, mean.total, mean.count) for mean in objective.output_means]
    _, of_losses = objective.forward(*model._loss_arguments(y, prediction, sample_weight, tape))
    for mean, total, count in counted:  # an epoch may be under way
        mean.total, mean.count = total, count
    dys = objective.backward(of_losses)
    dy = dys if isinstance(prediction, list) else dys[0]
    _, gradients = model.backward(tape, dy, need_dx=True)  # all the way down, also through what does not learn
    return gradients  # type: ignore[no-any-return]
