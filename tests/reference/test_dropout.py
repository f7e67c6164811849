"""Tests of the reference dropout: known answers of the generator, the pattern, and the scale."""

import numpy as np
import pytest

from seqfuse import reference
from seqfuse.reference.dropout import dropout_mask

# counter, key, words: known answers of philox4x32-10 from Random123 (tests/kat_vectors)
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(line):
    return [int(word, 16) for word in line.split()]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_returns_the_known_answers(counter, key, expected):
    np.testing.assert_array_equal(reference.philox4x32(words(counter), words(key)), words(expected))


def test_philox_accepts_many_counters():
    counters = np.array([words(counter) for counter, _, _ in KNOWN]).T
    many = reference.philox4x32(counters, [1, 2])
    assert many.dtype == np.uint32
    for n in range(3):
        np.testing.assert_array_equal(many[:, n], reference.philox4x32(counters[:, n], [1, 2]))


def test_dropout_pattern_follows_the_words_of_its_seed():
    seed, rate = 0x123456789ABCDEF0, 0.3
    x = np.arange(1, 11, dtype=np.float32).reshape(2, 5)
    y = reference.dropout(x, rate, seed=seed).ravel()
    for i in range(10):
        word = int(reference.philox4x32([i // 4, 0, 0, 0], [0x9ABCDEF0, 0x12345678])[i % 4])
        expected = np.float32(i + 1) * np.float32(1 / (1 - rate)) if word >= int(rate * 2**32) else 0
        assert y[i] == expected


def test_dropout_drops_the_given_fraction_and_scales_the_rest():
    y = reference.dropout(np.ones(100_000), 0.2, seed=7)
    assert (y == 0).mean() == pytest.approx(0.2, abs=4 * (0.2 * 0.8 / 100_000) ** 0.5)  # 4 standard deviations
    assert set(np.unique(y)) == {0, 1.25}


def test_dropout_mask_depends_only_on_seed_and_element():
    np.testing.assert_array_equal(dropout_mask((3, 7), 0.5, 1).ravel(), dropout_mask((30,), 0.5, 1)[:21])
    assert not np.array_equal(dropout_mask((64,), 0.5, 1), dropout_mask((64,), 0.5, 2))
    assert not np.array_equal(dropout_mask((64,), 0.5, 1), dropout_mask((64,), 0.5, 1 + 2**32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_dropout_backward_applies_the_same_pattern_to_dy(dtype):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 3, 5)).astype(dtype)
    y, tape = reference.dropout_forward(x, 0.4, seed=3)
    dx = reference.dropout_backward(tape, dy)
    assert y.dtype == dx.dtype == dtype
    np.testing.assert_array_equal(dx, reference.dropout(dy, 0.4, seed=3))
    np.testing.assert_array_equal(dx == 0, y == 0)


def test_dropout_drops_nan_too():
    x = np.full(50, np.nan)
    y = reference.dropout(x, 0.5, seed=0)
    np.testing.assert_array_equal(np.isnan(y), dropout_mask((50,), 0.5, 0))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1,), (3,)])
def test_dropout_at_rate_0_is_the_identity(shape):
    x = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_array_equal(reference.dropout(x, 0.0, seed=0), x)
