"""Tests of memory layouts and types: bitwise equal results, no needless copies, inputs never written."""

import dataclasses

import ml_dtypes
import numpy as np
import pytest
from support.cases import assert_same_bits, make_case

from seqfuse import _backend
from seqfuse import functional as F
from seqfuse._cells import CELLS


def among_others(array):
    """Return a view of every second element along all axes except the last."""
    for axis in range(array.ndim - 1):
        array = np.repeat(array, 2, axis)
    return array[(slice(None, None, 2),) * (array.ndim - 1)]


def every_second_column(array):
    return np.repeat(array, 2, -1)[..., ::2]


def unaligned(array):
    shifted = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def in_reverse_memory(array):
    backwards = (slice(None, None, -1),) * array.ndim
    return array[backwards].copy()[backwards]


def rows_in_reverse_memory(array):
    backwards = (slice(None, None, -1),) * (array.ndim - 1)
    return array[backwards].copy()[backwards]


IN_PLACE = [among_others, read_only, rows_in_reverse_memory]
COPIED = [every_second_column, unaligned, in_reverse_memory, np.asfortranarray]
OTHERS = [lambda array: array.astype(array.dtype.newbyteorder()), lambda array: array.view(np.recarray)]
LAYOUTS = [pytest.param(of, id=of.__name__) for of in IN_PLACE + COPIED] + [
    pytest.param(OTHERS[0], id="byte_swapped"),
    pytest.param(OTHERS[1], id="subclass"),
]


def each_cell(test):
    return pytest.mark.parametrize("cell", CELLS.values(), ids=list(CELLS))(test)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("call", ["plain", "all"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@each_cell
def test_results_do_not_depend_on_memory_layout(cell, dtype, call, layout):
    case = make_case(cell, dtype=dtype, call=call)
    out, _, grads = case.run(F)
    given = {name: layout(array) for name, array in case.arguments.items()}
    dgiven = {name: layout(array) for name, array in case.doutputs.items()}
    before = {name: array.tobytes() for name, array in {**given, **dgiven}.items()}
    out_of_layout, tape = getattr(F, f"{cell.name}_forward")(**given, **case.call)
    grads_of_layout = getattr(F, f"{cell.name}_backward")(tape, **dgiven)
    assert_same_bits(out_of_layout, out)
    assert_same_bits(grads_of_layout, grads)
    assert before == {name: array.tobytes() for name, array in {**given, **dgiven}.items()}


@each_cell
def test_transposed_weights_are_not_copied(cell):
    case = make_case(cell, dtype=np.float32)
    given = {name: np.asfortranarray(a) if name in ("W", "U") else a for name, a in case.arguments.items()}
    _, tape = getattr(F, f"{cell.name}_forward")(**given, **case.call)
    assert np.shares_memory(tape._weights.W, given["W"])
    if cell.recurrence == "full":
        assert np.shares_memory(tape._weights.U, given["U"])


@each_cell
def test_lists_are_computed_in_float64(cell):
    case = make_case(cell, dtype=np.float64, call="lengths")
    out, _, grads = case.run(F)
    lists = {name: array.tolist() for name, array in case.arguments.items()}
    out_of_lists, tape = getattr(F, f"{cell.name}_forward")(**lists, lengths=case.call["lengths"].tolist())
    assert_same_bits(out_of_lists, out)
    assert_same_bits(
        getattr(F, f"{cell.name}_backward")(tape, **{n: d.tolist() for n, d in case.doutputs.items()}), grads
    )


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.int8, np.uint16, bool], ids=str)
@each_cell
def test_half_bool_and_integers_are_computed_in_float32(cell, dtype):
    case = make_case(cell, dtype=dtype)
    out, _, grads = case.run(F)
    wide, _, wide_grads = case.astype(np.float32).run(F)
    assert_same_bits(out, wide)
    assert_same_bits(grads, wide_grads)
    assert out.h.dtype == np.float32


@pytest.mark.parametrize("name", ["x", "W", "U", "b"])
@each_cell
def test_one_float64_argument_makes_the_computation_float64(cell, name):
    case = make_case(cell, dtype=np.float32)
    if name not in case.arguments:
        pytest.skip(f"{cell.name} has no {name}")
    mixed = case.with_argument(name, case.arguments[name].astype(np.float64))
    out, _, grads = mixed.run(F)
    wide, _, wide_grads = case.astype(np.float64).run(F)
    assert_same_bits(out, wide)
    assert_same_bits(grads, wide_grads)


@each_cell
def test_states_and_gradients_do_not_widen_the_computation(cell):
    case = make_case(cell, dtype=np.float32)
    for state in cell.states:
        case = case.with_argument(f"{state}0", case.arguments[f"{state}0"].astype(np.float64))
    out, tape = case.forward(F)
    grads = case.backward(F, tape, dy=case.doutputs["dy"].astype(np.float64))
    assert {array.dtype for array in (*out, *grads) if array is not None} == {np.dtype(np.float32)}


