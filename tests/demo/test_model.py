"""The demo's model: its sizes, first weights and learning rate."""

import numpy as np
import pytest

from seqfuse.demo.model import Settings, compiled
from seqfuse.demo.text import split

TEXT = split("abcdbc" * 400)
SETTINGS = Settings(embedding=8, hidden=16, batch=4, chunk=16, epochs=3)


def test_compiled_begins_the_same_for_the_same_seed():
    first, again, other = (compiled(TEXT, SETTINGS._replace(seed=seed)).get_weights() for seed in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.any(first[0] != other[0])


def test_compiled_embedding_has_the_scale_that_the_lstm_expects():
    E, W, U, b, V, c = compiled(split("".join(map(chr, range(32, 127))) * 20), Settings()).get_weights()
    assert E.shape == (95, 64)
    assert (W.shape, U.shape, b.shape) == ((64, 1024), (256, 1024), (1024,))
    assert (V.shape, c.shape) == ((256, 95), (95,))
    assert E.std() == pytest.approx(1.0, abs=0.05)  # the standard error of 6,080 numbers is 0.009


def test_settings_count_the_updates_of_all_epochs():
    assert SETTINGS.updates(TEXT) == 34 * 3  # 2,160 characters: 539 a piece, cut into chunks of 16


def test_compiled_rate_ends_at_zero():
    rate = compiled(TEXT, SETTINGS).optimizer.get_config()["learning_rate"]
    assert rate(0) == SETTINGS.learning_rate
    assert rate(SETTINGS.updates(TEXT)) == 0
