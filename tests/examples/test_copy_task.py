"""Test the copy task: both kinds of models learn it and are decoded without a mistake."""

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
    """Import the example as a module."""
    spec = importlib.util.spec_from_file_location("copy_task_example", PATH)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "copy_task_example", module)
    spec.loader.exec_module(module)
    return module


def test_make_sequences_returns_sources_decoder_inputs_and_targets(example):
    source, decoder_input, target = example.make_sequences(200, np.random.default_rng(0), False)
    reversed_target = example.make_sequences(200, np.random.default_rng(0), True)[2]
    lengths = (source != 0).sum(1)
    assert set(lengths) == {1, 2, 3, 4, 5}
    for row, n in enumerate(lengths):
        assert decoder_input[row, 0] == example.START
        assert target[row].tolist() == [*source[row, :n], example.END, *[0] * (5 - n)]
        assert decoder_input[row, 1 : n + 1].tolist() == source[row, :n].tolist()
        assert reversed_target[row, :n].tolist() == source[row, :n][::-1].tolist()
        assert reversed_target[row, n] == example.END


@pytest.mark.parametrize(("kind", "epochs"), [("lstm", 12), ("transformer", 7)])
def test_copy_task_is_learned_and_decoded_exactly(example, kind, epochs):
    set_random_seed(0)
    with num_threads(1):
        copier = example.train(kind, epochs, reverse=True)
        source, _, target = example.make_sequences(400, np.random.default_rng(1), True)
        found = example.decode(copier, source)
        assert example.exact_matches(found, target) == {"greedy": 1.0, "beam": 1.0}
        source, decoder_input, target = example.make_sequences(50, np.random.default_rng(2), True)
        start, options = np.full(50, example.START), {"end": example.END, "max_length": 6}
        greedy = greedy_search(copier.step, copier.start(source), start, **options)
        beam = beam_search(copier.step, copier.start(source), start, beams=2, **options)
        np.testing.assert_array_equal(greedy.tokens, beam.tokens[:, 0, : greedy.tokens.shape[1]])
        # log_probs agree with the model as it is trained, where the decoder receives the target.
        logits = copier.model.predict([source, decoder_input], verbose=0).astype(np.float64)
        log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        steps = np.take_along_axis(log_p, target[:, :, None], 2)[..., 0]
        np.testing.assert_allclose(greedy.log_probs, np.where(target != 0, steps, 0).sum(1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_copy_task_prints_progress_sequences_and_exact_matches(example, kind, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["copy_task.py", "--kind", kind, "--epochs", "1"])
    train = example.train
    monkeypatch.setattr(example, "train", lambda *given, **options: train(*given, **options, rows=64))
    with num_threads(1):
        example.main()
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  epoch  1/1: loss ") for line in lines)
    row = lines.index("  source          target          greedy search   beam search") + 1
    assert [line.split()[0] == line.split()[1] for line in lines[row : row + 8]] == [True] * 8
    assert lines[-1].startswith("Exact matches: greedy search ")
