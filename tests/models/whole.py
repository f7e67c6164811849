"""Assertion that compares the gradients of a training step with central differences of the loss."""

import numpy as np
from support.cases import assert_gradient, central_differences

from seqfuse.optimizers import SGD


def rng(seed=0):
    return np.random.default_rng(seed)


def compiled(model, loss="mse", **options):
    """Compile the model with learning rate 0, so that training steps do not change the weights, and return it."""
    model.compile(SGD(0.0), loss, **options)
    return model


def assert_training_gradient(model, x, y, sample_weight=None):
    """Check the gradients of `train_on_batch` against central differences of the loss of `test_on_batch`."""
    model.train_on_batch(x, y, sample_weight)
    parameters = model._parameters
    assert len(parameters.weights) == len(model.trainable_weights) > 0

    def loss():
        return model.test_on_batch(x, y, sample_weight, return_dict=True)["loss"]

    for weight, gradient in zip(parameters.weights, parameters.into):
        numeric = central_differences(loss, weight.value)
        assert_gradient(weight.path, gradient, numeric)
        assert weight.value.size == 0 or np.abs(numeric).max() > 0, f"{weight.path} does not affect the loss"
