"""Test the demo's text, its split into training and test text, and its streams."""

import numpy as np
import pytest

from seqfuse.demo.text import corpus, split, streams


def test_corpus_is_the_documentation_of_the_running_python():
    characters = corpus()
    assert len(characters) > 300_000
    assert 'The "assert" statement' in characters


@pytest.mark.parametrize("length", [10, 99, 1000])
def test_split_puts_the_last_tenth_into_the_test_text(length):
    characters = corpus()[:length]
    text = split(characters)
    assert len(text.test) == length // 10
    assert text.decode(text.train) + text.decode(text.test) == characters
    np.testing.assert_array_equal(text.encode(characters), np.concatenate([text.train, text.test]))


@pytest.mark.parametrize(("length", "batch"), [(1, 1), (2, 1), (7, 2), (100, 3), (101, 4)])
def test_streams_targets_are_the_characters_after_the_inputs(length, batch):
    ids = np.arange(length)
    inputs, targets = streams(ids, batch)
    assert inputs.shape == targets.shape == (batch, (length - 1) // batch)
    np.testing.assert_array_equal(targets, inputs + 1)
    np.testing.assert_array_equal(inputs.ravel(), ids[: inputs.size])
