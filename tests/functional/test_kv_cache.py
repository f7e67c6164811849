"""A cache of keys and values: decoding in any steps has the bits of attention over the whole sequence."""

import ml_dtypes
import numpy as np
import pytest
from support.attention_cases import SETTINGS, Setting, make_attention_case

import seqfuse as sf
from seqfuse import _backend
from seqfuse import functional as F

from .test_attention_invariance import assert_bits
from .test_instruction_sets import AVAILABLE, FUSED, needs_two
from .test_layouts import LAYOUTS

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
# Around blocks of 64 keys and 48 queries, and over the capacity of 256 at which a cache starts.
LENGTHS = pytest.mark.parametrize("T", [1, 63, 64, 65, 127, 129, 300])
# Hq, Hk, D, Dv: groups of 1 to 3, features that fill packets and that do not.
HEADS = pytest.mark.parametrize(("Hq", "Hk", "D", "Dv"), [(4, 2, 19, 21), (1, 1, 16, 16), (3, 1, 5, 64), (2, 2, 80, 3)])


def draw(T, Hq=4, Hk=2, D=19, Dv=21, B=2, dtype=np.float32, seed=0):
    """q, k and v."""
    rng = np.random.default_rng([seed, T, D])
    shapes = (B, Hq, T, D), (B, Hk, T, D), (B, Hk, T, Dv)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def empty_for(k, v, **more):
    """A cache that takes these keys and values."""
    return F.KVCache(k.shape[0], k.shape[1], k.shape[3], v.shape[3], dtype=k.dtype, **more)


def filled(k, v, **more):
    cache = empty_for(k, v, **more)
    cache.append(k, v)
    return cache


def decode(cache, q, k, v, ends, *, queries=None, mask=None, **options):
    """y for every query: keys are appended up to each end, then the last `queries` attend, or all new ones.

    A mask is that of the whole sequence, of which a step takes its rows and the keys so far.
    """
    y, begin = np.empty((*q.shape[:3], v.shape[3]), q.dtype), 0
    for end in ends:
        cache.append(k[:, :, begin:end], v[:, :, begin:end])
        first = begin if queries is None else max(end - queries, 0)
        seen = None if mask is None else mask[..., slice(first, end) if mask.shape[-2] > 1 else slice(None), :end]
        y[:, :, first:end] = cache.attend(q[:, :, first:end], mask=seen, **options)
        begin = end
    return y


def steps(T, size=1):
    return [*range(size, T, size), T]


@DTYPES
@LENGTHS
@HEADS
def test_token_by_token_has_the_bits_of_the_causal_run(Hq, Hk, D, Dv, T, dtype):
    q, k, v = draw(T, Hq, Hk, D, Dv, dtype=dtype)
    cache = empty_for(k, v)
    assert_bits("y", decode(cache, q, k, v, steps(T)), F.attention(q, k, v, causal=True))
    assert cache.lengths.tolist() == [T, T]


