"""The paragraph that the demo's model writes."""

import numpy as np

from seqfuse.demo.model import Settings, compiled
from seqfuse.demo.text import split
from seqfuse.demo.write import write

TEXT = split("the cat sat on the mat. " * 10)
MODEL = compiled(TEXT, Settings(embedding=8, hidden=16))


def test_write_gives_the_prompt_and_so_many_characters():
    written = write(MODEL, TEXT, 50, prompt="the ")
    assert written.text.startswith("the ")
    assert len(written.text) == 54
    assert 0 < written.step_microseconds < written.microseconds


def test_write_is_the_same_for_the_same_seed():
    assert write(MODEL, TEXT, 40, seed=1).text == write(MODEL, TEXT, 40, seed=1).text
    assert write(MODEL, TEXT, 40, seed=1).text != write(MODEL, TEXT, 40, seed=2).text


def test_write_leaves_out_what_the_vocabulary_lacks():
    assert write(MODEL, TEXT, 5, prompt="XYZ").text[0] == TEXT.vocabulary[0]


def test_write_at_a_low_temperature_takes_the_likeliest_character():
    ids = TEXT.encode(write(MODEL, TEXT, 20, temperature=1e-6, prompt="t").text)
    logits = MODEL.predict(ids[np.newaxis, :-1])
    np.testing.assert_array_equal(logits[0].argmax(axis=-1), ids[1:])
