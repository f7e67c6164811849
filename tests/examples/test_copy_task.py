"""The copy task is learned by an encoder-decoder of each kind, and decoded without a fault."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from seqfuse import num_threads
from seqfuse.decoding import beam_search, greedy_search
from seqfuse.utils import set_random_seed

PATH = Path(__file__).resolve().parents[2] / "examples" / "copy_task.py"


@pytest.fixture
def example(monkeypatch):
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("copy_task_example", PATH)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "copy_task_example", module)
    spec.loader.exec_module(module)
    return module


def test_drawn_sequences_are_what_they_should_be(example):
    source, fed, wanted = example.drawn(200, np.random.default_rng(0), False)
    mirrored = example.drawn(200, np.random.default_rng(0), True)[2]
    lengths = (source != 0).sum(1)
    assert set(lengths) == {1, 2, 3, 4, 5}
    for row, n in enumerate(lengths):
        assert fed[row, 0] == example.START
        assert wanted[row].tolist() == [*source[row, :n], example.END, *[0] * (5 - n)]
        assert fed[row, 1 : n + 1].tolist() == source[row, :n].tolist()
        assert mirrored[row, :n].tolist() == source[row, :n][::-1].tolist()
        assert mirrored[row, n] == example.END


@pytest.mark.parametrize(("kind", "epochs"), [("lstm", 12), ("transformer", 5)])
def test_copy_task_is_learned_and_decoded_exactly(example, kind, epochs):
    set_random_seed(0)
    with num_threads(1):
        copier = example.train(kind, epochs, reverse=True)
        assert example.exact(copier, 400, reverse=True) == {"greedy": 1.0, "beam": 1.0}
        source, fed, wanted = example.drawn(50, np.random.default_rng(2), True)
        start, how = np.full(50, example.START), {"end": example.END, "max_length": 6}
        greedy = greedy_search(copier.step, copier.start(source), start, **how)
        beam = beam_search(copier.step, copier.start(source), start, beams=2, **how)
        np.testing.assert_array_equal(greedy.tokens, beam.tokens[:, 0, : greedy.tokens.shape[1]])
        # What it has written has the probability that the trained model gives it, teacher-forced.
        logits = copier.model.predict([source, fed], verbose=0).astype(np.float64)
        log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        steps = np.take_along_axis(log_p, wanted[:, :, None], 2)[..., 0]
        np.testing.assert_allclose(greedy.log_probs, np.where(wanted != 0, steps, 0).sum(1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_copy_task_says_what_it_found(example, kind, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["copy_task.py", "--kind", kind, "--epochs", "1"])
    train = example.train
    monkeypatch.setattr(example, "train", lambda *given: train(*given, rows=64))
    with num_threads(1):
        example.main()
    assert capsys.readouterr().out.startswith("greedy search: ")
