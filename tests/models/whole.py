"""A model held against central differences as a whole: from its parameters to the loss that fit makes smaller."""

import numpy as np
from support.cases import assert_gradient, central_differences

from seqfuse.optimizers import SGD


def rng(seed=0):
    return np.random.default_rng(seed)


def compiled(model, loss="mse", **options):
    """A model whose updates leave the parameters where they are, so that differences can be taken around them."""
    model.compile(SGD(0.0), loss, **options)
    return model


def assert_training_gradient(model, x, y, sample_weight=None):
    """The gradients of a training step, against central differences of the loss that an evaluation gives."""
    model.train_on_batch(x, y, sample_weight)
    parameters = model._parameters
    assert len(parameters.weights) == len(model.trainable_weights) > 0

    def loss():
        return model.test_on_batch(x, y, sample_weight, return_dict=True)["loss"]

    for weight, gradient in zip(parameters.weights, parameters.into):
        numeric = central_differences(loss, weight.value)
        assert_gradient(weight.path, gradient, numeric)
        assert weight.value.size == 0 or np.abs(numeric).max() > 0, f"{weight.path} does not matter: nothing is tested"
