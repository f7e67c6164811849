import numpy as np

from seqfuse import functional as F
from seqfuse.demo.parameters import Sizes, initial
from seqfuse.demo.text import split
from seqfuse.demo.write import write

TEXT = split("the cat sat on the mat. " * 10)
P = initial(Sizes(len(TEXT.vocabulary), 8, 16), 0)


def test_write_gives_the_prompt_and_so_many_characters():
    written = write(P, TEXT, 50, prompt="the ")
    assert written.text.startswith("the ")
    assert len(written.text) == 54
    assert 0 < written.step_microseconds < written.microseconds


def test_write_is_the_same_for_the_same_seed():
    assert write(P, TEXT, 40, seed=1).text == write(P, TEXT, 40, seed=1).text
    assert write(P, TEXT, 40, seed=1).text != write(P, TEXT, 40, seed=2).text


def test_write_leaves_out_what_the_vocabulary_lacks():
    assert write(P, TEXT, 5, prompt="XYZ").text[0] == TEXT.vocabulary[0]


def test_write_at_a_low_temperature_takes_the_likeliest_character():
    ids = TEXT.encode(write(P, TEXT, 20, temperature=1e-6, prompt="t").text)
    y = F.lstm(P.E[ids[:-1, np.newaxis]], P.W, P.U, P.b).y
    np.testing.assert_array_equal(F.dense(y[:, 0], P.V, P.c).argmax(axis=1), ids[1:])
