"""Tests of checks that the table of single arguments in functional/test_errors.py does not cover."""

import re

import numpy as np
import pytest

from seqfuse import _checks
from seqfuse import functional as F

TRANSPOSED = "PyTorch stores weights transposed: pass weight_"


def refused(error, message):
    return pytest.raises(error, match="^" + re.escape(message))


@pytest.mark.parametrize(
    ("W", "U", "message"),
    [
        ((128, 16), (128, 32), f"lstm: W must be (I, 4*H) = (16, 128); got (128, 16). {TRANSPOSED}ih.T"),
        ((16, 128), (128, 32), f"lstm: U must be (H, 4*H) = (32, 128); got (128, 32). {TRANSPOSED}hh.T"),
        ((16, 128), (30, 128), "lstm: U must be (H, 4*H) = (32, 128); got (30, 128)"),
        ((16, 120), (32, 128), "lstm: W must be (I, 4*H) = (16, 128); got (16, 120)"),
        ((16, 127), (32, 127), "lstm: U must be (H, 4*H); got (32, 127)"),
        ((16,), (32,), "lstm: U must be (H, 4*H); got (32,)"),
        ((16, 0), (0, 0), "lstm: U must be (H, 4*H) with H at least 1; got (0, 0)"),
    ],
    ids=str,
)  # fmt: skip
def test_error_names_the_weight_to_change_when_two_shapes_differ(W, U, message):
    with refused(ValueError, message):
        F.lstm(np.zeros((5, 2, 16)), np.zeros(W), np.zeros(U))


@pytest.mark.parametrize("dtype", "bhilqBHILQ")
def test_lengths_of_any_integer_type(dtype):
    real = _checks.valid_steps("f", np.array([2, 0, 3], dtype), None, 3, 3, False)
    assert real.astype(int).tolist() == [[1, 0, 1], [1, 0, 1], [0, 0, 1]]


def test_steps_are_valid_where_lengths_and_mask_both_are():
    mask = np.array([[1, 1], [0, 1], [1, 1]], bool)
    real = _checks.valid_steps("f", [3, 1], mask, 3, 2, False)
    assert real.astype(int).tolist() == [[1, 1], [0, 0], [1, 0]]
    assert real.flags.c_contiguous
    np.testing.assert_array_equal(_checks.valid_steps("f", [3, 1], mask.T, 3, 2, True), real)


def test_valid_steps_do_not_share_memory_with_the_mask():
    mask = np.array([[True], [False]])
    assert not np.shares_memory(_checks.valid_steps("f", None, mask, 2, 1, False), mask)
    assert not np.shares_memory(_checks.valid_steps("f", None, mask, 1, 2, True), mask)


def test_valid_steps_is_none_when_all_steps_are_valid():
    assert _checks.valid_steps("f", [3, 3], np.ones((3, 2), bool), 3, 2, False) is None
    assert _checks.valid_steps("f", [], None, 3, 0, False) is None
    assert _checks.valid_steps("f", [0, 0], None, 0, 2, False) is None


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"x": np.zeros((2, 3))}, ValueError, "rnn: x must be (B, T, I); got (2, 3). For one sequence pass x[None]"),
        ({"mask": np.ones((5, 2), bool)}, ValueError, "rnn: mask must be (B, T) = (2, 5); got (5, 2)"),
        ({"mask": np.ones((2, 5))}, TypeError, "rnn: mask must be bool (B, T); got float64. Pass mask.astype(bool)"),
        ({"h0": np.zeros((5, 4))}, ValueError, "rnn: h0 must be (B, H) = (2, 4); got (5, 4)"),
    ],
    ids=["x", "mask", "mask type", "h0"],
)
def test_messages_with_batch_first_exchange_the_axes(changed, error, message):
    right = {"x": np.zeros((2, 5, 3)), "W": np.zeros((3, 4)), "U": np.zeros((4, 4)), "batch_first": True}
    with refused(error, message):
        F.rnn(**{**right, **changed})


def test_dy_with_batch_first_exchanges_the_axes():
    out, tape = F.rnn_forward(np.zeros((2, 5, 3)), np.zeros((3, 4)), np.zeros((4, 4)), batch_first=True)
    with refused(ValueError, "rnn_backward: dy must be (B, T, H) = (2, 5, 4); got (5, 2, 4)"):
        F.rnn_backward(tape, np.zeros((5, 2, 4)))
    assert F.rnn_backward(tape, np.zeros(out.y.shape)).dx.shape == (2, 5, 3)


