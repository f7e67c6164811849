"""Test attention_weights against the equation, and plot_attention."""

import io
from itertools import pairwise

import numpy as np
import pytest

from seqfuse.diagnostics import attention_weights, plot_attention
from seqfuse.layers import (
    LSTM,
    Attention,
    Dense,
    Embedding,
    GlobalAveragePooling1D,
    Input,
    MultiHeadAttention,
    TransformerDecoder,
    TransformerEncoder,
)
from seqfuse.models import Model

B, T, I = 2, 5, 4


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def x(seed=0):
    return np.random.default_rng(seed).normal(size=(B, T, I)).astype(np.float32)


# ---- attention_weights -----------------------------------------------------------------------------------------------


def test_attention_weights_are_the_softmax_of_the_scores():
    inputs = Input((T, I))
    layer = Attention(name="attend")
    model = Model(inputs, Dense(1)(GlobalAveragePooling1D()(layer([inputs, inputs]))))
    found = attention_weights(model, x())
    np.testing.assert_allclose(found, softmax(x() @ x().swapaxes(1, 2)), rtol=1e-5, atol=1e-6)
    assert "forward" not in vars(layer)


def test_attention_weights_of_each_head_are_the_softmax_of_its_scores():
    inputs = Input((T, I))
    layer = MultiHeadAttention(3, 2, name="heads")
    model = Model(inputs, layer(inputs, inputs, use_causal_mask=True))
    found = attention_weights(model, x(), "heads")
    Wq, _, Wk, _ = (weight.value for weight in layer.weights[:4])
    q, k = (np.einsum("bti,ihd->bhtd", x(), W) for W in (Wq, Wk))
    scores = q @ k.swapaxes(2, 3) / np.sqrt(2)
    scores[:, :, np.triu(np.ones((T, T), bool), 1)] = -np.inf
    assert found.shape == (B, 3, T, T)
    np.testing.assert_allclose(found, softmax(scores), rtol=1e-5, atol=1e-6)


def test_attention_weights_of_padding_are_zero():
    tokens = Input((None,))
    steps = LSTM(I, return_sequences=True)(Embedding(9, I, mask_zero=True)(tokens))
    model = Model(tokens, Attention()([steps, steps]))
    found = attention_weights(model, np.array([[1, 2, 3], [4, 0, 0]]))
    np.testing.assert_array_equal(found[1, 0], [1, 0, 0])
    assert (found[0] > 0).all()


def test_attention_weights_finds_layers_and_repeated_calls_by_name():
    inputs = Input((T, I))
    twice, inner = Attention(name="twice"), Attention(use_scale=True, name="inner")
    block = Model(inputs, inner([inputs, inputs]))
    first = twice([inputs, inputs])
    y, scores = twice([first, first], return_attention_scores=True)
    model = Model(inputs, [block(y), scores])
    inner.scale.assign(3.0)
    predicted = model.predict(x())
    np.testing.assert_array_equal(attention_weights(model, x(), "twice (2)"), predicted[1])
    np.testing.assert_array_equal(attention_weights(model, x(), "twice"), attention_weights(
        Model(inputs, first), x()))  # fmt: skip
    assert attention_weights(model, x(), "inner").shape == (B, T, T)
    for after, before in zip(model.predict(x()), predicted):
        np.testing.assert_array_equal(after, before)
    with pytest.raises(ValueError, match=r'one of "twice", "twice \(2\)", "inner"; got None$'):
        attention_weights(model, x())
    with pytest.raises(ValueError, match=r"got 'iner'\. Did you mean \"inner\"\?"):
        attention_weights(model, x(), "iner")


def test_attention_weights_finds_layers_inside_transformer_blocks():
    source, target = Input((3, I)), Input((T, I))
    encoded = TransformerEncoder(8, 2, name="encoder")(source)
    model = Model([source, target], TransformerDecoder(8, 2, name="decoder")(target, encoded))
    given = [x()[:, :3], x()]
    assert attention_weights(model, given, "encoder/self_attention_layer").shape == (B, 2, 3, 3)
    assert attention_weights(model, given, "decoder/cross_attention").shape == (B, 2, T, 3)
    assert (np.triu(attention_weights(model, given, "decoder/self_attention"), 1) == 0).all()  # causal


