"""The demo's text: where it comes from, what is held out, and how it is cut into streams."""

import numpy as np
import pytest

from seqfuse.demo.text import corpus, split, streams


def test_corpus_is_the_running_pythons_documentation():
    characters = corpus()
    assert len(characters) > 300_000
    assert 'The "assert" statement' in characters


@pytest.mark.parametrize("length", [10, 99, 1000])
def test_split_holds_out_the_last_tenth_and_loses_nothing(length):
    characters = corpus()[:length]
    text = split(characters)
    assert len(text.held) == length // 10
    assert text.decode(text.train) + text.decode(text.held) == characters
    np.testing.assert_array_equal(text.encode(characters), np.concatenate([text.train, text.held]))


@pytest.mark.parametrize(("length", "batch"), [(1, 1), (2, 1), (7, 2), (100, 3), (101, 4)])
def test_streams_target_is_the_character_after_the_input(length, batch):
    ids = np.arange(length)
    inputs, targets = streams(ids, batch)
    assert inputs.shape == targets.shape == (batch, (length - 1) // batch)
    np.testing.assert_array_equal(targets, inputs + 1)
    np.testing.assert_array_equal(inputs.ravel(), ids[: inputs.size])