@DTYPES
@LENGTHS
@pytest.mark.parametrize("capacity", [0, 1, 64, 1000])
def test_chunks_of_any_size_and_growth_change_no_bit(capacity, T, dtype):
    q, k, v = draw(T, dtype=dtype)
    whole, rng = F.attention(q, k, v, causal=True), np.random.default_rng(T)
    for longest_chunk in (3, 70, 200):
        ends = [0, *np.unique(rng.integers(0, T, max(3 * T // longest_chunk, 1))).tolist(), T, T]
        cache = empty_for(k, v, capacity=capacity)
        assert_bits("y", decode(cache, q, k, v, ends), whole)
        assert cache.capacity >= max(T, capacity)


@DTYPES
@pytest.mark.parametrize("queries", [1, 2, 47, 48, 49, 65, 129])
def test_queries_older_than_the_last_chunk_have_the_same_bits(queries, dtype):
    q, k, v = draw(150, dtype=dtype)
    for size in (1, 37, 150):
        y = decode(empty_for(k, v), q, k, v, steps(150, size), queries=queries)
        assert_bits("y", y[:, :, -queries:], whole_y(q, k, v, queries))


def whole_y(q, k, v, queries, **options):
    return np.ascontiguousarray(F.attention(q, k, v, causal=True, **options)[:, :, -queries:])


OF_A_CACHE = [s for s in SETTINGS if s.values[0][0].option in ("mask", "window", "scale", "softcap", "Hk", "Dv")]
ALL = (Setting("mask", "-inf:hqk"), Setting("window", (70, None)), Setting("scale", 0.3), Setting("softcap", 1.5))


@DTYPES
@pytest.mark.parametrize("settings", [*OF_A_CACHE, pytest.param(ALL, id="all")])
def test_options_have_the_bits_of_the_causal_run(settings, dtype):
    case = make_attention_case((Setting("causal", "bottom_right"), *settings), Tq=131, D=19, dtype=dtype)
    (q, k, v), options = (case.arguments[name] for name in "qkv"), dict(case.options)
    whole = case.forward(F)[0].y
    del options["causal"]
    for size in (1, 50):
        got = decode(empty_for(k, v), q, k, v, steps(131, size), mask=case.arguments.get("mask"), **options)
        assert_bits("y", got, whole)


@DTYPES
@pytest.mark.parametrize("Tq", [1, 130])
def test_threads_change_no_bit(Tq, dtype):
    for heads in (1, 12):  # which all share; of which each has its own
        q, k, v = draw(700, 3 * heads, heads, 64, 64, B=1, dtype=dtype)
        cache, results = filled(k, v), []
        for threads in (1, 2, 3):
            with sf.num_threads(threads):
                results.append(cache.attend(q[:, :, -Tq:]))
        assert_bits("y", results[0], whole_y(q, k, v, Tq))
        for y in results[1:]:
            assert_bits("y", y, results[0])


# ---- rows with lengths of their own ----------------------------------------------------------------------------------


class Written:
    """What a cache should hold: keys and values of each row in a list, read by attention itself."""

    def __init__(self, B, Hk, D, Dv, dtype):
        self.size, self.dtype = (B, Hk, D, Dv), dtype
        self.rows = [[] for _ in range(B)]

    def append(self, k, v, lengths):
        for row, keys, values, n in zip(self.rows, k, v, lengths):
            row += [(keys[:, t], values[:, t]) for t in range(n)]

    @property
    def lengths(self):
        return [len(row) for row in self.rows]

    def attend(self, q, **options):
        B, Hk, D, Dv = self.size
        k, v = (np.full((B, Hk, max(self.lengths), n), np.nan, self.dtype) for n in (D, Dv))
        for b, row in enumerate(self.rows):
            for t, (key, value) in enumerate(row):
                k[b, :, t], v[b, :, t] = key, value
        return F.attention(q, k, v, causal="bottom_right", lengths=self.lengths, **options)


def random_rows(rng, B):
    """As `reset` takes them, and which they are."""
    which = rng.random(B) < 0.4
    numbers = np.flatnonzero(which)
    ways = [which, which.tolist(), numbers, numbers.tolist(), numbers.astype(np.uint8), np.repeat(numbers, 2)]
    if numbers.size == 1:
        ways.append(int(numbers[0]))
    return (None, range(B)) if rng.random() < 0.1 else (ways[rng.integers(len(ways))], numbers)


@pytest.mark.parametrize("seed", range(40))
def test_any_calls_in_any_order_have_the_bits_of_attention(seed):
    """Appended with lengths, reset in part, copied: rows drift apart. What is not counted, or was reset, is NaN."""
    rng = np.random.default_rng(seed)
    dtype = (np.float32, np.float64)[seed % 2]
    B, Hk, D, Dv = (int(n) for n in rng.integers((1, 1, 0, 0), (4, 3, 20, 20)))
    cache, written = F.KVCache(B, Hk, D, Dv, capacity=int(rng.choice([0, 64, 300])), dtype=dtype), None
    for call in range(30):
        if written is None:  # nothing of these reaches what follows
            rubbish = rng.choice([np.nan, np.inf, -np.inf], (B, Hk, int(rng.integers(130)), D + Dv)).astype(dtype)
            cache.append(rubbish[..., :D], rubbish[..., D:])
            cache.reset()
            written = Written(B, Hk, D, Dv, dtype)
        T = int(rng.choice([1, 1, 1, 2, 5, 40, 64, 100]))
        lengths = rng.integers(0, T + 1, B) if rng.random() < 0.7 else np.full(B, T)
        k, v = (rng.normal(size=(B, Hk, T, n)).astype(dtype) for n in (D, Dv))
        for b, n in enumerate(lengths):
            k[b, :, n:], v[b, :, n:] = np.nan, np.inf
        cache.append(k, v, None if (lengths == T).all() else lengths.astype(rng.choice([np.int64, np.uint8])))
        written.append(k, v, lengths)
        q = rng.normal(size=(B, Hk * int(rng.integers(1, 4)), int(rng.choice([0, 1, 1, 3, 50, 200])), D)).astype(dtype)
        options = {}
        if rng.random() < 0.3:
            options["window"] = (int(rng.integers(0, 100)), None)
        if rng.random() < 0.3:
            options["mask"] = rng.random((B, 1, q.shape[2], max(written.lengths))) < 0.7
        assert_bits(f"y of call {call}", cache.attend(q, **options), written.attend(q, **options))
        assert cache.lengths.tolist() == written.lengths
        if rng.random() < 0.2:
            rows, which = random_rows(rng, B)
            cache.reset(rows)
            for b in which:
                written.rows[b] = []
        if rng.random() < 0.1:
            left, cache = cache, cache.copy()
            left.reset()
            left.append(np.full_like(k, np.nan), np.full_like(v, np.nan))
        if rng.random() < 0.05:
            written = None


# ---- what reaches what -----------------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize("name", ["k", "v"])
@pytest.mark.parametrize("place", [0, 17, 63, 64, 100, 129])
def test_a_nan_reaches_the_queries_that_attend_to_it_and_nothing_else(place, name, dtype):
    q, k, v = draw(130, dtype=dtype)
    poisoned = {"k": k, "v": v, name: {"k": k, "v": v}[name].copy()}
    poisoned[name][1, 1, place, 3] = np.nan
    reached = np.zeros(q.shape[:3], bool)
    reached[1, 2:, place : place + 8] = True
    for size in (1, 130):
        clean = decode(empty_for(k, v), q, k, v, steps(130, size), window=(7, None))
        got = decode(empty_for(k, v), q, **poisoned, ends=steps(130, size), window=(7, None))
        assert_bits("y", got[~reached], clean[~reached])
        of_features = np.isnan(got[reached])
        assert of_features.all() if name == "k" else (of_features == (np.arange(21) == 3)).all()


# ---- sizes, types and layouts ----------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize(("B", "D", "Dv"), [(0, 3, 4), (2, 0, 4), (2, 3, 0), (0, 0, 0)])
def test_sizes_of_zero(B, D, Dv, dtype):
    q, k, v = draw(70, D=D, Dv=Dv, B=B, dtype=dtype)
    assert_bits("y", decode(empty_for(k, v, capacity=0), q, k, v, steps(70, 9)), F.attention(q, k, v, causal=True))


@DTYPES
def test_no_steps_and_no_queries_are_no_calls(dtype):
    q, k, v = draw(5, dtype=dtype)
    cache = filled(k, v)
    cache.append(k[:, :, :0], v[:, :, :0])
    cache.append(k[:, :, :0], v[:, :, :0], [0, 0])
    assert cache.attend(q[:, :, :0]).shape == (2, 4, 0, 21)
    assert_bits("y", cache.attend(q), F.attention(q, k, v, causal=True))


@DTYPES
@pytest.mark.parametrize("Tq", [1, 49])
def test_queries_before_the_first_key_give_zeros(Tq, dtype):
    q, k, v = draw(49, dtype=dtype)
    cache = empty_for(k, v)
    q = np.where(np.arange(49)[:, None] < 49 - 2, np.nan, q).astype(dtype)
    assert_bits("y", cache.attend(q[:, :, :Tq]), np.zeros((2, 4, Tq, 21), dtype))
    cache.append(k[:, :, :2], v[:, :, :2], [2, 0])
    y = cache.attend(q[:, :, -Tq:])
    assert not y[0, :, :-2].any()
    assert not y[1].any()
    assert np.isfinite(y).all()
    assert y[0, :, -1].all()


@DTYPES
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_bits_and_is_not_written(layout, dtype):
    q, k, v = draw(70, dtype=dtype)
    mask, lengths = np.random.default_rng(0).random((2, 4, 70, 70)) < 0.7, np.array([70, 65])
    cache = empty_for(k, v)
    cache.append(k, v, lengths)
    expected = cache.attend(q, mask=mask)
    given = {name: layout(a) for name, a in {"q": q, "k": k, "v": v, "mask": mask, "lengths": lengths}.items()}
    before = {name: array.tobytes() for name, array in given.items()}
    cache = empty_for(k, v)
    cache.append(given["k"], given["v"], given["lengths"])
    y = cache.attend(given["q"], mask=given["mask"])
    assert_bits("y", y, expected)
    assert before == {name: array.tobytes() for name, array in given.items()}
    assert y.flags.writeable
    y[...] = np.nan
    assert_bits("y", cache.attend(given["q"], mask=given["mask"]), expected)


@pytest.mark.parametrize("wide", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.int8, np.uint16, bool], ids=str)
def test_narrower_numbers_count_as_those_of_the_cache(dtype, wide):
    narrow = [(3 * array).astype(dtype) for array in draw(70)]
    q, k, v = (array.astype(wide) for array in narrow)
    cache = empty_for(k, v)
    cache.append(*narrow[1:])
    assert_bits("y", cache.attend(narrow[0]), F.attention(q, k, v, causal=True))


def test_lists_are_float64():
    q, k, v = draw(5, dtype=np.float64)
    cache = empty_for(k, v)
    cache.append(k.tolist(), v.tolist(), [5, 5])
    assert_bits("y", cache.attend(q.tolist()), F.attention(q, k, v, causal=True))


# ---- instruction sets ------------------------------------------------------------------------------------------------


@needs_two
@DTYPES
@HEADS
def test_instruction_sets_agree(Hq, Hk, D, Dv, dtype, monkeypatch):
    q, k, v = draw(150, Hq, Hk, D, Dv, dtype=dtype)
    results = []
    for isa in FUSED:
        monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
        results.append(decode(empty_for(k, v), q, k, v, [*range(1, 70), 149, 150], window=(80, None), softcap=2.0))
    for y in results[1:]:
        assert_bits("y", y, results[0])


@pytest.mark.parametrize("isa", AVAILABLE)
def test_a_cache_keeps_to_the_kernels_that_made_it(isa, monkeypatch):
    q, k, v = draw(70)
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    whole, cache = F.attention(q, k, v, causal=True), empty_for(k, v)
    for other in AVAILABLE:
        monkeypatch.setattr(_backend, "kernels", _backend.load(other))
        cache.reset()
        assert_bits("y", decode(cache.copy(), q, k, v, [64, 70]), whole)
