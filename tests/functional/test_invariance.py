"""Tests of bitwise invariance: batch, chunks, steps, threads, packing, padding."""

from dataclasses import replace

import numpy as np
import pytest
from support.cases import VARIANTS, assert_same_bits, make_case

import seqfuse as sf
from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EACH = pytest.mark.parametrize(("cell", "options"), VARIANTS)
THREADS = (1, 2, 3, 5)
WEIGHTS = ("W", "U", "b", "peephole")  # arguments that do not belong to a row of the batch


def bits(array):
    return array.view(f"u{array.itemsize}")


def run(case, threads=1):
    """Return the outputs and those gradients that belong to rows of the batch, not to weights."""
    with sf.num_threads(threads):
        out, _, grads = case.run(F)
    return out, grads


def chosen_rows(case, rows):
    """Return the case restricted to some rows of the batch."""
    axis = 0 if case.call.get("batch_first") else 1

    def of(name, array):
        return array.take(rows, axis if name in ("x", "dy", "mask") else 0)

    arguments = {name: a if name in WEIGHTS else of(name, a) for name, a in case.arguments.items()}
    call = {name: of(name, a) if name in ("lengths", "mask") else a for name, a in case.call.items()}
    doutputs = {name: of(name, a) for name, a in case.doutputs.items()}
    return replace(case, arguments=arguments, call=call, doutputs=doutputs, real=case.real[:, rows])


def chosen_steps(case, begin, end):
    """Return the case restricted to the steps begin..end, with lengths relative to begin."""
    axis = 1 if case.call.get("batch_first") else 0

    def of(array):
        return array.take(range(begin, end), axis)

    call = {name: of(a) if name == "mask" else a for name, a in case.call.items()}
    if "lengths" in call:
        call["lengths"] = np.clip(call["lengths"] - begin, 0, end - begin)
    doutputs = {**case.doutputs, "dy": of(case.doutputs["dy"])}
    return replace(case.with_argument("x", of(case.arguments["x"])), call=call, doutputs=doutputs)


@DTYPES
@pytest.mark.parametrize("call", ["plain", "all"])
@pytest.mark.parametrize(("T", "B", "I", "H"), [(9, 23, 5, 19), (70, 9, 3, 33), (3, 7, 300, 130)])
@EACH
def test_row_does_not_depend_on_batch_and_position(cell, options, T, B, I, H, call, dtype):
    case = make_case(cell, options, T=T, B=B, I=I, H=H, call=call, dtype=dtype)
    whole, whole_grads = run(case)
    turn = case.call.get("batch_first", False)
    batches = [[b] for b in range(0, B, 4)] + [range(n) for n in range(2, B, 5)] + [range(B)[::-1], [B - 1] * 13 + [0]]
    for rows in map(list, batches):
        out, grads = run(chosen_rows(case, rows))
        for got, right in ((out, whole), (grads, whole_grads)):
            for name, a in got._asdict().items():
                if name[1:] in WEIGHTS or a is None:
                    continue
                e = getattr(right, name).take(rows, 1 if name in ("y", "dx") and not turn else 0)
                np.testing.assert_array_equal(bits(a), bits(e), err_msg=f"{name} of {rows}")


@DTYPES
@pytest.mark.parametrize("call", ["plain", "all", "lengths", "reverse"])
@pytest.mark.parametrize(
    ("T", "B", "H", "cuts"),
    # Single steps; sizes around a segment of the backward (512 rows) and parts of the forward; B larger than a segment.
    [(9, 5, 19, range(1, 9)), (9, 1, 140, [1, 5]), (140, 9, 17, [1, 55, 56, 57, 113]), (4, 517, 3, [1, 2])],
)
@EACH
def test_chunks_with_carried_states_equal_the_whole_bitwise(cell, options, T, B, H, cuts, call, dtype):
    case = make_case(cell, options, T=T, B=B, I=4, H=H, call=call, dtype=dtype)
    whole, whole_grads = run(case)
    chunks = [chosen_steps(case, b, e) for b, e in zip([0, *cuts], [*cuts, T])]
    order = range(len(chunks))[::-1] if case.call.get("reverse") else range(len(chunks))
    states, outputs, tapes = [case.arguments[f"{s}0"] for s in cell.states], {}, {}
    for i in order:
        for name, state in zip(cell.states, states):
            chunks[i].arguments[f"{name}0"] = state
        out, tapes[i] = chunks[i].forward(F)
        outputs[i], states = out.y, list(out[1:])
    time = 1 if case.call.get("batch_first") else 0
    y = np.concatenate([outputs[i] for i in range(len(chunks))], time)
    assert_same_bits(type(whole)(y, *states), whole)

    dstates, dx = {f"d{s}": case.doutputs[f"d{s}"] for s in cell.states}, {}
    for i in reversed(order):
        grads = chunks[i].backward(F, tapes[i], **dstates)
        dx[i], dstates = grads.dx, {f"d{s}": getattr(grads, f"d{s}0") for s in cell.states}
    np.testing.assert_array_equal(bits(np.concatenate([dx[i] for i in range(len(chunks))], time)), bits(whole_grads.dx))
    for name, d in dstates.items():
        np.testing.assert_array_equal(bits(d), bits(getattr(whole_grads, f"{name}0")), err_msg=f"{name}0")


