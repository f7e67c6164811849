"""Tests of KVCache: attention in any steps has the bits of attention over the whole sequence."""

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
# Lengths near blocks of 64 keys and 48 queries, and above the initial capacity of 256.
LENGTHS = pytest.mark.parametrize("T", [1, 63, 64, 65, 127, 129, 300])
# Hq, Hk, D, Dv: 1 to 3 query heads per key head; features that fill packets, and features that do not.
HEADS = pytest.mark.parametrize(("Hq", "Hk", "D", "Dv"), [(4, 2, 19, 21), (1, 1, 16, 16), (3, 1, 5, 64), (2, 2, 80, 3)])


def draw(T, Hq=4, Hk=2, D=19, Dv=21, B=2, dtype=np.float32, seed=0):
    """Return random q, k and v."""
    rng = np.random.default_rng([seed, T, D])
    shapes = (B, Hq, T, D), (B, Hk, T, D), (B, Hk, T, Dv)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def make_empty_cache(k, v, **options):
    """Return an empty cache for these keys and values."""
    return F.KVCache(k.shape[0], k.shape[1], k.shape[3], v.shape[3], dtype=k.dtype, **options)


def make_filled_cache(k, v, **options):
    cache = make_empty_cache(k, v, **options)
    cache.append(k, v)
    return cache


def decode(cache, q, k, v, ends, *, queries=None, mask=None, **options):
    """Return y for every query, computed in steps.

    At each step the keys and values up to `end` are appended. Then the last `queries` queries attend, or all new ones.
    `mask` is the mask of the whole sequence; a step uses its rows and the keys so far.
    """
    y, begin = np.empty((*q.shape[:3], v.shape[3]), q.dtype), 0
    for end in ends:
        cache.append(k[:, :, begin:end], v[:, :, begin:end])
        first = begin if queries is None else max(end - queries, 0)
        part = None if mask is None else mask[..., slice(first, end) if mask.shape[-2] > 1 else slice(None), :end]
        y[:, :, first:end] = cache.attend(q[:, :, first:end], mask=part, **options)
        begin = end
    return y


def steps(T, size=1):
    return [*range(size, T, size), T]


@DTYPES
@LENGTHS
@HEADS
def test_kv_cache_token_by_token_has_the_bits_of_the_causal_run(Hq, Hk, D, Dv, T, dtype):
    q, k, v = draw(T, Hq, Hk, D, Dv, dtype=dtype)
    cache = make_empty_cache(k, v)
    assert_bits("y", decode(cache, q, k, v, steps(T)), F.attention(q, k, v, causal=True))
    assert cache.lengths.tolist() == [T, T]


