"""Tests of the state of KVCache: copies, resets, refused and interrupted calls, threads and memory."""

import contextlib
import copy
import pickle
import sys
import threading
import time

import numpy as np
import pytest
from safety.processes import SANITIZED, run_in_new_interpreter
from safety.test_memory import PROCESS

import seqfuse as sf
from seqfuse import functional as F
from seqfuse.functional._scores import ScoreOptions

from .test_attention_invariance import assert_bits
from .test_interrupt import interrupted, interruptible  # noqa: F401, a fixture
from .test_kv_cache import draw, make_empty_cache, make_filled_cache

pytestmark = pytest.mark.each_isa


def needs_memory_limits(test):
    skip = pytest.mark.skipif
    test = skip(SANITIZED, reason="the sanitizer reserves terabytes of addresses and keeps freed memory")(test)
    return skip(sys.platform != "linux", reason="reads /proc")(test)


def copies_of(cache):
    return cache.copy(), copy.copy(cache), copy.deepcopy(cache)


def test_kv_cache_copy_is_independent():
    q, k, v = draw(130)
    cache = make_filled_cache(k[:, :, :70], v[:, :, :70])
    expected, full = cache.attend(q[:, :, :70]), F.attention(q, k, v, causal=True)
    for copied in copies_of(cache):
        assert (copied.lengths.tolist(), copied.capacity) == ([70, 70], cache.capacity)
        copied.append(k[:, :, 70:], v[:, :, 70:])
        assert_bits("y of the copy", copied.attend(q), full)
        copied.reset()
        copied.append(np.full_like(k, np.nan), np.full_like(v, np.nan))
        assert_bits("y", cache.attend(q[:, :, :70]), expected)
    copies = copies_of(cache)
    cache.reset(1)
    cache.append(-k, -v)
    del cache
    for copied in copies:
        assert_bits("y of the copy", copied.attend(q[:, :, :70]), expected)


def test_kv_cache_reset_of_some_rows_does_not_change_the_others():
    q, k, v = draw(70, B=3)
    for rows, remaining in (([0, 2], [1]), (1, [0, 2]), ([], [0, 1, 2]), ([False, True, True], [0]), (None, [])):
        cache = make_filled_cache(k, v)
        before = cache.attend(q)
        cache.reset(rows)
        assert cache.lengths.tolist() == [70 if b in remaining else 0 for b in range(3)]
        expected = np.where(np.isin(range(3), remaining)[:, None, None, None], before, np.float32(0))
        assert_bits("y", cache.attend(q), expected)
        assert cache.capacity == 256, "reset does not change the capacity"


def test_kv_cache_lengths_are_a_copy():
    cache = make_filled_cache(*draw(7)[1:])
    lengths = cache.lengths
    assert lengths.dtype == np.int64
    lengths[...] = 1000
    assert cache.lengths.tolist() == [7, 7]


def test_kv_cache_append_does_not_keep_a_reference_to_lengths():
    _, k, v = draw(7)
    cache, lengths = make_empty_cache(k, v), np.array([7, 5])
    cache.append(k, v, lengths)
    lengths[...] = 0
    assert cache.lengths.tolist() == [7, 5]


def test_kv_cache_repr_shows_sizes_dtype_and_capacity():
    cache = F.KVCache(2, 3, 4, 5, dtype=float)
    assert repr(cache) == "<KVCache batch=2 heads=3 dim=4 value_dim=5 float64 longest=0 capacity=256>"
    cache.append(np.ones((2, 3, 300, 4)), np.ones((2, 3, 300, 5)), [300, 1])
    assert repr(cache) == "<KVCache batch=2 heads=3 dim=4 value_dim=5 float64 longest=300 capacity=512>"
    assert [F.KVCache(1, 1, 1, capacity=n).capacity for n in (0, 1, 64, 65)] == [0, 64, 64, 128]


def test_kv_cache_cannot_be_pickled():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match=r"^KVCache: a cache cannot be pickled\. Save the keys"):
            pickle.dumps(F.KVCache(1, 1, 1), protocol)


# ---- calls that fail -------------------------------------------------------------------------------------------------


def test_kv_cache_is_unchanged_after_a_refused_call():
    q, k, v = draw(70)
    cache = make_filled_cache(k, v, capacity=70)
    before = cache.attend(q), cache.capacity
    wide = k.astype(np.float64)
    appends = [
        (k[:, :1], v), (k, v[:, :, 1:]), (k[:, :, 0], v[:, :, 0]), (v, k), (wide, v), (k, v.astype(complex)),
        (k, v, [71, 70]), (k, v, [70, -1]), (k, v, [70]), (k, v, [1.0, 1.0]), (k, [[1], [1, 2]]),
    ]  # fmt: skip
    for arguments in appends:
        with pytest.raises((TypeError, ValueError), match=r"^cache\.append: "):
            cache.append(*arguments)
    for arguments in ({"q": wide}, {"q": q[0]}, {"q": q, "mask": np.ones((70, 69), bool)}, {"q": q, "softcap": -1}):
        with pytest.raises((TypeError, ValueError), match=r"^cache\.attend: "):
            cache.attend(**arguments)
    for rows in (2, [0, -1], [True], [0.5]):
        with pytest.raises((TypeError, ValueError), match=r"^cache\.reset: "):
            cache.reset(rows)
    assert cache.lengths.tolist() == [70, 70]
    assert_bits("y", cache.attend(q), before[0])
    assert cache.capacity == before[1]


