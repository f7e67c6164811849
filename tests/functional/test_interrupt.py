"""Tests of long calls: Ctrl-C, other Python threads, fork."""

import os
import signal
import threading

import numpy as np
import pytest

import seqfuse as sf
from seqfuse import _backend
from seqfuse import functional as F
from seqfuse.functional._attention_tape import AttentionTape
from seqfuse.functional._scores import ScoreOptions, shape_of

pytestmark = pytest.mark.serial

H = 64


def small(T=40, B=16):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((T, B, H), dtype=np.float32)
    return (
        x,
        rng.standard_normal((H, 4 * H), dtype=np.float32) / 8,
        rng.standard_normal((H, 4 * H), dtype=np.float32) / 8,
    )


@pytest.fixture
def interruptible():
    """Make Ctrl-C raise KeyboardInterrupt, even if the tests run in the background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted(call, *, after=0.3):
    """Run a call that must end by Ctrl-C after `after` seconds."""
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
    finally:
        timer.cancel()  # if the call fails earlier, the timer must not interrupt the tests
        timer.join()


def assert_ends_at_the_third_signal(call):
    """Run a call during which three signals are handled; a call that never polls would handle only one."""
    seen = []

    def handle(number, frame):
        seen.append(number)
        if len(seen) == 3:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_cancels_a_long_call(threads):
    _, W, U = small()
    x = np.broadcast_to(np.full(H, 0.5, np.float32), (4_000_000, 4 * threads, H))  # a minute of work with little memory
    with sf.num_threads(threads):
        assert_ends_at_the_third_signal(lambda: F.lstm(x, W, U, return_sequences=False))


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_cancels_within_a_long_step(threads):
    """One step takes seconds: a product with 137e9 multiply-adds."""
    B, units = 8192, 2048
    W, U = np.zeros((1, 4 * units), np.float32), np.zeros((units, 4 * units), np.float32)
    packed, x = F.pack_lstm(W, U), np.zeros((1, B, 1), np.float32)
    with sf.num_threads(threads):
        assert_ends_at_the_third_signal(lambda: packed(x, return_sequences=False))


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("checkpoint", [None, 500])
def test_into_is_unchanged_when_ctrl_c_cancels_backward(checkpoint):
    """Gradients of completed segments are not in the arrays of the caller."""
    T, B = 10_000, 8
    rng = np.random.default_rng(0)
    x = np.broadcast_to(rng.normal(size=(1, B, H)).astype(np.float32), (T, B, H))
    _, W, U = small()
    with sf.num_threads(1):
        out, tape = F.lstm_forward(x, W, U, checkpoint=checkpoint)
        into = (np.full_like(W, 3), np.full_like(U, 4), None)
        dy = np.broadcast_to(np.float32(1), out.y.shape)

        whole = F.lstm_backward(tape, dy)

        def for_ever():
            while True:
                before = into[0].copy()
                try:
                    F.lstm_backward(tape, dy, into=into)
                except KeyboardInterrupt:  # in the call or directly after it
                    assert np.array_equal(into[0], before) or np.array_equal(into[0], before + whole.dW)
                    raise

        interrupted(for_ever)


@pytest.mark.usefixtures("interruptible")
def test_into_is_unchanged_when_ctrl_c_cancels_dense():
    x = np.broadcast_to(np.ones(4096, np.float32), (400_000, 4096))  # 105e9 multiply-adds
    W, y = np.zeros((4096, 64), np.float32), np.full((400_000, 64), np.nan, np.float32)
    interrupted(lambda: _backend.kernels.dense_forward(x, W, None, y, False, 1), after=0.1)
    assert np.isnan(y[-1]).all()
    W[...] = 3
    interrupted(lambda: _backend.kernels.dense_backward(x, W, np.zeros_like(y), None, W, None, True, 1), after=0.2)
    assert (W == 3).all()


PLAIN = ScoreOptions(None, 0.0, -1, -1, False, None, None, 0.0, 0)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_cancels_a_long_attention(threads):
    q = np.broadcast_to(np.full(64, 0.1, np.float32), (1, threads, 400_000, 64))  # a minute of work with little memory
    y = np.full((1, threads, 400_000, 1), np.nan, np.float32)
    interrupted(lambda: _backend.kernels.attention_forward(q, q, q[..., :1], PLAIN, y, None, None, threads), after=0.3)
    assert np.isnan(y[0, -1, 0]).all(), "the first query of the last head is written last: this call came to its end"


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_cancels_a_long_attention_backward(threads):
    T = 100_000
    q = np.broadcast_to(np.full(64, 0.1, np.float32), (1, threads, T, 64))  # half a minute of work
    statistics = np.stack([np.full((1, threads, T), value, np.float32) for value in (0.08, 1 / T)])
    tape = AttentionTape(_backend.kernels, shape_of("f", q, q, q), PLAIN, q, q, q, q, statistics, None, ())
    dq, dk, dv = (np.full(q.shape, np.nan, np.float32) for _ in range(3))
    interrupted(
        lambda: _backend.kernels.attention_backward(tape, q, None, dq, dk, dv, None, threads),
        after=0.3,
    )
    assert np.isnan(dk[0, -1, -1]).all(), "the last keys come last: this call came to its end"


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_cancels_a_long_ctc_loss(threads):
    x = np.broadcast_to(
        np.full(64, 0.5, np.float32), (400_000, 4 * threads, 64)
    )  # half a minute of work with little memory
    labels, counts = np.ones((4 * threads, 500), np.int64), np.full(4 * threads, 500)
    losses = np.full(4 * threads, np.nan, np.float32)
    interrupted(lambda: _backend.kernels.ctc_forward(x, None, labels, counts, 0, losses, False, threads), after=0.1)
    assert np.isnan(losses[-1]), "the last row comes last: this call came to its end"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer")
def test_signal_handler_runs_in_the_floating_point_environment_of_the_caller():
    """Kernels flush denormals; a signal handler during a long step must not."""
    B, units = 2048, 1024
    x, U = np.zeros((4, B, 1), np.float32), np.zeros((units, 4 * units), np.float32)
    denormal, seen = np.array([5e-324]), []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(float((denormal + 0)[0])))
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        with sf.num_threads(1):
            while len(seen) < 3:
                F.lstm(x, U[:1], U)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert all(seen)


def test_call_releases_the_gil():
    """Other threads count while a kernel runs without the GIL."""
    x, W, U = small(T=4000, B=16)
    counted, running = [0], threading.Event()

    def count():
        running.set()
        while running.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    running.wait()
    before = counted[0]
    with sf.num_threads(1):
        F.lstm(x, W, U)
    after = counted[0]
    running.clear()
    thread.join()
    assert after > before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_child_computes_the_same_results():
    x, W, U = small()
    with sf.num_threads(2):
        expected = F.lstm(x, W, U).y
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(F.lstm(x, W, U).y, expected) else 1)
    watchdog = threading.Timer(
        60, os.kill, (child, signal.SIGKILL)
    )  # kills a child that waits for threads of its parent
    watchdog.start()
    _, status = os.waitpid(child, 0)
    watchdog.cancel()
    assert os.waitstatus_to_exitcode(status) == 0
