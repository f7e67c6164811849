"""Rotary positions: which rows of the tables and which features are paired, and how results lie in memory."""

import numpy as np
import pytest

from seqfuse import _backend, reference
from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

B, H, T, D = 2, 3, 9, 22
LAYOUTS = pytest.mark.parametrize("interleaved", [False, True], ids=["halves", "pairs"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def draw(*shape, dtype=np.float64):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def both_ways(x, cos, sin, dy, **how):
    y, tape = F.rotary_forward(x, cos, sin, **how)
    return y, F.rotary_backward(tape, dy)


@DTYPES
@pytest.mark.parametrize("R", [0, 2, 14, 16, 18, 22])
def test_interleaved_pairs_give_the_bits_of_halves_in_another_order(R, dtype):
    """Packets of 2 to 16 pairs less one, whole, plus one."""
    x, dy = draw(2, B, H, T, D, dtype=dtype)
    cos, sin = F.rotary_tables(T, R, dtype=dtype)
    order = np.arange(D)
    order[:R] = np.arange(R).reshape(2, R // 2).T.ravel()  # 0, R/2, 1, R/2 + 1, ...
    halves = both_ways(x, cos, sin, dy)
    pairs = both_ways(x[..., order], cos, sin, dy[..., order], interleaved=True)
    for a, e in zip(pairs, halves, strict=True):
        np.testing.assert_array_equal(a, e[..., order])


@LAYOUTS
def test_features_behind_the_first_R_pass(interleaved):
    x, dy = draw(2, B, H, T, D)
    for given, got in zip((x, dy), both_ways(x, *F.rotary_tables(T, 8), dy, interleaved=interleaved)):
        np.testing.assert_array_equal(got[..., 8:], given[..., 8:])
        assert (got[:, :, 1:, :8] != given[:, :, 1:, :8]).all()


@LAYOUTS
def test_positions_choose_rows_of_the_tables(interleaved):
    x, dy = draw(2, B, H, T, D)
    cos, sin = F.rotary_tables(50, D, dtype=x.dtype)
    rows = np.random.default_rng(1).integers(50, size=(B, T))
    chosen = both_ways(x, cos, sin, dy, positions=rows, interleaved=interleaved)
    one = both_ways(x, cos, sin, dy, positions=rows[1].astype(np.uint8), interleaved=interleaved)
    for b in range(B):
        alone = both_ways(x[b : b + 1], cos[rows[b]], sin[rows[b]], dy[b : b + 1], interleaved=interleaved)
        for a, e in zip(chosen, alone):
            np.testing.assert_array_equal(a[b : b + 1], e)
    for a, e in zip(one, chosen):
        np.testing.assert_array_equal(a[1], e[1])


def test_steps_one_at_a_time_at_their_positions_have_the_bits_of_the_whole():
    x = draw(B, H, T, D, dtype=np.float32)
    cos, sin = F.rotary_tables(100, D)
    whole = F.rotary(x, cos[40:], sin[40:])
    steps = [F.rotary(x[:, :, t : t + 1], cos, sin, positions=[40 + t]) for t in range(T)]
    np.testing.assert_array_equal(np.concatenate(steps, 2), whole)
    np.testing.assert_array_equal(F.rotary(x, *F.rotary_tables(T, D, offset=40)), whole)


@LAYOUTS
def test_products_of_turned_rows_depend_on_the_distance_alone(interleaved):
    """What it is for: q at t + n times k at s + n is q at t times k at s."""
    q, k = draw(2, 1, 1, 1, 64)
    tables = F.rotary_tables(300, 64, dtype=q.dtype)

    def product(t, s):
        turned = (F.rotary(a, *tables, positions=[p], interleaved=interleaved) for a, p in ((q, t), (k, s)))
        return np.vdot(*turned)

    for t, s in ((5, 2), (0, 80), (30, 30)):
        expected = product(t, s)
        for n in (1, 17, 200):
            assert product(t + n, s + n) == pytest.approx(expected, rel=1e-11)


class Recorder:
    """Kernels that remember the arrays they were given."""

    def __init__(self):
        self.given = []

    def rotary(self, *arguments):
        self.given = arguments
        return _backend.load(_backend.isa).rotary(*arguments)


def test_heads_of_a_projection_are_read_in_place_and_results_lie_as_they_do(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(_backend, "kernels", recorder)
    x, dy = draw(2, B, T, H, D)
    cos, sin = (np.repeat(table, 2, 0)[::2] for table in F.rotary_tables(T, D, dtype=x.dtype))
    y, tape = F.rotary_forward(x.swapaxes(1, 2), cos, sin)
    for array, seen in zip((x, cos, sin), (recorder.given[0], *recorder.given[2:4]), strict=True):
        assert np.shares_memory(array, seen)
    dx = F.rotary_backward(tape, dy.swapaxes(1, 2))
    assert np.shares_memory(dy, recorder.given[0])
    for got in (y, dx):
        assert got.swapaxes(1, 2).flags.c_contiguous
    dense = both_ways(x.swapaxes(1, 2).copy(), cos, sin, dy.swapaxes(1, 2).copy())
    for got, expected in zip((y, dx), dense):
        assert expected.flags.c_contiguous
        np.testing.assert_array_equal(got, expected)


def test_a_broadcast_x_gives_a_full_y():
    x = draw(1, 1, 1, D)
    cos, sin = F.rotary_tables(T, D, dtype=x.dtype)
    y = F.rotary(np.broadcast_to(x, (B, H, T, D)), cos, sin)
    np.testing.assert_array_equal(y, F.rotary(np.broadcast_to(x, (B, H, T, D)).copy(), cos, sin))


def test_the_tape_does_not_follow_its_positions_and_does_not_keep_x():
    x, dy = draw(2, B, H, T, D)
    positions = np.arange(T)
    _, tape = F.rotary_forward(x, *F.rotary_tables(T, D, dtype=x.dtype), positions=positions)
    expected = F.rotary_backward(tape, dy)
    positions[...] = 10**9
    x[...] = np.nan
    np.testing.assert_array_equal(F.rotary_backward(tape, dy), expected)


@LAYOUTS
def test_back_is_the_way_back(interleaved):
    x = draw(B, H, T, D)
    y, tape = F.rotary_forward(x, *F.rotary_tables(T, D, dtype=x.dtype), interleaved=interleaved)
    np.testing.assert_allclose(F.rotary_backward(tape, y), x, rtol=1e-14, atol=1e-14)


def test_no_tables_needed_for_no_steps():
    y = F.rotary(np.zeros((2, 3, 0, 4)), np.zeros((0, 2)), np.zeros((0, 2)))
    assert y.shape == reference.rotary(np.zeros((2, 3, 0, 4)), np.zeros((0, 2)), np.zeros((0, 2))).shape == (2, 3, 0, 4)
