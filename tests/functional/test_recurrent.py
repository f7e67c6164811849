"""Tests of the recurrent cells against the reference and central differences: options, calls, sizes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.accuracy import all_results, assert_rule_of_accuracy
from support.cases import BIASES, CALLS, VARIANTS, assert_gradient, assert_same_bits, central_differences, make_case

from seqfuse import functional as F
from seqfuse import reference

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EACH = pytest.mark.parametrize(("cell", "options"), VARIANTS)
# (T, B, I, H): 1, primes, and packet sizes of 4, 8 and 16, exact and one element less or more.
SMALL = [(1, 1, 1, 1), (2, 3, 4, 3), (3, 4, 3, 4), (2, 5, 5, 5), (3, 7, 8, 7), (2, 8, 7, 8), (3, 9, 9, 9)]
SMALL += [(2, 15, 17, 15), (3, 16, 15, 16), (2, 17, 16, 17), (5, 2, 31, 33), (4, 13, 1, 61), (3, 1, 23, 129)]
# Sums over several blocks of 64 terms of x and of h; 513 rows in time, one more than a segment of the backward;
# a segment of a single step; several parts of the forward (273 steps of the RNN, 68 of the LSTM) and three segments.
LARGE = [(3, 2, 301, 5), (3, 5, 9, 277), (513, 1, 3, 5), (257, 2, 2, 3), (3, 601, 3, 5), (300, 5, 3, 33)]
EMPTY = [(0, 2, 3, 2), (3, 0, 3, 2), (0, 0, 1, 1), (3, 2, 0, 5)]


@DTYPES
@EACH
def test_cells_obey_the_rule_of_accuracy_at_nasty_sizes(cell, options, dtype):
    def seeds(T, B, I, H):
        least = 2 if cell.recurrence == "full" else 20  # an array of H numbers alone has too few samples
        few = int(np.clip(1000 // (T * B * H + 1), least, 40))
        return [make_case(cell, options, T=T, B=B, I=I, H=H, dtype=dtype, seed=s) for s in range(few)]

    assert_rule_of_accuracy((f"(T, B, I, H) = {sizes}", seeds(*sizes)) for sizes in SMALL + LARGE)


@DTYPES
@EACH
def test_cells_obey_the_rule_of_accuracy_for_every_call_and_bias(cell, options, dtype):
    def seeds(call, bias):
        sizes = {"T": 9, "B": 7, "I": 6, "H": 19, "call": call, "bias": bias, "states": bias != "none"}
        return [make_case(cell, options, dtype=dtype, seed=s, **sizes) for s in range(5)]

    assert_rule_of_accuracy((f"{call}, bias {bias}", seeds(call, bias)) for call in CALLS for bias in BIASES)


@EACH
def test_cells_obey_the_rule_of_accuracy_over_padded_segments(cell, options):
    sizes = [
        {"T": 515, "B": 1, "I": 3, "H": 5},
        {"T": 131, "B": 9, "I": 2, "H": 17},
        {"T": 5, "B": 523, "I": 3, "H": 4},
    ]
    ways = [size | {"call": call} for size in sizes for call in ("lengths", "all")]
    assert_rule_of_accuracy((way, [make_case(cell, options, dtype=np.float32, **way)]) for way in ways)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("call", CALLS)
@EACH
def test_backward_matches_central_differences(cell, options, call, bias):
    case = make_case(cell, options, T=4, B=3, I=2, H=3, call=call, bias=bias, states=bias != "none")
    assert_matches_central_differences(case)


@pytest.mark.parametrize(("T", "B", "I", "H"), [(1, 1, 1, 1), (3, 7, 1, 5), (2, 1, 3, 9), *EMPTY])
@EACH
def test_backward_matches_central_differences_at_nasty_sizes(cell, options, T, B, I, H):
    assert_matches_central_differences(make_case(cell, options, T=T, B=B, I=I, H=H, call="mask"))


def assert_matches_central_differences(case):
    grads = case.run(F)[2]
    for name, array in case.arguments.items():
        numeric = central_differences(lambda: case.loss(F), array)
        assert_gradient(f"d{name}", getattr(grads, f"d{name}"), numeric)


@DTYPES
@EACH
def test_cells_saturate_when_inputs_are_1e30(cell, options, dtype):
    options, eps = options | {"activation": "tanh"}, np.finfo(dtype).eps
    case = make_case(cell, options, T=4, B=5, I=3, H=19, dtype=dtype)
    case.arguments["x"][...] = np.copysign(1e30, case.arguments["x"])
    got, wanted = all_results(case, F), all_results(case, reference)
    for name in wanted:
        assert np.isfinite(got[name]).all(), name
        # The gates are 0 or 1, so only the few sums of weights and gates of a step are rounded.
        np.testing.assert_allclose(got[name], wanted[name], rtol=64 * eps, atol=64 * eps, err_msg=name)
    assert (np.abs(got["y"]) <= max(1, np.abs(case.arguments["h0"]).max())).all()


@DTYPES
@pytest.mark.parametrize(
    ("cell", "options", "gate"),
    [
        ("mingru", {}, 1),
        ("gru", {"update_gate": "candidate"}, 1),
        ("gru", {"update_gate": "candidate", "reset_after": False}, 1),
        ("gru", {"update_gate": "previous"}, 0),
        ("gru", {"update_gate": "previous", "reset_after": False}, 0),
    ],
)
def test_update_gate_of_0_or_1_selects_exactly(cell, options, gate, dtype):
    # h_prev + z * (n - h_prev) would lose all digits of n = 0.1234 beside h_prev = 1e8.
    H, G = 19, 2 if cell == "mingru" else 3
    W, b = np.zeros((1, G * H), dtype), np.zeros(G * H, dtype)
    b[:H], b[-H:] = (1000 if gate else -1000), 0.1234
    weights = (W,) if cell == "mingru" else (W, np.zeros((H, G * H), dtype))
    h0 = np.full((2, H), 1e8, dtype)
    options = {**options, "activation": "linear"}
    out, tape = getattr(F, f"{cell}_forward")(np.ones((1, 2, 1), dtype), *weights, b, h0, **options)
    np.testing.assert_array_equal(out.h, dtype(0.1234))
    np.testing.assert_array_equal(getattr(F, f"{cell}_backward")(tape, dh=np.ones((2, H), dtype)).dh0, 0)
    keep = np.concatenate([-b[:H], b[H:]])
    kept = getattr(F, cell)(np.ones((1, 2, 1), dtype), *weights, keep, h0, **options)
    np.testing.assert_array_equal(kept.h, h0)


@DTYPES
@EACH
def test_cells_propagate_inf_like_the_reference(cell, options, dtype):
    options, eps = options | {"activation": "tanh"}, np.finfo(dtype).eps
    case = make_case(cell, options, T=4, B=5, I=1, H=19, dtype=dtype)  # I = 1, so that inf - inf does not occur
    x = case.arguments["x"]
    x[1, 1], x[2, 3], x[2, 4] = np.inf, -np.inf, np.inf
    with np.errstate(invalid="ignore"):
        got, wanted = all_results(case, F), all_results(case, reference)
    assert np.isfinite(got["y"]).all()
    for (
        name
    ) in wanted:  # NaN where the reference has NaN; otherwise equal up to the rounding of sums of some dozens of terms
        np.testing.assert_allclose(got[name], wanted[name], rtol=64 * eps, atol=64 * eps, err_msg=name)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("B", "I", "H"), [(1, 1, 1), (7, 5, 19), (13, 3, 70)])
@EACH
def test_nan_and_inf_affect_their_row_from_their_step_on(cell, options, B, I, H, reverse, value):
    t, b = 2, B // 2
    case = make_case(cell, options, T=5, B=B, I=I, H=H, dtype=np.float32)
    run = {}
    for key, number in (("clean", case.arguments["x"][t, b].copy()), ("poisoned", value)):
        case.arguments["x"][t, b] = number
        out, tape = case.forward(F, reverse=reverse)
        run[key] = out, case.backward(F, tape)
    reached = np.zeros((5, B), dtype=bool)
    reached[slice(None, t + 1) if reverse else slice(t, None), b] = True
    others = np.arange(B) != b
    (out, grads), (clean, clean_grads) = run["poisoned"], run["clean"]
    if np.isnan(value):
        np.testing.assert_array_equal(np.isnan(out.y), np.broadcast_to(reached[..., None], out.y.shape))
    assert_same_bits(
        out._replace(y=out.y[~reached], **rows(out[1:], others)),
        clean._replace(y=clean.y[~reached], **rows(clean[1:], others)),
    )
    for name in ("dx", *(f"d{state}0" for state in cell.states)):
        got, right = (np.compress(others, getattr(g, name), axis=-2) for g in (grads, clean_grads))
        np.testing.assert_array_equal(got, right, err_msg=name)


def rows(states, chosen):
    return {name: state[chosen] for name, state in zip("hc", states)}


@DTYPES
@pytest.mark.parametrize(("cell", "options"), [p for p in VARIANTS if p.values[1].get("update_gate") == "previous"])
def test_gru_updates_are_equal_when_columns_of_z_are_negated(cell, options, dtype):
    case = make_case(cell, options, T=6, B=5, I=4, H=19, dtype=dtype)
    negated = make_case(cell, options | {"update_gate": "candidate"}, T=6, B=5, I=4, H=19, dtype=dtype)
    for name in ("W", "U", "b"):
        negated.arguments[name][..., :19] *= -1
    got, wanted = all_results(negated, F), all_results(case, F)
    for name in ("dW", "dU", "db"):
        got[name][..., :19] *= -1
    for name in wanted:  # equal up to rounding: some ulps of the largest number in each of six steps
        limit = 64 * np.finfo(dtype).eps * max(1, np.abs(wanted[name]).max())
        np.testing.assert_allclose(got[name], wanted[name], rtol=0, atol=limit, err_msg=name)


@pytest.mark.parametrize("reverse", [False, True])
@EACH
def test_lengths_equal_the_corresponding_mask(cell, options, reverse):
    case = make_case(cell, options, T=70, B=9, H=19, call="lengths", dtype=np.float32)
    results = []
    for real in ({"lengths": case.call["lengths"].astype(np.uint8)}, {"lengths": None, "mask": case.real}):
        out, tape = case.forward(F, reverse=reverse, **real)
        results.append((out, case.backward(F, tape)))
    for one, other in zip(*results):
        assert_same_bits(one, other)


@EACH
def test_backward_treats_missing_gradients_as_zeros(cell, options):
    case = make_case(cell, options, T=5, B=4, H=9, call="all")
    _, tape = case.forward(F)
    back, given = getattr(F, f"{cell.name}_backward"), case.doutputs
    zeros = {name: np.zeros_like(d) for name, d in given.items()}
    for chosen in range(2 ** len(given)):
        some = {name: d for i, (name, d) in enumerate(given.items()) if chosen >> i & 1}
        for got, right in zip(back(tape, **some), back(tape, **(zeros | some))):
            np.testing.assert_array_equal(got, right)  # equal up to the sign of zeros


@pytest.mark.parametrize("call", ["plain", "all"])
@pytest.mark.parametrize("bias", BIASES)
@EACH
def test_backward_bits_do_not_depend_on_need_dx_and_into(cell, options, bias, call):
    case = make_case(cell, options, T=67, B=9, I=5, H=19, call=call, bias=bias, dtype=np.float32)
    _, tape, grads = case.run(F)
    without = case.backward(F, tape, need_dx=False)
    assert without.dx is None
    assert_same_bits(without._replace(dx=grads.dx), grads)
    names = [name for name in ("dW", "dU", "db") if hasattr(grads, name)]
    into = tuple(None if (d := getattr(grads, name)) is None else np.zeros_like(d) for name in names)
    added = case.backward(F, tape, into=into)
    assert all(getattr(added, name) is given for name, given in zip(names, into))
    assert_same_bits(added, grads)


@pytest.mark.parametrize("call", ["plain", "all"])
@EACH
def test_backward_is_repeatable_from_several_threads_race(cell, options, call):
    case = make_case(cell, options, T=67, B=9, I=5, H=19, call=call)
    _, tape, grads = case.run(F)
    kept = [getattr(part, name) for part in (tape._weights, tape._sequence) for name in part.__slots__]
    arrays = [a for a in (*kept, tape._y, tape._saved) if isinstance(a, np.ndarray)]
    before = [a.tobytes() for a in arrays]
    with ThreadPoolExecutor(3) as pool:
        for again in pool.map(lambda _: case.backward(F, tape), range(6)):
            assert_same_bits(again, grads)
    assert before == [a.tobytes() for a in arrays]


@pytest.mark.parametrize("call", CALLS)
@EACH
def test_results_do_not_depend_on_tape_and_return_sequences(cell, options, call):
    case = make_case(cell, options, T=67, B=9, I=5, H=19, call=call, dtype=np.float32)
    run = getattr(F, cell.name)
    kept, tape = case.forward(F)
    assert_same_bits(run(**case.arguments, **options, **case.call), kept)
    last = run(**case.arguments, **options, **case.call, return_sequences=False)
    assert last.y is None
    assert_same_bits(last._replace(y=kept.y), kept)
    last, tape_of_last = case.forward(F, return_sequences=False)
    assert_same_bits(last._replace(y=kept.y), kept)
    assert_same_bits(case.backward(F, tape_of_last, dy=None), case.backward(F, tape, dy=None))
