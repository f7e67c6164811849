"""Tests of tapes: states, gates, checkpoints, references, cancellation."""

import pickle
import re
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.cases import CALLS, VARIANTS, assert_accurate, assert_same_bits, make_case

from seqfuse import _backend, reference
from seqfuse import functional as F
from seqfuse._cells import CELLS

pytestmark = pytest.mark.each_isa

EACH = pytest.mark.parametrize(("cell", "options"), VARIANTS)
EACH_CALL = pytest.mark.parametrize("call", CALLS)
# Intervals: every step, one that does not divide T = 7, T, and more than T.
CHECKPOINTS = pytest.mark.parametrize("checkpoint", [1, 3, 7, 2**70], ids=str)


def extras(case):
    """Return further options that the cell supports."""
    rng = np.random.default_rng(1)
    B, H = case.doutputs["dh"].shape
    more = {"activation": ("elu", 0.7), "clip": 0.8}
    if case.cell.recurrence != "none":
        more["recurrent_mask"] = rng.integers(0, 2, (B, H)) * 2.0
    if case.cell.name == "lstm":
        more["peephole"] = rng.normal(size=(3, H))
    return more


def in_time_order(case, array):
    return array.swapaxes(0, 1) if case.call.get("batch_first") else array


def assert_same_arrays(actual, expected):
    assert list(actual) == list(expected)
    for name, array in expected.items():
        assert (actual[name].dtype, actual[name].shape) == (array.dtype, array.shape), name
        np.testing.assert_array_equal(
            actual[name].view(f"u{array.itemsize}"), array.view(f"u{array.itemsize}"), err_msg=name
        )


@pytest.mark.parametrize("with_extras", [False, True], ids=["standard", "options"])
@EACH_CALL
@EACH
def test_states_and_gates_match_the_reference(cell, options, call, with_extras):
    case = make_case(cell, options, T=7, B=5, H=19, call=call, dtype=np.float32)
    more = extras(case) if with_extras else {}
    tapes = [c.forward(module, **more)[1] for c, module in ((case, F), (case, reference))]
    truth = case.astype(np.float64).forward(reference, **more)[1]
    for read in ("states", "gates"):
        ours, theirs, wide = (getattr(tape, read)() for tape in (*tapes, truth))
        assert tuple(ours) == tuple(theirs) == getattr(cell, read)
        for name, array in ours.items():
            assert_accurate(f"{read} {name}", array, theirs[name], wide[name])


@EACH_CALL
@EACH
def test_states_equal_y_at_valid_steps_and_are_carried_over_padding(cell, options, call):
    case = make_case(cell, options, T=7, B=5, H=19, call=call)
    out, tape = case.forward(F)
    states, gates = tape.states(), tape.gates()
    reverse = case.call.get("reverse", False)
    for name in cell.states:
        state, before = in_time_order(case, states[name]), case.arguments[f"{name}0"]
        for t in reversed(range(7)) if reverse else range(7):
            real = case.real[t][:, None]
            if name == "h":
                np.testing.assert_array_equal(np.where(real, state[t], 0), in_time_order(case, out.y)[t])
            np.testing.assert_array_equal(np.where(real, 0, state[t]), np.where(real, 0, before))
            before = state[t]
        np.testing.assert_array_equal(before, getattr(out, name))
    for gate in gates.values():
        assert not in_time_order(case, gate)[~case.real].any()


@pytest.mark.parametrize("with_extras", [False, True], ids=["standard", "options"])
@CHECKPOINTS
@EACH_CALL
@EACH
def test_checkpoints_do_not_change_results(cell, options, call, checkpoint, with_extras):
    case = make_case(cell, options, T=7, B=5, H=19, call=call, dtype=np.float32)
    more = extras(case) if with_extras else {}
    out, tape = case.forward(F, **more)
    thin_out, thin = case.forward(F, **more, checkpoint=checkpoint)
    assert_same_bits(thin_out, out)
    assert_same_arrays(thin.states(), tape.states())
    assert_same_arrays(thin.gates(), tape.gates())
    grads = case.backward(F, tape)
    for _ in range(2):
        assert_same_bits(case.backward(F, thin), grads)
    without_y, thin = case.forward(F, **more, checkpoint=checkpoint, return_sequences=False)
    assert without_y.y is None
    assert_same_bits(case.backward(F, thin, dy=None), case.backward(F, tape, dy=None))


@EACH
def test_checkpoints_over_several_segments_do_not_change_results(cell, options):
    case = make_case(cell, options, T=130, B=9, I=5, H=19, call="all")
    _, tape, grads = case.run(F)
    for checkpoint in (11, 64, 100):
        _, thin = case.forward(F, checkpoint=checkpoint)
        assert_same_bits(case.backward(F, thin), grads)
        assert_same_arrays(thin.states(), tape.states())


@EACH
def test_checkpointed_tape_is_usable_from_several_threads_race(cell, options):
    case = make_case(cell, options, T=20, B=4)
    _, tape = case.forward(F, checkpoint=4)
    grads, states = case.backward(F, tape), tape.states()
    with ThreadPoolExecutor(4) as pool:
        again = [pool.submit(case.backward, F, tape) for _ in range(8)]
        read = [pool.submit(tape.states) for _ in range(8)]
        for got in again:
            assert_same_bits(got.result(), grads)
        for got in read:
            assert_same_arrays(got.result(), states)


