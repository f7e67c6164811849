import numpy as np
import pytest

import seqfuse as sf
from seqfuse.demo.parameters import initial, zeros
from seqfuse.demo.text import split
from seqfuse.demo.train import Optimizer, Settings, held_out_bits, train

TEXT = split("abcdbc" * 400)
SETTINGS = Settings(embedding=8, hidden=16, batch=4, chunk=16, epochs=3, learning_rate=2e-2)


def test_train_learns_a_text_that_repeats():
    epochs = list(train(TEXT, SETTINGS))
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert epochs[-1].held_bits < 0.1 < epochs[0].train_bits
    assert all(epoch.seconds > 0 for epoch in epochs)


def test_train_reports_every_character_it_learns():
    learnt = []
    epochs = list(train(TEXT, SETTINGS, progress=learnt.append))
    assert len(learnt) == SETTINGS.steps(TEXT) * SETTINGS.epochs
    assert sum(learnt) == sum(epoch.characters for epoch in epochs)
    assert epochs[0].characters == (len(TEXT.train) - 1) // 4 * 4


def test_train_has_the_same_bits_for_any_number_of_threads():
    flats = []
    for threads in (1, 2):
        p = initial(SETTINGS.sizes(TEXT), 5)
        with sf.num_threads(threads):
            list(train(TEXT, SETTINGS._replace(epochs=1), p))
        flats.append(p.flat)
    np.testing.assert_array_equal(*flats)


def test_train_depends_on_the_seed():
    first, again, other = (next(train(TEXT, SETTINGS._replace(seed=seed))).held_bits for seed in (1, 1, 2))
    assert first == again != other


def test_optimizer_clips_the_gradient_and_sets_it_to_zero():
    sizes = SETTINGS.sizes(TEXT)
    flats = []
    for length in (10.0, 1000.0):  # both are longer than 1, so both come to the same update
        p, g = initial(sizes, 0), zeros(sizes)
        g.flat.fill(length / np.sqrt(g.flat.size))
        Optimizer(p, rate=1e-2, steps=10, norm=1.0).update(p, g)
        assert not g.flat.any()
        flats.append(p.flat)
    np.testing.assert_allclose(*flats, rtol=1e-5, atol=1e-7)


def test_optimizer_ends_at_a_rate_of_zero():
    sizes = SETTINGS.sizes(TEXT)
    p, g = initial(sizes, 0), zeros(sizes)
    optimizer = Optimizer(p, rate=1e-2, steps=4, norm=1.0)
    changes = []
    for _ in range(5):
        before = p.flat.copy()
        g.flat.fill(1e-3)
        optimizer.update(p, g)
        changes.append(np.abs(p.flat - before).max())
    assert changes == sorted(changes, reverse=True)
    assert changes[0] == pytest.approx(1e-2, rel=0.01)
    assert changes[-1] == 0


def test_held_out_bits_of_a_model_that_knows_nothing():
    p = zeros(SETTINGS.sizes(TEXT))
    assert held_out_bits(p, TEXT.held) == pytest.approx(2.0)  # four characters, all equally likely