def test_attention_weights_restores_stateful_layers():
    inputs = Input((T, I))
    layer = LSTM(I, return_sequences=True, stateful=True)
    steps = layer(inputs)
    attention_weights(Model(inputs, Attention()([steps, steps])), x())
    assert layer.states is None


def test_attention_weights_rejects_a_model_without_attention():
    inputs = Input((T, I))
    with pytest.raises(ValueError, match=r"attention_weights: model.* must have an attention layer; got none"):
        attention_weights(Model(inputs, Dense(1)(inputs)), x())


# ---- plot_attention --------------------------------------------------------------------------------------------------


def test_plot_attention_labels_queries_and_keys():
    pytest.importorskip("matplotlib")
    weights = softmax(np.random.default_rng(0).normal(size=(2, 3)))
    figure, numbers = plot_attention(weights, ["a", "b"], ["x", "y", "z"], "Alignment")
    figure.savefig(io.BytesIO())
    axes, bar = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["x", "y", "z"]
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("key", "query", "attention weight")
    assert figure.get_suptitle() == "Alignment"
    np.testing.assert_array_equal(axes.images[0].get_array(), weights)
    np.testing.assert_array_equal(numbers, weights[None])


def test_plot_attention_draws_one_map_per_head_with_one_color_scale():
    pytest.importorskip("matplotlib")
    weights = softmax(np.random.default_rng(0).normal(size=(5, 4, 4)))
    figure, numbers = plot_attention(weights)
    figure.savefig(io.BytesIO())
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert titles == [f"head {n}" for n in range(5)]
    assert {axes.images[0].get_clim() for axes in figure.axes if axes.images} == {(0, weights.max())}
    np.testing.assert_array_equal(numbers, weights)


def test_plot_attention_labels_axes_at_the_edge_and_below_the_last_map_of_each_column():
    pytest.importorskip("matplotlib")
    figure, _ = plot_attention(np.ones((5, 4, 4)) / 4)
    maps = [axes for axes in figure.axes if axes.images]
    assert [axes.get_xlabel() for axes in maps] == ["", "key", "key", "key", "key"]
    assert [axes.get_ylabel() for axes in maps] == ["query", "", "", "", "query"]


def test_plot_attention_leaves_out_labels_that_would_overlap():
    pytest.importorskip("matplotlib")
    labels = [f"word{n}" for n in range(200)]
    figure, _ = plot_attention(np.ones((4, 200, 200)) / 200, labels, labels)
    figure.draw_without_rendering()
    for axis in (figure.axes[0].yaxis, figure.axes[2].xaxis):
        shown = [label for label in axis.get_ticklabels() if label.get_text()]
        boxes = [label.get_window_extent() for label in shown]
        assert 10 < len(shown) < 100
        assert not any(a.overlaps(b) for a, b in pairwise(boxes))


@pytest.mark.parametrize(
    ("weights", "labels", "message"),
    [
        (np.ones((1, 2, 3, 3)), {}, r"got \(1, 2, 3, 3\)\. Pass the weights of one sequence: weights\[0\]"),
        (np.ones(3), {}, r"must be \(Tq, T\) or \(heads, Tq, T\); got \(3,\)"),
        (np.ones((0, 3)), {}, r"got \(0, 3\)"),
        (np.ones((2, 3)), {"query_labels": "abc"}, "query_labels must have 2 entries; got 3"),
        (np.ones((2, 3)), {"key_labels": "ab"}, "key_labels must have 3 entries; got 2"),
    ],
)
def test_plot_attention_rejects_other_shapes(weights, labels, message):
    with pytest.raises(ValueError, match=f"plot_attention: .*{message}"):
        plot_attention(weights, **labels)