def test_kv_cache_of_float32_refuses_float64_with_advice():
    _, k, v = draw(3)
    with pytest.raises(
        TypeError, match=r"v must be float32, the dtype of the cache; got float64\. Pass dtype=float64 to KV"
    ):
        make_empty_cache(k, v).append(k, v.astype(np.float64))


@pytest.mark.parametrize(
    "sizes",
    [{"capacity": 2**50}, {"capacity": 2**53}, {"batch": 2**50, "capacity": 0}, {"batch": 2**48, "dim": 0}],
    ids=str,
)
def test_kv_cache_raises_memory_error_for_a_huge_capacity_overflow(sizes):
    with pytest.raises(MemoryError):
        F.KVCache(**{"batch": 1, "heads": 1, "dim": 4, **sizes})


@pytest.mark.parametrize("T", [2**40, 2**57])
def test_kv_cache_is_unchanged_after_appending_too_many_keys_overflow(T):
    q, k, v = draw(5, B=1, D=1, Dv=1)
    cache = make_filled_cache(k, v, capacity=5)
    before = cache.attend(q)
    many = np.broadcast_to(k[:, :, :1], (1, 2, T, 1))
    with pytest.raises(MemoryError):
        cache.append(many, many)
    assert (cache.lengths.tolist(), cache.capacity) == ([5], 64)
    assert_bits("y", cache.attend(q), before)


@needs_memory_limits
def test_kv_cache_is_unchanged_when_memory_is_refused_and_works_afterwards():
    # The refused memory is for more keys, for a conversion, for a copy, or for y.
    code = """
    sf.set_num_threads(2)
    rng = np.random.default_rng(0)
    q, k, v = rng.standard_normal((3, 2, 2, 3000, 64), np.float32)
    cache, half, many = F.KVCache(2, 2, 64), k.astype(np.float16), np.broadcast_to(q[:, :, :1], (2, 2, 100_000, 64))
    cache.append(k[:, :, :1000], v[:, :, :1000])
    first, capacity = cache.attend(q[:, :, :1000]), cache.capacity
    calls = [lambda: cache.append(k, v), lambda: cache.append(half, half)]
    calls += [lambda: cache.copy(), lambda: cache.attend(many)]
    times = [0] * len(calls)
    for more in [0] + [1 << n for n in range(16, 23)]:
        for i, call in enumerate(calls):
            allow(more)
            times[i] += bool(refused(call))
            allow()
            if cache.lengths.max() > 1000:  # the memory was available
                cache = F.KVCache(2, 2, 64)
                cache.append(k[:, :, :1000], v[:, :, :1000])
            assert cache.lengths.tolist() == [1000, 1000] and cache.capacity == capacity
            assert same_bits([cache.attend(q[:, :, :1000])], [first])
    assert min(times) > 3, times
    cache.append(k[:, :, 1000:], v[:, :, 1000:])
    assert same_bits([cache.attend(q)], [F.attention(q, k, v, causal=True)])
    print("lives")
    """
    assert run_in_new_interpreter(PROCESS + code).strip() == "lives"


@needs_memory_limits
def test_kv_cache_does_not_leak_memory_in_ten_thousand_calls():
    # The calls append, attend, reset, grow, copy, and are refused.
    code = """
    cache, large = F.KVCache(2, 2, 7, capacity=0), np.ones((2, 2, 300, 7), np.float32)
    k, mask = large[:, :, :3], np.ones((3, 1), bool)

    def rarely():
        other = F.KVCache(2, 2, 7, capacity=100)
        other.append(large, large)
        other.copy().attend(large.astype(np.float16))
        cache.reset([0])
        for wrong in (k[:1], k.astype(complex)):
            try:
                cache.append(k, wrong)
            except (TypeError, ValueError):
                pass

    def calls(n):
        for i in range(n):
            cache.append(k, k, [3, 1])
            cache.attend(k, window=(2, None), mask=mask)
            repr(cache), cache.lengths
            if i % 10 == 0:
                rarely()
            if i % 200 == 0:
                cache.reset()

    sf.set_num_threads(2)
    calls(1000)
    before = bytes_of(1)
    calls(10_000)
    print(bytes_of(1) - before)
    """
    grown = int(run_in_new_interpreter(PROCESS + code))
    assert grown < 2 << 20, f"{grown / 2**20:.1f} MB were leaked"


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("threads", [1, 2])
def test_kv_cache_is_unchanged_after_ctrl_c_in_a_long_attend(threads):
    q, k, v = draw(20_000, Hq=1, Hk=1, D=64, Dv=1, B=1)
    cache = make_filled_cache(k, v)
    with sf.num_threads(threads):
        before = cache.attend(q[:, :, -100:])
        many = np.broadcast_to(q, (1, 512 * threads, 20_000, 64))  # a minute of work
        y = np.full((1, 512 * threads, 20_000, 1), np.nan, np.float32)
        # The options of attend: causal, bottom_right.
        options = ScoreOptions(None, 0.0, -1, 0, True, None, None, 0.0, 0)
        interrupted(lambda: cache._kernel.attend(many, 20_000, options, y, threads))
        assert np.isnan(y[0, 0, 0]).all(), "the first query is written last, so the call was not interrupted"
        assert_bits("y", cache.attend(q[:, :, -100:]), before)
        cache.append(k[:, :, :1], v[:, :, :1])
    assert cache.lengths.tolist() == [20_001]


