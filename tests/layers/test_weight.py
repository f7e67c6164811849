"""Tests of single weights and of the buffers of a model."""

import copy
import pickle

import numpy as np
import pytest

from seqfuse import functional as F
from seqfuse import regularizers
from seqfuse.layers import Dense, Input
from seqfuse.layers.weight import CACHE_LINE, Gradients, Parameters, Weight, count
from seqfuse.models import Sequential


def weights(dtype=np.float32):
    shapes = {
        "kernel": (3, 5),
        "bias": (5,),
        "none": (0, 4),
        "one": (1,),
        "line": (CACHE_LINE // np.dtype(dtype).itemsize,),
    }
    rng = np.random.default_rng(0)
    return [Weight(name, f"layer/{name}", rng.normal(size=shape).astype(dtype)) for name, shape in shapes.items()]


def test_weight_assign_writes_in_place():
    weight = weights()[0]
    value = weight.value
    weight.assign(np.ones((3, 5)))
    assert weight.value is value
    assert (value == 1).all()
    assert (weight.shape, weight.dtype) == ((3, 5), np.float32)
    assert repr(weight) == "<Weight layer/kernel (3, 5) float32>"
    with pytest.raises(ValueError, match=r"layer/kernel: value must be .*\(3, 5\); got \(5, 3\)"):
        weight.assign(np.ones((5, 3)))


def test_weight_copies_do_not_share_memory():
    weight = weights()[0]
    for copied in (weight.numpy(), np.array(weight), np.array(weight, dtype="float64")):
        copied[...] = 9
    assert not (weight.value == 9).any()
    assert np.asarray(weight, dtype="float64").dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_preserve_values_and_align_every_weight_to_a_cache_line(dtype):
    given = weights(dtype)
    before = [weight.numpy() for weight in given]
    parameters = Parameters(given)
    assert parameters.values.dtype == parameters.gradients.dtype == dtype
    assert parameters.values.size == parameters.gradients.size == parameters.segments[-1][2]
    used = np.zeros(parameters.values.size, bool)
    for weight, old, gradient, (path, start, stop) in zip(given, before, parameters.into, parameters.segments):
        np.testing.assert_array_equal(weight.value, old)
        assert path == weight.path
        assert gradient.shape == weight.shape
        for part, flat in ((weight.value, parameters.values), (gradient, parameters.gradients)):
            assert part.flags.c_contiguous
            if part.size:
                assert part.ctypes.data % CACHE_LINE == 0
                assert part.ctypes.data == flat[start:].ctypes.data
        assert not used[start:stop].any()
        used[start:stop] = True
    parameters.gradients[...] = 1
    parameters.values[...] = 2
    assert all((gradient == 1).all() for gradient in parameters.into)
    assert all((weight.value == 2).all() for weight in given)


def test_parameters_fill_cache_lines_with_zeros():
    parameters = Parameters(weights())
    kernel = parameters.segments[0]
    assert (kernel[1], kernel[2]) == (0, 16)
    assert (parameters.values[15:16] == 0).all()
    assert (parameters.gradients == 0).all()


def test_parameters_detect_weights_that_moved_to_another_buffer():
    given = weights()
    first = Parameters(given)
    assert first.hold(given)
    assert first.at_home()
    assert not first.hold(given[:-1])
    assert not first.hold(given[::-1])
    second = Parameters(given[:2])
    assert not first.hold(given)
    assert not first.at_home()
    assert second.hold(given[:2])
    given[0].assign(np.zeros((3, 5)))
    assert second.at_home()


def test_parameters_list_regularized_weights_with_their_gradients():
    given = weights()
    given[1].regularizer = regularizers.L2(1.0)
    ((regularizer, value, gradient),) = Parameters(given).regularized
    assert regularizer is given[1].regularizer
    assert value is given[1].value
    regularizer.add_gradient(value, gradient)
    np.testing.assert_allclose(gradient, 2 * value)


def test_parameters_accept_no_weights_and_refuse_two_dtypes():
    empty = Parameters([])
    assert empty.values.shape == empty.gradients.shape == (0,)
    assert empty.into == []
    with pytest.raises(TypeError, match=r"trainable weights must be of one type; got layer/kernel float32, .*float64"):
        Parameters([*weights(), *weights(np.float64)])


def test_count_returns_the_number_of_elements():
    assert count(weights()) == 15 + 5 + 0 + 1 + 16


def test_gradients_are_checked_once_per_layer():
    into = Gradients([np.zeros((3, 2)), np.zeros(2)])
    given = (into[0], into[1])
    checked = Gradients.checked(into, given)
    assert checked == given
    assert checked.targets.work is checked.targets.given
    assert Gradients.checked(into, given) is checked
    assert Gradients.checked([*into], given) is given


def test_gradients_that_were_checked_accumulate_like_other_arrays():
    x, dy = np.ones((4, 3)), np.arange(8.0).reshape(4, 2)
    _, tape = F.dense_forward(x, np.ones((3, 2)), np.zeros(2))
    plain = (np.ones((3, 2)), np.ones(2))
    checked = Gradients.checked(Gradients(a.copy() for a in plain), tuple(a.copy() for a in plain))
    expected = F.dense_backward(tape, dy, into=plain)
    found = F.dense_backward(tape, dy, into=checked)
    assert (found.dW == expected.dW).all()
    assert (found.db == expected.db).all()
    assert found.dW is checked[0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_model_trains_to_the_same_bits_when_copied(copied):
    x, y = np.random.default_rng(0).normal(size=(2, 8, 2))
    model = Sequential([Input((2,)), Dense(2)])
    model.compile("adam", "mse")
    model.train_on_batch(x, y)
    other, before = copied(model), model.get_weights()
    for one in (model, other):
        one.train_on_batch(x, y)
        assert (one.get_weights()[0] != before[0]).any()
    for ours, theirs in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(ours, theirs)