def arrays_of_tape(tape):
    """Return every array that a tape refers to."""
    arrays = [getattr(tape, name) for name in type(tape).__mro__[1].__slots__]
    arrays += [element for value in arrays if isinstance(value, tuple) for element in value]
    return [array for array in arrays if isinstance(array, np.ndarray)]


def own_bytes(tape, arguments):
    """Return the size in bytes of the arrays that only the tape refers to."""
    return sum(a.nbytes for a in arrays_of_tape(tape) if not any(np.shares_memory(a, given) for given in arguments))


@EACH
def test_checkpointed_tape_keeps_every_kth_state_and_no_y(cell, options):
    case = make_case(cell, options, T=400, B=3, I=2, H=32, dtype=np.float32, states=False)
    bytes_per_checkpoint = 3 * 32 * 4 * len(cell.states)
    for T, checkpoint in ((400, 20), (400, 7), (100, 10), (400, 1000)):
        shorter = case.with_argument("x", case.arguments["x"][:T].copy())
        out, tape = shorter.forward(F, checkpoint=checkpoint)
        assert own_bytes(tape, shorter.arguments.values()) == -(-T // checkpoint) * bytes_per_checkpoint
        y = weakref.ref(out.y)
        del out
        assert y() is None
    out, tape = case.forward(F)
    assert own_bytes(tape, case.arguments.values()) >= 400 * bytes_per_checkpoint
    y = weakref.ref(out.y)
    del out
    assert y() is not None


def test_tape_repr_names_sizes_and_type():
    case = make_case(CELLS["lstm"])
    assert repr(case.forward(F)[1]) == "<LSTMTape T=5 B=3 H=6 float64>"
    assert repr(case.forward(F, checkpoint=2)[1]) == "<LSTMTape T=5 B=3 H=6 float64 checkpoint=2>"


@EACH
def test_states_and_gates_are_new_arrays(cell, options):
    case = make_case(cell, options)
    _, tape, grads = case.run(F)
    for read in (tape.states, tape.gates):
        before = {name: array.copy() for name, array in read().items()}
        for array in read().values():
            assert array.flags.owndata
            assert not any(np.shares_memory(array, other) for other in arrays_of_tape(tape))
            array[...] = np.nan
        assert_same_arrays(read(), before)
    assert_same_bits(case.backward(F, tape), grads)


@EACH
def test_tape_is_unaffected_when_the_recurrent_mask_changes(cell, options):
    if cell.recurrence == "none":
        return
    case = make_case(cell, options)
    mask = np.array(np.eye(3, 6))
    _, tape = case.forward(F, recurrent_mask=mask)
    grads = case.backward(F, tape)
    mask[...] = np.nan
    assert_same_bits(case.backward(F, tape), grads)


@pytest.mark.parametrize("sizes", [{"T": 0}, {"B": 0}, {"I": 0}], ids=str)
@pytest.mark.parametrize("call", ["plain", "all"])
@EACH
def test_states_and_gates_are_empty_when_the_sequence_is(cell, options, call, sizes):
    case = make_case(cell, options, call=call, **sizes)
    out, tape, grads = case.run(F)
    thin = case.forward(F, checkpoint=2)[1]
    assert_same_bits(case.backward(F, thin), grads)
    for name, array in (thin.states() | thin.gates()).items():
        assert array.shape == out.y.shape, name
    assert_same_arrays(thin.states() | thin.gates(), tape.states() | tape.gates())


@EACH
def test_tape_cannot_be_pickled(cell, options):
    _, tape = make_case(cell, options).forward(F)
    said = f"{type(tape).__name__}: a tape cannot be pickled. Pickle the arguments and call {cell.name}_"
    with pytest.raises(TypeError, match=f"^{re.escape(said)}forward again$"):
        pickle.dumps(tape)


class Stopped:
    """Kernels whose backward is cancelled by Ctrl-C after it has written to its work arrays."""

    def __init__(self, kernels):
        self.kernels, self.added = kernels, None

    def __getattr__(self, name):
        return getattr(self.kernels, name)

    def recurrent_backward(self, *arguments):
        _, _, _, _, gradients, _, self.added, _ = arguments
        if not self.added:
            gradients.dW[...] = np.nan
        raise KeyboardInterrupt


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray], ids=["C", "Fortran"])
@EACH
def test_into_is_unchanged_when_backward_is_cancelled(cell, options, layout, monkeypatch):
    stopped = Stopped(_backend.kernels)
    monkeypatch.setattr(_backend, "kernels", stopped)
    case = make_case(cell, options)
    _, tape = case.forward(F)
    into = tuple(layout(np.ones_like(case.arguments[w])) for w in ("W", "U", "b") if w in case.arguments)
    with pytest.raises(KeyboardInterrupt):
        case.backward(F, tape, into=into)
    assert stopped.added is True
    assert all((array == 1).all() for array in into)
    with pytest.raises(KeyboardInterrupt):
        case.backward(F, tape)
    assert stopped.added is False


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")
@EACH
def test_tape_is_unaffected_when_arguments_are_reshaped_in_place(cell, options):
    case = make_case(cell, options)
    _, _, expected = case.run(F)
    given = {name: array.copy() for name, array in case.arguments.items()}
    out, tape = getattr(F, f"{cell.name}_forward")(**given, **options)
    for array in (*(given[name] for name in ("x", "W", "U", "b") if name in given), out.y):
        array.shape = (array.size,)
    assert_same_bits(case.backward(F, tape), expected)
