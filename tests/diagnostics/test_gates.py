"""Test gate_saturation against gates computed with NumPy, and plot_gate_saturation."""

import io
from itertools import pairwise

import numpy as np
import pytest

from seqfuse.diagnostics import Saturation, gate_saturation, plot_gate_saturation
from seqfuse.layers import GRU, LSTM, Bidirectional, Dense, Input, Masking, SimpleRNN
from seqfuse.models import Sequential
from seqfuse.utils import set_random_seed

B, T, I, H = 6, 5, 3, 16


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def saturated(*layers):
    """Return a model whose weights are so large that many gates are saturated, and a batch."""
    set_random_seed(0)
    model = Sequential([Input((T, I)), *layers])
    for weight in model.weights:
        weight.assign(3 * weight.numpy())
    return model, np.random.default_rng(0).normal(size=(B, T, I)).astype(np.float32)


def states_before(layer, x):
    """Return h before every step, from calls of the layer on the beginning of the sequence."""
    return np.stack([np.zeros((B, H)), *(layer(x[:, :t]) for t in range(1, T))], axis=1)


@pytest.mark.parametrize(("cell", "gates"), [(LSTM, "ifo"), (GRU, "zr")])
def test_gate_saturation_agrees_with_numpy(cell, gates):
    layer = cell(H, name="cell")
    model, x = saturated(layer)
    x *= 4
    found = gate_saturation(model, x, low=0.1, high=0.8)
    W, U, b = (weight.value for weight in layer.weights)
    a = x @ W + states_before(layer, x) @ U + b.reshape(-1, b.shape[-1]).sum(0)
    columns = {"i": 0, "f": 1, "o": 3, "z": 0, "r": 1}  # without the candidate, g or n
    assert list(found) == [f"cell/{gate}" for gate in gates]
    for gate in gates:
        values = sigmoid(a[:, :, columns[gate] * H : (columns[gate] + 1) * H])
        shut, opened = (values < 0.1).mean((0, 2)), (values > 0.8).mean((0, 2))
        np.testing.assert_allclose(found[f"cell/{gate}"].shut, shut, atol=1e-12)
        np.testing.assert_allclose(found[f"cell/{gate}"].open, opened, atol=1e-12)
        np.testing.assert_allclose(found[f"cell/{gate}"].total, shut + opened, atol=1e-12)
        assert 0 < shut.max()
        assert 0 < opened.max()


def test_gate_saturation_counts_valid_steps_only():
    model, x = saturated(Masking(), LSTM(H, name="cell"))
    x[:, 3] = 0
    x[1:, 1] = 0
    found, first = (gate_saturation(model, some)["cell/f"] for some in (x, x[:1]))
    assert np.isnan(found.shut[3])
    assert np.isnan(found.open[3])
    assert found.open[1] == first.open[1]
    assert found.open[2] != first.open[2]


def test_gate_saturation_includes_every_gated_layer_and_changes_nothing():
    model, x = saturated(SimpleRNN(4, return_sequences=True), Bidirectional(GRU(3, name="gru")), Dense(1))
    weights = model.get_weights()
    found = gate_saturation(model, x)
    assert list(found) == ["forward_gru/z", "forward_gru/r", "backward_gru/z", "backward_gru/r"]
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights()))
    layer = LSTM(2, stateful=True)
    model = Sequential([Input((T, I)), layer])
    gate_saturation(model, x)
    assert layer.states is None


def test_gate_saturation_rejects_swapped_thresholds_and_models_without_gates():
    model, x = saturated(SimpleRNN(4))
    with pytest.raises(ValueError, match=r"gate_saturation: .* must have an LSTM or a GRU"):
        gate_saturation(model, x)
    with pytest.raises(ValueError, match=r"high must be in \(low, 1\] = \(0.5, 1\]; got 0.2"):
        gate_saturation(model, x, low=0.5, high=0.2)
    with pytest.raises(ValueError, match="low must be"):
        gate_saturation(model, x, low=-1)


def test_plot_gate_saturation_draws_one_panel_per_gate():
    pytest.importorskip("matplotlib")
    model, x = saturated(LSTM(H, return_sequences=True, name="lower"), GRU(H, name="upper"))
    found = gate_saturation(model, x)
    figure, numbers = plot_gate_saturation(found, "Stuck?")
    figure.savefig(io.BytesIO())
    titles = ["lower\ninput gate i", "lower\nforget gate f", "lower\noutput gate o"]
    titles += ["upper\nupdate gate z", "upper\nreset gate r", ""]
    assert [axes.get_title() for axes in figure.axes] == titles
    assert [axes.axison for axes in figure.axes] == [True] * 5 + [False]
    assert figure.axes[3].get_ylabel() == "units (%)"
    assert figure.axes[4].get_xlabel() == "time step"
    assert figure.get_suptitle() == "Stuck?"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["shut (gate < low)", "open (gate > high)"]
    shut, opened = (area.get_paths()[0].vertices[:, 1] for area in figure.axes[1].collections)
    np.testing.assert_allclose(shut.max(), 100 * found["lower/f"].shut.max())
    np.testing.assert_allclose(opened.min(), 100 - 100 * found["lower/f"].open.max())
    assert numbers == found
    with pytest.raises(ValueError, match="saturation must have at least one gate"):
        plot_gate_saturation({})


def test_plot_gate_saturation_draws_steps_beside_gaps():
    pytest.importorskip("matplotlib")
    gap = Saturation(np.array([0.5, np.nan, 0.1]), np.array([0.1, np.nan, 0.2]))
    figure, _ = plot_gate_saturation({"lstm/f": gap})
    figure.savefig(io.BytesIO())
    assert len(figure.axes[0].collections) == 2
    shut = figure.axes[0].collections[0]
    assert [path.get_extents().width for path in shut.get_paths()] == [1.0, 1.0]
    assert len(figure.axes[0].texts) == 0


@pytest.mark.parametrize(("fraction", "text"), [(0.0, "no unit saturated"), (np.nan, "no valid step")])
def test_plot_gate_saturation_says_why_a_panel_is_empty(fraction, text):
    pytest.importorskip("matplotlib")
    empty, full = (Saturation(np.full(3, a), np.full(3, b)) for a, b in ((fraction, fraction), (0.0, 0.1)))
    figure, _ = plot_gate_saturation({"lstm/f": empty, "lstm/o": full})
    figure.savefig(io.BytesIO())
    assert [label.get_text() for label in figure.axes[0].texts] == [text]
    assert len(figure.axes[1].texts) == 0


def test_plot_gate_saturation_titles_of_long_names_do_not_overlap():
    pytest.importorskip("matplotlib")
    one = Saturation(np.full(3, 0.1), np.full(3, 0.2))
    name = "bidirectional_encoder_of_the_sentence/forward_long_short_term_memory"
    figure, _ = plot_gate_saturation({f"{name}/{gate}": one for gate in "ifo"})
    figure.draw_without_rendering()
    boxes = [axes.title.get_window_extent() for axes in figure.axes]
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))
