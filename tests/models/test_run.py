"""Holds how arrays, masks and gradients go from place to place."""

import numpy as np

from seqfuse.layers import LSTM, Add, Dense, Embedding, Input, Layer
from seqfuse.models import Model
from seqfuse.models._run import needed_gradients


class Seen(Layer):
    """Passes its input on, and remembers what came with it."""

    supports_masking = True

    def forward(self, x, training=False, mask=None, *, keep=True):
        self.training, self.mask, self.keep = training, mask, keep
        return x, None

    def backward(self, tape, dy, *, need_dx=True, into=None):
        self.need_dx, self.dy = need_dx, dy
        return dy, []


def test_training_keep_and_masks_reach_every_layer():
    x, seen, after = Input((None,)), Seen(), Seen()
    y = LSTM(3, return_sequences=True)(seen(Embedding(4, 2, mask_zero=True)(x)))
    model = Model(x, after(y))
    words = np.array([[1, 0], [2, 3]])
    model.forward(words, training=True, keep=False)
    for one in (seen, after):
        assert (one.training, one.keep) == (True, False)
        np.testing.assert_array_equal(one.mask, words != 0)
    model.forward(words)
    assert (seen.training, seen.keep) == (False, True)


def test_a_mask_of_the_input_is_given_to_the_first_layer_and_told_of_the_output():
    x, seen = Input((3, 2)), Seen()
    model = Model(x, seen(x))
    mask = np.array([[True, False, True]])
    _, tape = model.forward(np.ones((1, 3, 2)), mask=mask)
    assert seen.mask is mask
    assert tape.masks == [mask]
    _, tape = model.forward(np.ones((1, 3, 2)))
    assert tape.masks == [None]


def test_masks_of_several_inputs_come_as_a_list_or_as_none():
    class Both(Seen):
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


def test_gradients_of_what_is_read_twice_are_summed_into_a_new_array():
    x, seen = Input((3,)), Seen()
    h = seen(x)
    model = Model(x, [h, Add()([h, h])])
    dy = np.ones((2, 3), np.float32)
    _, tape = model.forward(dy)
    dx, _ = model.backward(tape, [dy, dy], need_dx=True)
    np.testing.assert_array_equal(dx, 3 * dy)
    assert (dy == 1).all()


def test_only_gradients_on_the_way_to_a_weight_are_asked_for():
    x, before, after = Input((3,)), Seen(), Seen()
    model = Model(x, after(Dense(2)(before(x))))
    _, tape = model.forward(np.ones((2, 3)))
    model.backward(tape, np.ones((2, 2), np.float32))
    assert not hasattr(before, "dy")
    assert after.need_dx
    model.backward(tape, np.ones((2, 2), np.float32), need_dx=True)
    assert before.need_dx
    assert needed_gradients(model._graph, False) == [False, False, True, True]


def test_what_nothing_comes_back_to_gets_none():
    a, b = Input((3,)), Input((3,))
    model = Model([a, b], [Dense(2)(a), Dense(2)(b)])
    _, tape = model.forward([np.ones((2, 3))] * 2)
    dx, grads = model.backward(tape, [np.ones((2, 2), np.float32), None], need_dx=True)
    assert dx[1] is None
    assert [bool(g.any()) for g in grads] == [True, True, False, False]
