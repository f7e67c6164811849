"""Streams: what is kept between steps, how it is read, set and reset, and what a refused step leaves alone."""

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
    """A case, a stream with its weights, and its steps."""
    case = make_case(cell, options, **sizes)
    weights = [case.arguments[name] for name in ("W", "U", "b") if name in case.arguments]
    x = case.arguments["x"]
    return case, getattr(F, f"pack_{cell.name}")(*weights, **options).stream(x.shape[1]), x


def states(stream):
    return stream.state if isinstance(stream.state, tuple) else (stream.state,)


@EACH
def test_steps_from_a_set_state_give_the_bits_of_the_sequence(cell, options):
    case, stream, x = stream_of(cell, options)
    initial = tuple(case.arguments[f"{state}0"] for state in cell.states)
    stream.state = initial if len(initial) == 2 else initial[0]
    out, _ = case.forward(F)
    for step, wanted in zip(x, out.y, strict=True):
        np.testing.assert_array_equal(stream.step(step), wanted)
    for got, wanted in zip(states(stream), out[1:], strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(("cell", "settings"), OPTIONS)
def test_steps_with_an_option_give_the_bits_of_the_sequence(cell, settings):
    case = make_case(cell, settings=[s for s in settings if s.option in (*OF_WEIGHTS, *cell.options)])
    weights = {name: case.arguments[name] for name in ("W", "U", "b", "peephole") if name in case.arguments}
    stream = getattr(F, f"pack_{cell.name}")(**weights, **case.options).stream(3)
    initial = tuple(case.arguments[f"{state}0"] for state in cell.states)
    stream.state = initial if len(initial) == 2 else initial[0]
    y = getattr(F, cell.name)(**case.arguments, **case.options).y
    for step, wanted in zip(case.arguments["x"], y, strict=True):
        np.testing.assert_array_equal(stream.step(step), wanted)


@EACH
def test_a_step_into_an_array_returns_it(cell, options):
    _, stream, x = stream_of(cell, options)
    other = stream.copy()
    for out in (np.empty((3, 6)), np.empty((6, 3)).T, np.empty((3, 12))[:, ::2]):
        assert stream.step(x[0], out=out) is out
        np.testing.assert_array_equal(out, other.step(x[0]))


def test_a_step_into_its_own_input_is_computed_as_if_it_were_not_aliased():
    _, stream, x = stream_of(*LSTM, I=6, H=6)
    wanted = stream.copy().step(x[0])
    np.testing.assert_array_equal(stream.step(x[0], out=x[0]), wanted)


def test_a_step_takes_unpickled_arrays_and_any_stride_of_one_row():
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
def test_a_step_takes_lists_half_and_other_layouts(cell, options):
    _, stream, x = stream_of(cell, options)
    x = x.astype(np.float16)
    for given in (x[0], x[0].tolist(), x[0].astype(">f8"), np.asfortranarray(x[0], np.float64)):
        np.testing.assert_array_equal(stream.copy().step(given), stream.copy().step(x[0].astype(np.float64)))


@EACH
def test_the_state_that_is_read_is_a_copy(cell, options):
    _, stream, x = stream_of(cell, options)
    h = stream.step(x[0])
    for array in states(stream):
        array[...] = np.nan
    h[...] = np.nan
    assert all(np.isfinite(array).all() for array in states(stream))
    assert np.isfinite(stream.step(x[1])).all()


@EACH
def test_the_state_that_is_set_is_copied(cell, options):
    _, stream, _ = stream_of(cell, options)
    given = [np.ones_like(array) for array in states(stream)]
    stream.state = tuple(given) if len(given) == 2 else given[0]
    for array in given:
        array[...] = np.nan
    assert all((array == 1).all() for array in states(stream))


@EACH
def test_reset_of_some_rows_leaves_the_others(cell, options):
    _, stream, x = stream_of(cell, options)
    for rows, kept in (([0, 2], [1]), (1, [0, 2]), ([], [0, 1, 2]), ([False, True, True], [0]), (None, [])):
        stream.step(x[0])
        before = states(stream)
        stream.reset(rows)
        for array, old in zip(states(stream), before, strict=True):
            np.testing.assert_array_equal(array[kept], old[kept])
            assert not np.delete(array, kept, axis=0).any()


@EACH
def test_a_copy_goes_its_own_way(cell, options):
    _, stream, x = stream_of(cell, options)
    stream.step(x[0])
    for copied in (stream.copy(), copy.copy(stream), copy.deepcopy(stream)):
        before = states(stream)
        taken = copied.step(x[1])
        for array, old in zip(states(stream), before, strict=True):
            np.testing.assert_array_equal(array, old)
    np.testing.assert_array_equal(taken, stream.step(x[1]))


@EACH
def test_a_refused_step_leaves_the_state(cell, options):
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
def test_a_wrong_state_is_refused_and_changes_nothing(state, error, message):
    _, stream, x = stream_of(*LSTM)
    stream.step(x[0])
    before = states(stream)
    with pytest.raises(error, match=re.escape(message)):
        stream.state = state
    for array, old in zip(states(stream), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_a_stream_lives_longer_than_its_packed_weights():
    _, stream, x = stream_of(*LSTM)
    assert np.isfinite(stream.step(x[0])).all()
    with pytest.raises(TypeError, match=r"^Stream: a stream cannot be pickled\. Pickle stream\.state"):
        pickle.dumps(stream)


def test_every_call_is_refused_while_another_thread_is_in_a_step_race():
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
