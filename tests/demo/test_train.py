"""Test the demo's training: what it learns and reports, for any number of threads."""

import numpy as np
import pytest

import seqfuse as sf
from seqfuse.demo.model import Settings, build_model
from seqfuse.demo.text import split, streams
from seqfuse.demo.train import TEST_STREAMS, train

TEXT = split("abcdbc" * 400)
SETTINGS = Settings(embedding=8, hidden=16, batch=4, chunk=16, epochs=3, learning_rate=2e-2)


def epochs_of(settings):
    """Train a new model and return its epochs."""
    done = []
    train(build_model(TEXT, settings), TEXT, settings, done.append)
    return done


def test_train_learns_a_periodic_text():
    epochs = epochs_of(SETTINGS)
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert epochs[-1].test_bits < 0.1 < epochs[0].train_bits
    assert all(epoch.seconds > 0 for epoch in epochs)


def test_train_reports_every_character_of_training_text():
    epochs, characters = [], []
    train(build_model(TEXT, SETTINGS), TEXT, SETTINGS, epochs.append, characters.append)
    assert len(characters) == SETTINGS.updates(TEXT)
    assert characters[:34] == [4 * 16] * 33 + [4 * 11]
    assert sum(characters) == sum(epoch.characters for epoch in epochs)
    assert epochs[0].characters == (len(TEXT.train) - 1) // 4 * 4


def test_train_has_equal_bits_for_any_number_of_threads():
    weights = []
    for threads in (1, 2):
        settings = SETTINGS._replace(epochs=1, seed=5)
        model = build_model(TEXT, settings)
        with sf.num_threads(threads):
            train(model, TEXT, settings, lambda _: None)
        weights.append(model.get_weights())
    for one, two in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_train_depends_on_the_seed():
    first, second, other = (epochs_of(SETTINGS._replace(seed=seed, epochs=1))[0].test_bits for seed in (1, 1, 2))
    assert first == second != other


def test_train_reports_two_bits_when_four_characters_are_equally_likely():
    settings = SETTINGS._replace(epochs=1, learning_rate=1e-12, dropout=0.0)
    model = build_model(TEXT, settings)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    done = []
    train(model, TEXT, settings, done.append)
    assert done[0][1:3] == pytest.approx((2.0, 2.0))


def test_train_carries_the_state_over_chunks():
    """Check that without updates the training loss of chunks equals the loss of whole streams."""
    settings = SETTINGS._replace(epochs=1, learning_rate=1e-12, dropout=0.0)
    text = TEXT._replace(train=TEXT.train[: 4 * 16 * 8 + 1])
    model = build_model(text, settings)
    x, y = streams(text.train, settings.batch)
    whole = model.evaluate(x, y, verbose=0) / np.log(2.0)
    done = []
    train(model, text, settings, done.append)
    assert done[0].train_bits == pytest.approx(whole, rel=1e-6)
    bits = model.evaluate(*streams(text.test, TEST_STREAMS), verbose=0) / np.log(2.0)
    assert done[0].test_bits == pytest.approx(bits, rel=1e-6)