# ---- several threads -------------------------------------------------------------------------------------------------

REFUSED = r"^cache: already in use by another thread; give each thread its own with cache\.copy\(\)$"


def test_kv_cache_refuses_every_call_during_a_call_of_another_thread_race():
    k = np.zeros((1, 1, 4096, 64), np.float32)
    cache, done = F.KVCache(1, 1, 64), threading.Event()

    def attend():
        while not done.is_set():
            with contextlib.suppress(RuntimeError):
                cache.reset()
                cache.append(k, k)
                cache.attend(k)

    def repeat(call):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            call()

    def show():
        if repr(cache).endswith("float32 in use>"):
            raise RuntimeError("cache: already in use by another thread; give each thread its own with cache.copy()")

    thread = threading.Thread(target=attend)
    thread.start()
    try:
        for call in (
            lambda: cache.attend(k[:, :, :1]),
            lambda: cache.append(k[:, :, :1], k[:, :, :1]),
            lambda: cache.lengths,
            lambda: cache.capacity,
            lambda: cache.reset(0),
            cache.reset,
            cache.copy,
            show,
        ):
            with pytest.raises(RuntimeError, match=REFUSED):
                repeat(call)
    finally:
        done.set()
        thread.join()


def test_kv_cache_append_of_two_threads_never_mixes_keys_race():
    # Each thread appends five keys at a time, whose values are its number. A refused call appends none.
    cache, start, appended = F.KVCache(1, 1, 1, 512, capacity=0), threading.Barrier(2), [0, 0]
    k = np.zeros((1, 1, 5, 1), np.float32)

    def append(number):
        v = np.full((1, 1, 5, 512), number, np.float32)
        start.wait()
        for _ in range(200):
            with contextlib.suppress(RuntimeError):
                cache.append(k, v)
                appended[number] += 1

    threads = [threading.Thread(target=append, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (length,) = cache.lengths
    assert length == 5 * sum(appended)
    values = cache.attend(np.zeros((1, 1, length, 1), np.float32), mask=np.eye(length, dtype=bool))[0, 0]
    chunks = values.reshape(-1, 5 * 512)
    assert (chunks == chunks[:, :1]).all()
    assert (chunks[:, 0] == 1).sum() == appended[1]


class MaskWithSideEffect:
    """Mask that runs a function when it is converted to an array."""

    def __init__(self, mask, side_effect):
        self.mask, self.side_effect = mask, side_effect

    def __array__(self, dtype=None, copy=None):
        self.side_effect()
        return self.mask


def test_kv_cache_attend_refuses_a_mask_that_no_longer_fits_race():
    # If another thread appended keys after the check of the mask, attend would read past the end of the mask.
    q, k, v = draw(5)
    for side_effect in (lambda cache: cache.append(k, v), lambda cache: cache.reset()):
        cache = make_filled_cache(k, v)
        mask = MaskWithSideEffect(np.ones((5, 5), bool), lambda: side_effect(cache))  # noqa: B023
        with pytest.raises(RuntimeError, match=REFUSED):
            cache.attend(q, mask=mask)
        assert cache.attend(q).shape == (2, 4, 5, 21)


def test_kv_cache_copies_can_be_used_by_threads_at_once():
    q, k, v = draw(300, B=1)
    full, prompt = F.attention(q, k, v, causal=True), make_filled_cache(k[:, :, :100], v[:, :, :100])
    results = [None] * 3

    def decode(i, cache):
        with sf.num_threads(1 + i):
            cache.append(k[:, :, 100:], v[:, :, 100:])
            results[i] = cache.attend(q)

    threads = [threading.Thread(target=decode, args=(i, prompt.copy())) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for y in results:
        assert_bits("y", y, full)