@each_cell
def test_broadcast_input_equals_its_copy(cell):
    case = make_case(cell)
    x = case.arguments["x"]
    one = np.broadcast_to(x[:1, :1], x.shape)
    out, _, grads = case.with_argument("x", one).run(F)
    full, _, full_grads = case.with_argument("x", one.copy()).run(F)
    assert_same_bits(out, full)
    assert_same_bits(grads, full_grads)


def arrays_in(arguments):
    """Return all arrays among the arguments and in the fields of dataclasses."""
    found = [a for a in arguments if isinstance(a, np.ndarray)]
    for structure in filter(dataclasses.is_dataclass, arguments):
        found += arrays_in([getattr(structure, field.name) for field in dataclasses.fields(structure)])
    return found


class Recorder:
    """Kernels that record the arrays they are called with."""

    def __init__(self, kernels):
        self.kernels, self.given = kernels, []

    def __getattr__(self, name):
        def call(*arguments):
            self.given += arrays_in(arguments)
            return getattr(self.kernels, name)(*arguments)

        return call


@pytest.mark.parametrize("layout", IN_PLACE)
@pytest.mark.parametrize("batch_first", [False, True])
@each_cell
def test_x_is_not_copied_when_the_last_axis_is_contiguous(cell, batch_first, layout, monkeypatch):
    recorder = Recorder(_backend.kernels)
    monkeypatch.setattr(_backend, "kernels", recorder)
    case = make_case(cell, call="batch_first" if batch_first else "plain")
    given = {name: layout(array) for name, array in case.arguments.items()}
    _, tape = getattr(F, f"{cell.name}_forward")(**given, batch_first=batch_first)
    for name, array in given.items():
        assert any(np.shares_memory(array, seen) for seen in recorder.given), name
    recorder.given.clear()
    dgiven = {name: layout(array) for name, array in case.doutputs.items()}
    getattr(F, f"{cell.name}_backward")(tape, **dgiven)
    for name, array in {**dgiven, **{name: given[name] for name in "xWU" if name in given}}.items():
        assert any(np.shares_memory(array, seen) for seen in recorder.given), name


@each_cell
def test_tape_is_unaffected_when_states_mask_and_lengths_change(cell):
    case = make_case(cell, call="all")
    out, tape, grads = case.run(F)
    for name in ("lengths", "mask"):
        case.call[name][...] = 0
    for state in cell.states:
        case.arguments[f"{state}0"][...] = np.nan
        getattr(out, state)[...] = np.nan
    assert_same_bits(case.backward(F, tape), grads)


@each_cell
def test_backward_accumulates_into_and_returns_into(cell):
    case = make_case(cell)
    _, tape, grads = case.run(F)
    gradients = weight_gradients(grads)
    sizes = [g.size for g in gradients.values()]
    flat = np.split(np.ones(sum(sizes)), np.cumsum(sizes)[:-1])
    into = tuple(part.reshape(g.shape) for part, g in zip(flat, gradients.values(), strict=True))
    added = weight_gradients(case.backward(F, tape, into=into))
    assert all(a is b for a, b in zip(added.values(), into, strict=True))
    for name, b in gradients.items():
        np.testing.assert_allclose(
            added[name], 1 + b, rtol=1e-13, atol=1e-13, err_msg=name
        )  # one more rounding per sum


def weight_gradients(grads):
    """Return the gradients of W, U and b that the cell has."""
    return {name: getattr(grads, name) for name in ("dW", "dU", "db") if hasattr(grads, name)}


@each_cell
def test_backward_is_correct_when_into_overlaps_the_weights_aliased(cell):
    case = make_case(cell)
    _, tape, grads = case.run(F)
    weights = [case.arguments[name] for name in "WU" if name in case.arguments]
    wanted = [w + g for w, g in zip(weights, weight_gradients(grads).values())]
    added = case.backward(F, tape, into=(*weights, np.zeros_like(grads.db)))
    for got, weight, right in zip(weight_gradients(added).values(), weights, wanted):
        assert got is weight
        np.testing.assert_allclose(weight, right, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(added.dx, grads.dx)
    np.testing.assert_array_equal(added.dh0, grads.dh0)


@pytest.mark.parametrize("sizes", [{"T": 0}, {"B": 0}, {"T": 0, "B": 0}, {"I": 0}], ids=str)
@pytest.mark.parametrize("call", ["plain", "all"])
@each_cell
def test_state_is_unchanged_when_the_sequence_is_empty(cell, call, sizes):
    case = make_case(cell, call=call, **sizes)
    out, _, grads = case.run(F)
    for name, array in case.arguments.items():
        assert getattr(grads, f"d{name}").shape == array.shape, name
    if "I" not in sizes:
        assert out.y.size == 0
        for state in cell.states:
            np.testing.assert_array_equal(getattr(out, state), case.arguments[f"{state}0"])
            np.testing.assert_array_equal(getattr(grads, f"d{state}0"), case.doutputs[f"d{state}"])
        assert not any(g.any() for g in weight_gradients(grads).values())
