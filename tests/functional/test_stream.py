"""Tests of streams: steps, states, reset, copies, errors."""

import contextlib
import copy
import pickle
import re
import threading
import time

import numpy as np
import pytest
from support.cases import OPTIONS, VARIANTS, make_case

from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

LSTM = VARIANTS[1].values
OF_WEIGHTS = ("activation", "recurrent_activation", "clip", "peephole")
EACH = pytest.mark.parametrize(("cell", "options"), VARIANTS)


def stream_of(cell, options, **sizes):
    """Return a case, a stream with its weights, and its inputs at every step."""
    case = make_case(cell, options, **sizes)
    weights = [case.arguments[name] for name in ("W", "U", "b") if name in case.arguments]
    x = case.arguments["x"]
    return case, getattr(F, f"pack_{cell.name}")(*weights, **options).stream(x.shape[1]), x


def states(stream):
    return stream.state if isinstance(stream.state, tuple) else (stream.state,)


@EACH
def test_steps_from_an_assigned_state_equal_the_sequence_bitwise(cell, options):
    case, stream, x = stream_of(cell, options)
    initial = tuple(case.arguments[f"{state}0"] for state in cell.states)
    stream.state = initial if len(initial) == 2 else initial[0]
    out, _ = case.forward(F)
    for step, wanted in zip(x, out.y, strict=True):
        np.testing.assert_array_equal(stream.step(step), wanted)
    for got, wanted in zip(states(stream), out[1:], strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(("cell", "settings"), OPTIONS)
def test_steps_with_an_option_equal_the_sequence_bitwise(cell, settings):
    case = make_case(cell, settings=[s for s in settings if s.option in (*OF_WEIGHTS, *cell.options)])
    weights = {name: case.arguments[name] for name in ("W", "U", "b", "peephole") if name in case.arguments}
    stream = getattr(F, f"pack_{cell.name}")(**weights, **case.options).stream(3)
    initial = tuple(case.arguments[f"{state}0"] for state in cell.states)
    stream.state = initial if len(initial) == 2 else initial[0]
    y = getattr(F, cell.name)(**case.arguments, **case.options).y
    for step, wanted in zip(case.arguments["x"], y, strict=True):
        np.testing.assert_array_equal(stream.step(step), wanted)


@EACH
def test_step_returns_out(cell, options):
    _, stream, x = stream_of(cell, options)
    other = stream.copy()
    for out in (np.empty((3, 6)), np.empty((6, 3)).T, np.empty((3, 12))[:, ::2]):
        assert stream.step(x[0], out=out) is out
        np.testing.assert_array_equal(out, other.step(x[0]))


def test_step_is_correct_when_out_overlaps_the_input_aliased():
    _, stream, x = stream_of(*LSTM, I=6, H=6)
    wanted = stream.copy().step(x[0])
    np.testing.assert_array_equal(stream.step(x[0], out=x[0]), wanted)


def test_step_accepts_unpickled_arrays_and_any_stride_of_one_row():
    _, stream, x = stream_of(*LSTM, B=1, I=6, H=6)
    wanted = stream.copy().step(x[0])
    as_strided = np.lib.stride_tricks.as_strided
    other_type = np.dtype(x.dtype, metadata={"of": "another object than NumPy's own"})
    for given in (pickle.loads(pickle.dumps(x[0])), x[0].astype(other_type), as_strided(x[0], strides=(3, 8))):
        np.testing.assert_array_equal(stream.copy().step(given), wanted)
    for out in (np.empty((1, 6), other_type), as_strided(np.empty((1, 6)), strides=(3, 8))):
        assert stream.copy().step(x[0], out=out) is out
        np.testing.assert_array_equal(out, wanted)


@EACH
def test_step_accepts_lists_half_and_other_layouts(cell, options):
    _, stream, x = stream_of(cell, options)
    x = x.astype(np.float16)
    for given in (x[0], x[0].tolist(), x[0].astype(">f8"), np.asfortranarray(x[0], np.float64)):
        np.testing.assert_array_equal(stream.copy().step(given), stream.copy().step(x[0].astype(np.float64)))


@EACH
def test_state_is_a_copy_when_read(cell, options):
    _, stream, x = stream_of(cell, options)
    h = stream.step(x[0])
    for array in states(stream):
        array[...] = np.nan
    h[...] = np.nan
    assert all(np.isfinite(array).all() for array in states(stream))
    assert np.isfinite(stream.step(x[1])).all()


@EACH
def test_state_is_copied_when_assigned(cell, options):
    _, stream, _ = stream_of(cell, options)
    given = [np.ones_like(array) for array in states(stream)]
    stream.state = tuple(given) if len(given) == 2 else given[0]
    for array in given:
        array[...] = np.nan
    assert all((array == 1).all() for array in states(stream))


@EACH
def test_reset_of_some_rows_keeps_the_others(cell, options):
    _, stream, x = stream_of(cell, options)
    for rows, kept in (([0, 2], [1]), (1, [0, 2]), ([], [0, 1, 2]), ([False, True, True], [0]), (None, [])):
        stream.step(x[0])
        before = states(stream)
        stream.reset(rows)
        for array, old in zip(states(stream), before, strict=True):
            np.testing.assert_array_equal(array[kept], old[kept])
            assert not np.delete(array, kept, axis=0).any()


@EACH
def test_copy_is_independent(cell, options):
    _, stream, x = stream_of(cell, options)
    stream.step(x[0])
    for copied in (stream.copy(), copy.copy(stream), copy.deepcopy(stream)):
        before = states(stream)
        taken = copied.step(x[1])
        for array, old in zip(states(stream), before, strict=True):
            np.testing.assert_array_equal(array, old)
    np.testing.assert_array_equal(taken, stream.step(x[1]))


@EACH
def test_state_is_unchanged_when_a_step_is_refused(cell, options):
    _, stream, x = stream_of(cell, options)
    stream.step(x[0])
    before = states(stream)
    for wrong in ((x, None), (x[0, :2], None), (x[0], np.empty((3, 5))), (x[0], np.empty((3, 6), np.float32))):
        with pytest.raises((TypeError, ValueError), match=r"^stream\.step: "):
            stream.step(*wrong)
    for array, old in zip(states(stream), before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (np.zeros((3, 6)), ValueError, "stream: state must be (h, c), each (batch, H); got ndarray"),
        ((np.zeros((3, 6)),), ValueError, "stream: state must be (h, c), each (batch, H); got tuple"),
        ((np.zeros((3, 6)), np.zeros((3, 5))), ValueError, "stream: state[1] must be (batch, H) = (3, 6); got (3, 5)"),
        ((np.zeros((3, 6)), np.zeros((3, 6), complex)), TypeError, "stream: state[1] must be float64, float32, half"),
    ],
    ids=["not a pair", "one", "shape", "complex"],
)
def test_invalid_state_is_refused_and_the_state_unchanged(state, error, message):
    _, stream, x = stream_of(*LSTM)
    stream.step(x[0])
    before = states(stream)
    with pytest.raises(error, match=re.escape(message)):
        stream.state = state
    for array, old in zip(states(stream), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_stream_outlives_its_packed_weights():
    _, stream, x = stream_of(*LSTM)
    assert np.isfinite(stream.step(x[0])).all()
    with pytest.raises(TypeError, match=r"^Stream: a stream cannot be pickled\. Pickle stream\.state"):
        pickle.dumps(stream)


def test_calls_are_refused_during_a_step_of_another_thread_race():
    stream = F.pack_lstm(np.zeros((256, 1024)), np.zeros((256, 1024))).stream(batch=64)
    x, done = np.zeros((64, 256)), threading.Event()

    def take_steps():
        while not done.is_set():
            with contextlib.suppress(RuntimeError):
                stream.step(x)

    def repeat(call):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            call()

    thread = threading.Thread(target=take_steps)
    thread.start()
    try:
        for call in (
            lambda: stream.step(x),
            lambda: stream.state,
            lambda: setattr(stream, "state", (x, x)),
            stream.reset,
            stream.copy,
        ):
            with pytest.raises(RuntimeError, match="already in use by another thread"):
                repeat(call)
    finally:
        done.set()
        thread.join()
