"""Test the demo's model: sizes, initial weights and learning rate."""

import numpy as np
import pytest

from seqfuse.demo.model import Settings, build_model
from seqfuse.demo.text import split

TEXT = split("abcdbc" * 400)
SETTINGS = Settings(embedding=8, hidden=16, batch=4, chunk=16, epochs=3)


def test_build_model_depends_on_the_seed_only():
    first, second, other = (build_model(TEXT, SETTINGS._replace(seed=seed)).get_weights() for seed in (1, 1, 2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.any(first[0] != other[0])


def test_build_model_initializes_the_embedding_with_variance_1():
    E, W, U, b, V, c = build_model(split("".join(map(chr, range(32, 127))) * 20), Settings()).get_weights()
    assert E.shape == (95, 64)
    assert (W.shape, U.shape, b.shape) == ((64, 1024), (256, 1024), (1024,))
    assert (V.shape, c.shape) == ((256, 95), (95,))
    assert E.std() == pytest.approx(1.0, abs=0.05)  # the standard error of 6,080 numbers is 0.009


def test_settings_updates_counts_all_epochs():
    assert SETTINGS.updates(TEXT) == 34 * 3  # 2,160 characters: 4 streams of 539, cut into chunks of 16


def test_build_model_decays_the_learning_rate_to_zero():
    rate = build_model(TEXT, SETTINGS).optimizer.get_config()["learning_rate"]
    assert rate(0) == SETTINGS.learning_rate
    assert rate(SETTINGS.updates(TEXT)) == 0
