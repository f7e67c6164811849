"""Tests of the arrays of attention: layouts, dtypes, aliasing and memory."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import ml_dtypes
import numpy as np
import pytest
from support.attention_cases import Setting, make_attention_case
from support.cases import assert_same_bits

import seqfuse as sf
from seqfuse import functional as F

from .test_layouts import LAYOUTS

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
MASKS = pytest.mark.parametrize("mask", ["bool:bhqk", "added:bhqk", "-inf:qk", "bool:bk", "added:hqk"])


def draw(mask, dtype=np.float64, **sizes):
    return make_attention_case((Setting("mask", mask), Setting("dlse")), **{"Tq": 20, "D": 18, **sizes}, dtype=dtype)


@DTYPES
@MASKS
@pytest.mark.parametrize("layout", LAYOUTS)
def test_attention_has_the_same_bits_for_any_layout_and_does_not_modify_it(layout, mask, dtype):
    case = draw(mask, dtype)
    out, _, grads = case.run(F)
    strided_arguments = {name: layout(array) for name, array in case.arguments.items()}
    strided_doutputs = {name: layout(array) for name, array in case.doutputs.items()}
    before = {name: array.tobytes() for name, array in {**strided_arguments, **strided_doutputs}.items()}
    out_of_layout, tape = F.attention_forward(**strided_arguments, return_lse=True)
    assert_same_bits(out_of_layout, out)
    assert_same_bits(F.attention_backward(tape, **strided_doutputs, need_dmask=grads.dmask is not None), grads)
    assert before == {name: array.tobytes() for name, array in {**strided_arguments, **strided_doutputs}.items()}


def test_attention_accepts_broadcast_arrays():
    case = draw("added:qk")
    q, k, v, mask = case.arguments.values()
    arguments = {
        "q": np.broadcast_to(q[:1], q.shape),
        "k": np.broadcast_to(k[:, :1, :1], k.shape),
        "v": np.broadcast_to(v[:1, :1], v.shape),
        "mask": np.broadcast_to(mask[:1], (2, 4, 20, 20)),
    }
    doutputs = {"dy": np.broadcast_to(np.float64(2), (2, 4, 20, 18)), "dlse": np.broadcast_to(1.0, (2, 4, 20))}
    results = []
    for convert in (np.asarray, np.array):  # unchanged; as a copy
        out, tape = F.attention_forward(**{name: convert(a) for name, a in arguments.items()}, return_lse=True)
        results.append(
            (out, F.attention_backward(tape, **{n: convert(d) for n, d in doutputs.items()}, need_dmask=True))
        )
    assert_same_bits(results[0][0], results[1][0])
    assert_same_bits(results[0][1], results[1][1])


def test_attention_computes_lists_in_float64():
    case = draw("bool:qk")
    out, _, grads = case.run(F)
    lists_out, tape = F.attention_forward(**{name: a.tolist() for name, a in case.arguments.items()}, return_lse=True)
    assert_same_bits(lists_out, out)
    assert_same_bits(F.attention_backward(tape, **{name: d.tolist() for name, d in case.doutputs.items()}), grads)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.int8, np.uint16, bool], ids=str)
def test_attention_computes_half_bool_and_integers_in_float32(dtype):
    case = draw("added:hqk")
    mask = case.arguments.pop("mask").astype(dtype if dtype in (np.float16, ml_dtypes.bfloat16) else np.float32)
    case = case.astype(dtype).with_argument("mask", mask)
    out, tape = F.attention_forward(**case.arguments, return_lse=True)
    wide = {name: array.astype(np.float32) for name, array in case.arguments.items()}
    expected, wide_tape = F.attention_forward(**wide, return_lse=True)
    assert_same_bits(out, expected)
    grads = F.attention_backward(tape, **case.doutputs, need_dmask=True)
    dwide = {name: d.astype(np.float32) for name, d in case.doutputs.items()}
    assert_same_bits(grads, F.attention_backward(wide_tape, **dwide, need_dmask=True))
    assert {a.dtype for a in (*out, *grads)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["q", "k", "v"])
def test_attention_computes_in_float64_when_one_of_q_k_v_is_float64(name):
    case = draw("-inf:qk", np.float32)
    mixed = case.with_argument(name, case.arguments[name].astype(np.float64))
    (out, _, grads), (wide, _, wide_grads) = mixed.run(F), case.astype(np.float64).run(F)
    assert_same_bits(out, wide)
    assert_same_bits(grads, wide_grads)


def test_attention_dtype_does_not_depend_on_masks_and_gradients():
    case = draw("-inf:qk", np.float32)
    out, _, grads = case.run(F)
    wide = case.with_argument("mask", case.arguments["mask"].astype(np.float64))
    wide_out, tape = wide.forward(F)
    assert_same_bits(wide_out, out)
    doutputs = {name: d.astype(np.float64) for name, d in case.doutputs.items()}
    assert_same_bits(F.attention_backward(tape, **doutputs, need_dmask=True), grads)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.uint64])
def test_attention_accepts_lengths_of_any_integer_dtype(dtype):
    case = make_attention_case((Setting("lengths"), Setting("causal", "bottom_right")), Tq=20, D=8)
    out = case.forward(F)[0]
    assert_same_bits(case.with_options(lengths=case.options["lengths"].astype(dtype)).forward(F)[0], out)
    assert_same_bits(case.with_options(lengths=case.options["lengths"].tolist()).forward(F)[0], out)


def test_attention_of_one_array_with_itself_aliased():
    x = draw("bool:qk", Hk=4).arguments["q"]
    out, tape = F.attention_forward(x, x, x, return_lse=True)
    copies_out, copies_tape = F.attention_forward(x, x.copy(), x.copy(), return_lse=True)
    assert_same_bits(out, copies_out)
    assert_same_bits(F.attention_backward(tape, x), F.attention_backward(copies_tape, x.copy()))


@MASKS
def test_attention_results_share_no_memory_aliased(mask):
    case = draw(mask)
    out, tape, grads = case.run(F)
    arrays = [a for a in (*out, *grads, *case.backward(F, tape)) if a is not None]
    inputs = [*case.arguments.values(), *case.doutputs.values()]
    for a, b in combinations(arrays, 2):
        assert not np.shares_memory(a, b)
    assert not any(np.shares_memory(a, b) for a in arrays for b in inputs)
    assert all(a.flags.writeable for a in arrays)


@DTYPES
@MASKS
def test_attention_tape_can_be_used_again_and_from_other_threads(mask, dtype):
    case = draw(mask, dtype, Tq=70)
    _, tape, grads = case.run(F)

    def read(threads):
        with sf.num_threads(threads):
            return case.backward(F, tape)

    with ThreadPoolExecutor(3) as pool:
        for result in pool.map(read, [1, 2, 3] * 4):
            assert_same_bits(result, grads)


def test_attention_tape_does_not_depend_on_later_changes_of_lengths():
    case = make_attention_case((Setting("lengths"),), Tq=20, D=8)
    out, tape, grads = case.run(F)
    case.options["lengths"][...] = 0
    out.lse[...] = np.nan
    assert_same_bits(case.backward(F, tape), grads)


def test_attention_tape_repr_shows_shapes_and_dtype():
    tape = draw("bool:qk", Dv=5).forward(F)[1]
    assert repr(tape) == "<AttentionTape q=(2, 4, 20, 18) k=(2, 2, 20, 18) v=(2, 2, 20, 5) float64>"


def peak_memory(call):
    """Return the peak memory of NumPy arrays during the call in bytes, and its result."""
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def heads_last(rng, heads, length, features):
    """Return an array (B, H, T, features) with the memory layout (B, T, H, features), as projections produce it."""
    return rng.standard_normal((2, length, heads, features), dtype=np.float32).swapaxes(1, 2)


@pytest.mark.parametrize("mask", [False, True])
def test_attention_reads_heads_last_arrays_without_a_copy_and_stores_no_scores(mask):
    # The 2 * 8 * 1024 * 1024 scores would need 64 MB.
    rng = np.random.default_rng(0)
    q, k, v, dy = (heads_last(rng, 8, 1024, 64) for _ in range(4))
    options = {"mask": rng.random((2, 1, 1, 1024)) < 0.7, "causal": True} if mask else {}
    F.attention(q[:, :, :1], k[:, :, :1], v[:, :, :1])  # the first call imports and allocates
    slack, per_row = 64 << 10, 2 * 8 * 1024 * 4
    forward, (y, tape) = peak_memory(lambda: F.attention_forward(q, k, v, **options))
    assert forward <= y.nbytes + 3 * per_row + slack  # y; row_max, inv_sum and lse of each query
    backward, grads = peak_memory(lambda: F.attention_backward(tape, dy))
    assert backward <= sum(d.nbytes for d in grads[:3]) + 3 * per_row + slack
