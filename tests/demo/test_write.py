"""Test the text that the demo samples."""

import numpy as np

from seqfuse.demo.model import Settings, build_model
from seqfuse.demo.text import split
from seqfuse.demo.write import write

TEXT = split("the cat sat on the mat. " * 10)
MODEL = build_model(TEXT, Settings(embedding=8, hidden=16))


def test_write_returns_prompt_and_sampled_characters():
    sample = write(MODEL, TEXT, 50, prompt="the ")
    assert sample.text.startswith("the ")
    assert len(sample.text) == 54
    assert 0 < sample.step_microseconds < sample.microseconds


def test_write_depends_on_the_seed_only():
    assert write(MODEL, TEXT, 40, seed=1).text == write(MODEL, TEXT, 40, seed=1).text
    assert write(MODEL, TEXT, 40, seed=1).text != write(MODEL, TEXT, 40, seed=2).text


def test_write_drops_characters_that_are_not_in_the_vocabulary():
    assert write(MODEL, TEXT, 5, prompt="XYZ").text[0] == TEXT.vocabulary[0]


def test_write_at_a_low_temperature_takes_the_most_probable_character():
    ids = TEXT.encode(write(MODEL, TEXT, 20, temperature=1e-6, prompt="t").text)
    logits = MODEL.predict(ids[np.newaxis, :-1])
    np.testing.assert_array_equal(logits[0].argmax(axis=-1), ids[1:])