@DTYPES
@pytest.mark.parametrize(("B", "I", "H"), [(1, 3, 300), (1, 270, 65), (3, 5, 77), (9, 1, 19), (2, 0, 5)])
@EACH
def test_stream_steps_equal_the_sequence_bitwise(cell, options, B, I, H, dtype):
    case = make_case(cell, options, T=5, B=B, I=I, H=H, dtype=dtype, states=False)
    weights = [case.arguments[name] for name in WEIGHTS if name in case.arguments]
    packed = getattr(F, f"pack_{cell.name}")(*weights, **options)
    whole, stream = packed(case.arguments["x"]), packed.stream(B)
    steps = np.array([stream.step(x) for x in case.arguments["x"]])
    states = stream.state if len(cell.states) == 2 else (stream.state,)
    assert_same_bits(type(whole)(steps, *states), whole)
    assert_same_bits(whole, case.forward(F)[0])


# Teams split the units if a step of a row has more than 100,000 multiply-adds and there are fewer than four rows per
# thread; otherwise they split the rows. In both cases T * B steps exceed 400,000 multiply-adds. (5, 2, ..) is split by
# rows for the RNN and by units for the other cells.
@DTYPES
@pytest.mark.parametrize("call", ["plain", "all"])
@pytest.mark.parametrize(
    ("T", "B", "I", "H"),
    [(6, 1, 7, 337), (5, 2, 3, 263), (4, 3, 301, 129), (7, 23, 11, 97), (140, 10, 5, 35), (3, 530, 3, 19)],
)
@EACH
def test_results_do_not_depend_on_threads(cell, options, T, B, I, H, call, dtype):
    case = make_case(cell, options, T=T, B=B, I=I, H=H, call=call, dtype=dtype)
    results = [run(case, threads) for threads in THREADS]
    for out, grads in results[1:]:
        assert_same_bits(out, results[0][0])
        assert_same_bits(grads, results[0][1])
    arguments = {name: a for name, a in case.arguments.items() if name not in WEIGHTS}
    for threads in THREADS[:3]:
        with sf.num_threads(threads):
            weights = [case.arguments[name] for name in WEIGHTS if name in case.arguments]
            packed = getattr(F, f"pack_{cell.name}")(*weights, **options)
            assert_same_bits(packed(**arguments, **case.call), results[0][0])
            last = packed(**arguments, **case.call, return_sequences=False)
            assert_same_bits(last, results[0][0]._replace(y=None))


@DTYPES
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("T", "B"), [(1, 1), (9, 5), (255, 2), (256, 2), (257, 2), (1, 600), (60, 17)])
@EACH
def test_results_do_not_depend_on_padding_after_the_sequence(cell, options, T, B, reverse, dtype):
    case = make_case(cell, options, T=T, B=B, I=5, H=19, call="lengths", dtype=dtype)
    case.call["reverse"] = reverse
    case.call["lengths"][0] = T
    whole, whole_grads = run(case)
    for more in (1, 8, 700):
        behind = ((0, more), (0, 0), (0, 0))
        longer = case.with_argument("x", np.pad(case.arguments["x"], behind, constant_values=np.nan))
        longer = replace(
            longer, doutputs={**case.doutputs, "dy": np.pad(case.doutputs["dy"], behind, constant_values=np.nan)}
        )
        for threads in (1, 3):
            out, grads = run(longer, threads)
            assert not out.y[T:].any()
            assert not grads.dx[T:].any()
            assert_same_bits(out._replace(y=out.y[:T]), whole)
            assert_same_bits(grads._replace(dx=grads.dx[:T]), whole_grads)
