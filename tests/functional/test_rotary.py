"""Tests of rotary embeddings: rows of the tables, rotated features, and the memory order of results."""

import numpy as np
import pytest

from seqfuse import _backend, reference
from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

B, H, T, D = 2, 3, 9, 22
LAYOUTS = pytest.mark.parametrize("interleaved", [False, True], ids=["halves", "interleaved"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def draw(*shape, dtype=np.float64):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def forward_and_backward(x, cos, sin, dy, **options):
    y, tape = F.rotary_forward(x, cos, sin, **options)
    return y, F.rotary_backward(tape, dy)


@DTYPES
@pytest.mark.parametrize("R", [0, 2, 14, 16, 18, 22])
def test_rotary_interleaved_has_the_bits_of_halves_in_another_order(R, dtype):
    # R/2 is near packets of 2 to 16 angles: one less, full, one more.
    x, dy = draw(2, B, H, T, D, dtype=dtype)
    cos, sin = F.rotary_tables(T, R, dtype=dtype)
    order = np.arange(D)
    order[:R] = np.arange(R).reshape(2, R // 2).T.ravel()  # 0, R/2, 1, R/2 + 1, ...
    halves = forward_and_backward(x, cos, sin, dy)
    interleaved = forward_and_backward(x[..., order], cos, sin, dy[..., order], interleaved=True)
    for a, e in zip(interleaved, halves, strict=True):
        np.testing.assert_array_equal(a, e[..., order])


@LAYOUTS
def test_rotary_copies_the_features_after_the_first_R(interleaved):
    x, dy = draw(2, B, H, T, D)
    for original, result in zip((x, dy), forward_and_backward(x, *F.rotary_tables(T, 8), dy, interleaved=interleaved)):
        np.testing.assert_array_equal(result[..., 8:], original[..., 8:])
        assert (result[:, :, 1:, :8] != original[:, :, 1:, :8]).all()


@LAYOUTS
def test_rotary_positions_select_rows_of_the_tables(interleaved):
    x, dy = draw(2, B, H, T, D)
    cos, sin = F.rotary_tables(50, D, dtype=x.dtype)
    rows = np.random.default_rng(1).integers(50, size=(B, T))
    batch_results = forward_and_backward(x, cos, sin, dy, positions=rows, interleaved=interleaved)
    shared_results = forward_and_backward(x, cos, sin, dy, positions=rows[1].astype(np.uint8), interleaved=interleaved)
    for b in range(B):
        row_results = forward_and_backward(
            x[b : b + 1], cos[rows[b]], sin[rows[b]], dy[b : b + 1], interleaved=interleaved
        )
        for a, e in zip(batch_results, row_results):
            np.testing.assert_array_equal(a[b : b + 1], e)
    for a, e in zip(shared_results, batch_results):
        np.testing.assert_array_equal(a[1], e[1])


def test_rotary_step_by_step_has_the_bits_of_the_full_sequence():
    x = draw(B, H, T, D, dtype=np.float32)
    cos, sin = F.rotary_tables(100, D)
    full = F.rotary(x, cos[40:], sin[40:])
    steps = [F.rotary(x[:, :, t : t + 1], cos, sin, positions=[40 + t]) for t in range(T)]
    np.testing.assert_array_equal(np.concatenate(steps, 2), full)
    np.testing.assert_array_equal(F.rotary(x, *F.rotary_tables(T, D, offset=40)), full)


@LAYOUTS
def test_rotary_dot_products_depend_only_on_the_distance(interleaved):
    # q at t + n times k at s + n equals q at t times k at s.
    q, k = draw(2, 1, 1, 1, 64)
    tables = F.rotary_tables(300, 64, dtype=q.dtype)

    def product(t, s):
        rotated = (F.rotary(a, *tables, positions=[p], interleaved=interleaved) for a, p in ((q, t), (k, s)))
        return np.vdot(*rotated)

    for t, s in ((5, 2), (0, 80), (30, 30)):
        expected = product(t, s)
        for n in (1, 17, 200):
            assert product(t + n, s + n) == pytest.approx(expected, rel=1e-11)


class Recorder:
    """Kernels that record the arguments of the last call."""

    def __init__(self):
        self.arguments = []

    def rotary(self, *arguments):
        self.arguments = arguments
        return _backend.load(_backend.isa).rotary(*arguments)


def test_rotary_reads_strided_arrays_in_place_and_keeps_their_memory_order(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(_backend, "kernels", recorder)
    x, dy = draw(2, B, T, H, D)
    cos, sin = (np.repeat(table, 2, 0)[::2] for table in F.rotary_tables(T, D, dtype=x.dtype))
    y, tape = F.rotary_forward(x.swapaxes(1, 2), cos, sin)
    for array, kernel_array in zip((x, cos, sin), (recorder.arguments[0], *recorder.arguments[2:4]), strict=True):
        assert np.shares_memory(array, kernel_array)
    dx = F.rotary_backward(tape, dy.swapaxes(1, 2))
    assert np.shares_memory(dy, recorder.arguments[0])
    for result in (y, dx):
        assert result.swapaxes(1, 2).flags.c_contiguous
    dense = forward_and_backward(x.swapaxes(1, 2).copy(), cos, sin, dy.swapaxes(1, 2).copy())
    for result, expected in zip((y, dx), dense):
        assert expected.flags.c_contiguous
        np.testing.assert_array_equal(result, expected)


def test_rotary_accepts_a_broadcast_x():
    x = draw(1, 1, 1, D)
    cos, sin = F.rotary_tables(T, D, dtype=x.dtype)
    y = F.rotary(np.broadcast_to(x, (B, H, T, D)), cos, sin)
    np.testing.assert_array_equal(y, F.rotary(np.broadcast_to(x, (B, H, T, D)).copy(), cos, sin))


def test_rotary_tape_does_not_depend_on_later_changes_of_positions_and_x():
    x, dy = draw(2, B, H, T, D)
    positions = np.arange(T)
    _, tape = F.rotary_forward(x, *F.rotary_tables(T, D, dtype=x.dtype), positions=positions)
    expected = F.rotary_backward(tape, dy)
    positions[...] = 10**9
    x[...] = np.nan
    np.testing.assert_array_equal(F.rotary_backward(tape, dy), expected)


@LAYOUTS
def test_rotary_backward_inverts_the_rotation(interleaved):
    x = draw(B, H, T, D)
    y, tape = F.rotary_forward(x, *F.rotary_tables(T, D, dtype=x.dtype), interleaved=interleaved)
    np.testing.assert_allclose(F.rotary_backward(tape, y), x, rtol=1e-14, atol=1e-14)


def test_rotary_accepts_empty_tables_for_no_steps():
    y = F.rotary(np.zeros((2, 3, 0, 4)), np.zeros((0, 2)), np.zeros((0, 2)))
    assert y.shape == reference.rotary(np.zeros((2, 3, 0, 4)), np.zeros((0, 2)), np.zeros((0, 2))).shape == (2, 3, 0, 4)