def test_dy_is_refused_when_y_was_not_returned():
    out, tape = F.rnn_forward(np.zeros((5, 2, 3)), np.zeros((3, 4)), np.zeros((4, 4)), return_sequences=False)
    assert out.y is None
    with refused(ValueError, "rnn_backward: dy must be None after return_sequences=False; got ndarray. Pass dh"):
        F.rnn_backward(tape, np.zeros((5, 2, 4)))


def test_into_has_none_for_db_where_b_was_none():
    _, tape = F.rnn_forward(np.zeros((5, 2, 3)), np.zeros((3, 4)), np.zeros((4, 4)))
    dW, dU = np.zeros((3, 4)), np.zeros((4, 4))
    with refused(ValueError, "rnn_backward: into must have None for db, because b was None; got ndarray"):
        F.rnn_backward(tape, into=(dW, dU, np.zeros(4)))
    grads = F.rnn_backward(tape, into=(dW, dU, None))
    assert (grads.dW is dW, grads.dU is dU, grads.db) == (True, True, None)


def test_tapes_cannot_be_created_directly():
    with pytest.raises(TypeError):
        F.LSTMTape()
    _, tape = F.rnn_forward(np.zeros((5, 2, 3)), np.zeros((3, 4)), np.zeros((4, 4)))
    with refused(TypeError, "lstm_backward: tape must come from lstm_forward; got RNNTape"):
        F.lstm_backward(tape)


def test_into_has_none_for_each_weight_that_was_none():
    _checks.into("f", ("dW", "dV", "dc"), (1, None, None), ("dV", "dc"))
    with refused(ValueError, "f: into must have None for dV, because V was None; got int"):
        _checks.into("f", ("dW", "dV", "dc"), (1, 2, None), ("dV", "dc"))


@pytest.mark.parametrize("limit", [2, 0.5, np.float16(0.5), np.array(2), float("inf")], ids=repr)
def test_clip_accepts_any_real_type(limit):
    assert _checks.clip("f", limit) == limit
    assert _checks.clip("f", 10**400) == float("inf")


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda p: p.astype(np.float16), np.ndarray.tolist])
def test_peephole_is_returned_in_c_order(layout):
    peephole = _checks.peephole("f", layout(np.ones((3, 4))), 4, np.dtype(np.float32))
    assert peephole.dtype == np.float32
    assert peephole.flags.c_contiguous


@pytest.mark.parametrize("shape", [(2**30, 2**28, 1), (2**56, 1, 1), (2**40, 2**20, 0)], ids=str)
def test_sizes_beyond_the_address_space_are_refused_before_anything_is_allocated_overflow(shape):
    x, W = np.broadcast_to(np.float32(0), shape), np.zeros((shape[2], 2), np.float32)
    said = f"y (T, B, H) must have at most 2**56 elements; got ({shape[0]}, {shape[1]}, 2)"
    with refused(ValueError, f"rnn: {said}"):
        F.rnn(x, W, np.zeros((2, 2), np.float32))
    with refused(ValueError, f"rnn_forward: {said}"):
        F.rnn_forward(x, W, np.zeros((2, 2), np.float32), return_sequences=False, checkpoint=2**20)
    with refused(ValueError, f"packed_rnn: {said}"):
        F.pack_rnn(W, np.zeros((2, 2), np.float32))(x)


def test_failed_allocation_is_a_memory_error_overflow():
    x = np.broadcast_to(np.float32(0), (2**50, 1, 1))
    with pytest.raises(MemoryError):
        F.rnn(x, np.zeros((1, 2), np.float32), np.zeros((2, 2), np.float32))


def test_flags_may_be_numpy_bools():
    assert _checks.flags("f", ("a", "b"), (np.True_, False)) == [True, False]


@pytest.mark.parametrize("number", [3, np.int8(3), np.uint64(3)], ids=repr)
def test_integer_accepts_any_integer_type(number):
    assert _checks.integer("f", "n", number, 0) == 3


@pytest.mark.parametrize("number", [0.5, np.float32(0.5), np.array(0.5), np.float16(0.5)], ids=repr)
def test_real_accepts_any_real_type(number):
    assert _checks.real("f", "n", number) == 0.5


def test_integers_accepts_an_empty_list():
    assert _checks.indices("f", "ids", [], "0..V-1", 3, copy=False)[0].dtype == np.int64
    with refused(TypeError, "f: ids must be integers; got float64"):
        _checks.integers("f", "ids", np.zeros(0))