@DTYPES
@LENGTHS
@pytest.mark.parametrize("capacity", [0, 1, 64, 1000])
def test_kv_cache_has_the_same_bits_with_chunks_of_any_size_and_any_capacity(capacity, T, dtype):
    q, k, v = draw(T, dtype=dtype)
    full, rng = F.attention(q, k, v, causal=True), np.random.default_rng(T)
    for longest_chunk in (3, 70, 200):
        ends = [0, *np.unique(rng.integers(0, T, max(3 * T // longest_chunk, 1))).tolist(), T, T]
        cache = make_empty_cache(k, v, capacity=capacity)
        assert_bits("y", decode(cache, q, k, v, ends), full)
        assert cache.capacity >= max(T, capacity)


@DTYPES
@pytest.mark.parametrize("queries", [1, 2, 47, 48, 49, 65, 129])
def test_kv_cache_attend_has_the_same_bits_for_queries_of_earlier_chunks(queries, dtype):
    q, k, v = draw(150, dtype=dtype)
    for size in (1, 37, 150):
        y = decode(make_empty_cache(k, v), q, k, v, steps(150, size), queries=queries)
        assert_bits("y", y[:, :, -queries:], last_queries_of_full_run(q, k, v, queries))


def last_queries_of_full_run(q, k, v, queries, **options):
    return np.ascontiguousarray(F.attention(q, k, v, causal=True, **options)[:, :, -queries:])


CACHE_SETTINGS = [s for s in SETTINGS if s.values[0][0].option in ("mask", "window", "scale", "softcap", "Hk", "Dv")]
ALL = (Setting("mask", "-inf:hqk"), Setting("window", (70, None)), Setting("scale", 0.3), Setting("softcap", 1.5))


@DTYPES
@pytest.mark.parametrize("settings", [*CACHE_SETTINGS, pytest.param(ALL, id="all")])
def test_kv_cache_options_have_the_bits_of_the_causal_run(settings, dtype):
    case = make_attention_case((Setting("causal", "bottom_right"), *settings), Tq=131, D=19, dtype=dtype)
    (q, k, v), options = (case.arguments[name] for name in "qkv"), dict(case.options)
    full = case.forward(F)[0].y
    del options["causal"]
    for size in (1, 50):
        actual = decode(make_empty_cache(k, v), q, k, v, steps(131, size), mask=case.arguments.get("mask"), **options)
        assert_bits("y", actual, full)


@DTYPES
@pytest.mark.parametrize("Tq", [1, 130])
def test_kv_cache_has_the_same_bits_with_any_number_of_threads(Tq, dtype):
    for heads in (1, 12):  # one head for all threads; several heads per thread
        q, k, v = draw(700, 3 * heads, heads, 64, 64, B=1, dtype=dtype)
        cache, results = make_filled_cache(k, v), []
        for threads in (1, 2, 3):
            with sf.num_threads(threads):
                results.append(cache.attend(q[:, :, -Tq:]))
        assert_bits("y", results[0], last_queries_of_full_run(q, k, v, Tq))
        for y in results[1:]:
            assert_bits("y", y, results[0])


# ---- rows of different lengths ---------------------------------------------------------------------------------------


class ExpectedCache:
    """The expected contents of a cache: keys and values of each row in a list."""

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
    """Return an argument of `reset` and the rows that it selects."""
    chosen = rng.random(B) < 0.4
    numbers = np.flatnonzero(chosen)
    forms = [chosen, chosen.tolist(), numbers, numbers.tolist(), numbers.astype(np.uint8), np.repeat(numbers, 2)]
    if numbers.size == 1:
        forms.append(int(numbers[0]))
    return (None, range(B)) if rng.random() < 0.1 else (forms[rng.integers(len(forms))], numbers)


@pytest.mark.parametrize("seed", range(40))
def test_kv_cache_has_the_bits_of_attention_after_any_calls(seed):
    """Check random calls of append, reset and copy.

    The lengths of the rows become different. Entries after the given lengths and entries of reset rows are NaN.
    """
    rng = np.random.default_rng(seed)
    dtype = (np.float32, np.float64)[seed % 2]
    B, Hk, D, Dv = (int(n) for n in rng.integers((1, 1, 0, 0), (4, 3, 20, 20)))
    cache, expected_cache = F.KVCache(B, Hk, D, Dv, capacity=int(rng.choice([0, 64, 300])), dtype=dtype), None
    for call in range(30):
        if expected_cache is None:  # these values must not affect later calls
            invalid = rng.choice([np.nan, np.inf, -np.inf], (B, Hk, int(rng.integers(130)), D + Dv)).astype(dtype)
            cache.append(invalid[..., :D], invalid[..., D:])
            cache.reset()
            expected_cache = ExpectedCache(B, Hk, D, Dv, dtype)
        T = int(rng.choice([1, 1, 1, 2, 5, 40, 64, 100]))
        lengths = rng.integers(0, T + 1, B) if rng.random() < 0.7 else np.full(B, T)
        k, v = (rng.normal(size=(B, Hk, T, n)).astype(dtype) for n in (D, Dv))
        for b, n in enumerate(lengths):
            k[b, :, n:], v[b, :, n:] = np.nan, np.inf
        cache.append(k, v, None if (lengths == T).all() else lengths.astype(rng.choice([np.int64, np.uint8])))
        expected_cache.append(k, v, lengths)
        q = rng.normal(size=(B, Hk * int(rng.integers(1, 4)), int(rng.choice([0, 1, 1, 3, 50, 200])), D)).astype(dtype)
        options = {}
        if rng.random() < 0.3:
            options["window"] = (int(rng.integers(0, 100)), None)
        if rng.random() < 0.3:
            options["mask"] = rng.random((B, 1, q.shape[2], max(expected_cache.lengths))) < 0.7
        assert_bits(f"y of call {call}", cache.attend(q, **options), expected_cache.attend(q, **options))
        assert cache.lengths.tolist() == expected_cache.lengths
        if rng.random() < 0.2:
            rows, chosen = random_rows(rng, B)
            cache.reset(rows)
            for b in chosen:
                expected_cache.rows[b] = []
        if rng.random() < 0.1:
            old_cache, cache = cache, cache.copy()
            old_cache.reset()
            old_cache.append(np.full_like(k, np.nan), np.full_like(v, np.nan))
        if rng.random() < 0.05:
            expected_cache = None


# ---- NaN in keys and values ------------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize("name", ["k", "v"])
@pytest.mark.parametrize("position", [0, 17, 63, 64, 100, 129])
def test_kv_cache_nan_affects_only_the_queries_that_attend_to_it(position, name, dtype):
    q, k, v = draw(130, dtype=dtype)
    poisoned = {"k": k, "v": v, name: {"k": k, "v": v}[name].copy()}
    poisoned[name][1, 1, position, 3] = np.nan
    affected = np.zeros(q.shape[:3], bool)
    affected[1, 2:, position : position + 8] = True
    for size in (1, 130):
        clean = decode(make_empty_cache(k, v), q, k, v, steps(130, size), window=(7, None))
        actual = decode(make_empty_cache(k, v), q, **poisoned, ends=steps(130, size), window=(7, None))
        assert_bits("y", actual[~affected], clean[~affected])
        is_nan = np.isnan(actual[affected])
        assert is_nan.all() if name == "k" else (is_nan == (np.arange(21) == 3)).all()


# ---- sizes, types and layouts ----------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize(("B", "D", "Dv"), [(0, 3, 4), (2, 0, 4), (2, 3, 0), (0, 0, 0)])
def test_kv_cache_accepts_sizes_of_zero(B, D, Dv, dtype):
    q, k, v = draw(70, D=D, Dv=Dv, B=B, dtype=dtype)
    assert_bits(
        "y", decode(make_empty_cache(k, v, capacity=0), q, k, v, steps(70, 9)), F.attention(q, k, v, causal=True)
    )


@DTYPES
def test_kv_cache_accepts_no_steps_and_no_queries(dtype):
    q, k, v = draw(5, dtype=dtype)
    cache = make_filled_cache(k, v)
    cache.append(k[:, :, :0], v[:, :, :0])
    cache.append(k[:, :, :0], v[:, :, :0], [0, 0])
    assert cache.attend(q[:, :, :0]).shape == (2, 4, 0, 21)
    assert_bits("y", cache.attend(q), F.attention(q, k, v, causal=True))


@DTYPES
@pytest.mark.parametrize("Tq", [1, 49])
def test_kv_cache_attend_is_0_for_queries_before_the_first_key(Tq, dtype):
    q, k, v = draw(49, dtype=dtype)
    cache = make_empty_cache(k, v)
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
def test_kv_cache_has_the_same_bits_for_any_layout_and_does_not_modify_it(layout, dtype):
    q, k, v = draw(70, dtype=dtype)
    mask, lengths = np.random.default_rng(0).random((2, 4, 70, 70)) < 0.7, np.array([70, 65])
    cache = make_empty_cache(k, v)
    cache.append(k, v, lengths)
    expected = cache.attend(q, mask=mask)
    strided = {name: layout(a) for name, a in {"q": q, "k": k, "v": v, "mask": mask, "lengths": lengths}.items()}
    before = {name: array.tobytes() for name, array in strided.items()}
    cache = make_empty_cache(k, v)
    cache.append(strided["k"], strided["v"], strided["lengths"])
    y = cache.attend(strided["q"], mask=strided["mask"])
    assert_bits("y", y, expected)
    assert before == {name: array.tobytes() for name, array in strided.items()}
    assert y.flags.writeable
    y[...] = np.nan
    assert_bits("y", cache.attend(strided["q"], mask=strided["mask"]), expected)


@pytest.mark.parametrize("wide", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.int8, np.uint16, bool], ids=str)
def test_kv_cache_converts_narrower_dtypes(dtype, wide):
    narrow = [(3 * array).astype(dtype) for array in draw(70)]
    q, k, v = (array.astype(wide) for array in narrow)
    cache = make_empty_cache(k, v)
    cache.append(*narrow[1:])
    assert_bits("y", cache.attend(narrow[0]), F.attention(q, k, v, causal=True))


def test_kv_cache_accepts_lists():
    q, k, v = draw(5, dtype=np.float64)
    cache = make_empty_cache(k, v)
    cache.append(k.tolist(), v.tolist(), [5, 5])
    assert_bits("y", cache.attend(q.tolist()), F.attention(q, k, v, causal=True))


# ---- instruction sets ------------------------------------------------------------------------------------------------


@needs_two
@DTYPES
@HEADS
def test_kv_cache_has_the_same_bits_on_every_fused_instruction_set(Hq, Hk, D, Dv, dtype, monkeypatch):
    q, k, v = draw(150, Hq, Hk, D, Dv, dtype=dtype)
    results = []
    for isa in FUSED:
        monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
        results.append(
            decode(make_empty_cache(k, v), q, k, v, [*range(1, 70), 149, 150], window=(80, None), softcap=2.0)
        )
    for y in results[1:]:
        assert_bits("y", y, results[0])


@pytest.mark.parametrize("isa", AVAILABLE)
def test_kv_cache_uses_the_kernels_that_were_loaded_when_it_was_made(isa, monkeypatch):
    q, k, v = draw(70)
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    full, cache = F.attention(q, k, v, causal=True), make_empty_cache(k, v)
    for other in AVAILABLE:
        monkeypatch.setattr(_backend, "kernels", _backend.load(other))
        cache.reset()
        assert_bits("y", decode(cache.copy(), q, k, v, [64, 70]), full)
