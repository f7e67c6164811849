"""Tests of running a graph: which arrays, masks and gradients each layer receives."""

import numpy as np

from seqfuse.layers import LSTM, Add, Dense, Embedding, Input, Layer
from seqfuse.models import Model
from seqfuse.models._run import needed_gradients


class Recorder(Layer):
    """Identity layer that records the arguments of its forward and backward functions."""

    supports_masking = True

    def forward(self, x, training=False, mask=None, *, keep=True):
        self.training, self.mask, self.keep = training, mask, keep
        return x, None

    def backward(self, tape, dy, *, need_dx=True, into=None):
        self.need_dx, self.dy = need_dx, dy
        return dy, []


def test_forward_passes_training_keep_and_masks_to_every_layer():
    x, recorder, last = Input((None,)), Recorder(), Recorder()
    y = LSTM(3, return_sequences=True)(recorder(Embedding(4, 2, mask_zero=True)(x)))
    model = Model(x, last(y))
    words = np.array([[1, 0], [2, 3]])
    model.forward(words, training=True, keep=False)
    for one in (recorder, last):
        assert (one.training, one.keep) == (True, False)
        np.testing.assert_array_equal(one.mask, words != 0)
    model.forward(words)
    assert (recorder.training, recorder.keep) == (False, True)


def test_forward_passes_the_input_mask_to_the_first_layer_and_the_tape():
    x, recorder = Input((3, 2)), Recorder()
    model = Model(x, recorder(x))
    mask = np.array([[True, False, True]])
    _, tape = model.forward(np.ones((1, 3, 2)), mask=mask)
    assert recorder.mask is mask
    assert tape.masks == [mask]
    _, tape = model.forward(np.ones((1, 3, 2)))
    assert tape.masks == [None]


def test_forward_passes_masks_of_several_inputs_as_a_list_or_none():
    class Both(Recorder):
        def forward(self, x, training=False, mask=None, *, keep=True):
            self.mask = mask
            return x[0], None

        def compute_mask(self, x, mask=None):
            return None

    a, b, both = Input((3, 2)), Input((3, 2)), Both()
    model, mask = Model([a, b], both([a, b])), np.ones((1, 3), bool)
    model.forward([np.ones((1, 3, 2))] * 2, mask=[None, mask])
    assert both.mask == [None, mask]
    model.forward([np.ones((1, 3, 2))] * 2)
    assert both.mask is None


def test_backward_sums_gradients_into_a_new_array_when_a_tensor_is_used_twice():
    x, recorder = Input((3,)), Recorder()
    h = recorder(x)
    model = Model(x, [h, Add()([h, h])])
    dy = np.ones((2, 3), np.float32)
    _, tape = model.forward(dy)
    dx, _ = model.backward(tape, [dy, dy], need_dx=True)
    np.testing.assert_array_equal(dx, 3 * dy)
    assert (dy == 1).all()


def test_backward_computes_only_gradients_that_a_weight_needs():
    x, first, last = Input((3,)), Recorder(), Recorder()
    model = Model(x, last(Dense(2)(first(x))))
    _, tape = model.forward(np.ones((2, 3)))
    model.backward(tape, np.ones((2, 2), np.float32))
    assert not hasattr(first, "dy")
    assert last.need_dx
    model.backward(tape, np.ones((2, 2), np.float32), need_dx=True)
    assert first.need_dx
    assert needed_gradients(model._graph, False) == [False, False, True, True]


def test_backward_returns_none_for_an_input_without_gradient():
    a, b = Input((3,)), Input((3,))
    model = Model([a, b], [Dense(2)(a), Dense(2)(b)])
    _, tape = model.forward([np.ones((2, 3))] * 2)
    dx, grads = model.backward(tape, [np.ones((2, 2), np.float32), None], need_dx=True)
    assert dx[1] is None
    assert [bool(g.any()) for g in grads] == [True, True, False, False]
