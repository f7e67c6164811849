"""The demo's training: what it learns and reports, for any number of threads."""

import numpy as np
import pytest

import seqfuse as sf
from seqfuse.demo.model import Settings, compiled
from seqfuse.demo.text import split, streams
from seqfuse.demo.train import HELD_OUT_STREAMS, train

TEXT = split("abcdbc" * 400)
SETTINGS = Settings(embedding=8, hidden=16, batch=4, chunk=16, epochs=3, learning_rate=2e-2)


def epochs_of(settings):
    """The epochs of a new model."""
    done = []
    train(compiled(TEXT, settings), TEXT, settings, done.append)
    return done


def test_train_learns_a_text_that_repeats():
    epochs = epochs_of(SETTINGS)
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert epochs[-1].held_bits < 0.1 < epochs[0].train_bits
    assert all(epoch.seconds > 0 for epoch in epochs)


def test_train_reports_every_character_it_learns():
    epochs, learnt = [], []
    train(compiled(TEXT, SETTINGS), TEXT, SETTINGS, epochs.append, learnt.append)
    assert len(learnt) == SETTINGS.updates(TEXT)
    assert learnt[:34] == [4 * 16] * 33 + [4 * 11]
    assert sum(learnt) == sum(epoch.characters for epoch in epochs)
    assert epochs[0].characters == (len(TEXT.train) - 1) // 4 * 4


def test_train_has_the_same_bits_for_any_number_of_threads():
    weights = []
    for threads in (1, 2):
        settings = SETTINGS._replace(epochs=1, seed=5)
        model = compiled(TEXT, settings)
        with sf.num_threads(threads):
            train(model, TEXT, settings, lambda _: None)
        weights.append(model.get_weights())
    for one, two in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_train_depends_on_the_seed():
    first, again, other = (epochs_of(SETTINGS._replace(seed=seed, epochs=1))[0].held_bits for seed in (1, 1, 2))
    assert first == again != other


def test_train_of_a_model_that_knows_nothing():
    settings = SETTINGS._replace(epochs=1, learning_rate=1e-12, dropout=0.0)
    model = compiled(TEXT, settings)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    done = []
    train(model, TEXT, settings, done.append)
    assert done[0][1:3] == pytest.approx((2.0, 2.0))  # it knows nothing: four characters, all equally likely


def test_train_carries_the_state_over_chunks():
    """The loss that is learnt from is that of whole pieces of text, where nothing is learnt."""
    settings = SETTINGS._replace(epochs=1, learning_rate=1e-12, dropout=0.0)
    text = TEXT._replace(train=TEXT.train[: 4 * 16 * 8 + 1])
    model = compiled(text, settings)
    x, y = streams(text.train, settings.batch)
    whole = model.evaluate(x, y, verbose=0) / np.log(2.0)
    done = []
    train(model, text, settings, done.append)
    assert done[0].train_bits == pytest.approx(whole, rel=1e-6)
    held = model.evaluate(*streams(text.held, HELD_OUT_STREAMS), verbose=0) / np.log(2.0)
    assert done[0].held_bits == pytest.approx(held, rel=1e-6)
