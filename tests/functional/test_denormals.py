"""Tests of denormal numbers: flushed in the kernels on every thread; the mode of the caller is restored."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.attention_cases import Setting, make_attention_case
from support.cases import VARIANTS, make_case

import seqfuse as sf
from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

EACH = pytest.mark.parametrize(("cell", "options"), VARIANTS)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
# One thread; a team that splits the rows; a team that splits the units.
WORK = pytest.mark.parametrize(("T", "B", "H", "threads"), [(3, 2, 5, 1), (6, 24, 67, 3), (4, 1, 337, 2)])


def denormals_survive():
    """Return whether this thread computes with denormals, in packets and in single numbers."""
    alive = []
    for dtype in (np.float32, np.float64):
        small = np.full(67, np.finfo(dtype).smallest_subnormal * dtype(64))
        tiny = np.full(67, np.finfo(dtype).tiny)
        alive += [(small * dtype(1) != 0).all(), (tiny * dtype(0.25) != 0).all(), small[:1] + small[:1] != 0]
    return all(alive)


def everything(case):
    """Call all entry points of the kernels: forward, backward, packed, stream."""
    case.run(F)
    weights = [case.arguments[name] for name in ("W", "U", "b") if name in case.arguments]
    packed = getattr(F, f"pack_{case.cell.name}")(*weights, **case.options)
    packed(case.arguments["x"])
    stream = packed.stream(case.arguments["x"].shape[1])
    stream.step(case.arguments["x"][0])
    with pytest.raises(ValueError, match="x must be"):
        stream.step(case.arguments["x"][0, :, :1])


@WORK
@EACH
def test_denormal_mode_of_the_caller_is_restored(cell, options, T, B, H, threads):
    case = make_case(cell, options, T=T, B=B, H=H, dtype=np.float32)

    def call(_):
        before = denormals_survive()
        with sf.num_threads(threads):
            everything(case)
        return before and denormals_survive()

    assert call(0)
    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(call, range(6)))
    assert denormals_survive()


@DTYPES
@WORK
@EACH
def test_denormals_are_flushed_on_every_thread(cell, options, T, B, H, threads, dtype):
    """A denormal input times a large weight is 0, and a denormal product is 0."""
    huge, small = dtype(2) ** (np.finfo(dtype).maxexp - 2), np.finfo(dtype).tiny / 4
    zero = make_case(cell, options, T=T, B=B, I=1, H=H, dtype=dtype, bias="none", states=False)
    zero.arguments["x"][...] = 0
    with sf.num_threads(threads):
        wanted = zero.forward(F)[0]
        for x, w in ((small, huge), (np.sqrt(small), np.sqrt(small))):
            zero.arguments["x"][...], zero.arguments["W"][...] = x, w
            for got, right in zip(zero.forward(F)[0], wanted, strict=True):
                np.testing.assert_array_equal(got, right)


@DTYPES
@EACH
def test_denormal_gradients_do_not_depend_on_threads(cell, options, dtype):
    case = make_case(cell, options, T=7, B=24, H=67, dtype=dtype)
    for d in case.doutputs.values():
        d *= np.finfo(dtype).tiny * 8
    results = []
    for threads in (1, 2, 3):
        with sf.num_threads(threads):
            results.append(case.run(F)[2])
    given = [name for name, a in results[0]._asdict().items() if a is not None]
    assert any((np.abs(getattr(results[0], name)) < np.finfo(dtype).tiny * 64).any() for name in given)
    for grads in results:
        for name in given:
            a, e = getattr(grads, name), getattr(results[0], name)
            np.testing.assert_array_equal(a.view(f"u{a.itemsize}"), e.view(f"u{e.itemsize}"), err_msg=name)
            assert ((a == 0) | (np.abs(a) >= np.finfo(dtype).tiny)).all(), f"{name} holds denormals"


@EACH
def test_denormal_states_are_kept_when_no_step_is_valid(cell, options):
    case = make_case(cell, options, T=3, B=4, H=19, dtype=np.float32, call="lengths")
    case.call["lengths"][:] = 0
    for state in cell.states:
        case.arguments[f"{state}0"][...] = case.doutputs[f"d{state}"][...] = 1e-40
    out, _, grads = case.run(F)
    for state in cell.states:
        assert (getattr(out, state) == np.float32(1e-40)).all()
        assert (getattr(grads, f"d{state}0") == np.float32(1e-40)).all()


@DTYPES
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_denormal_attention_weights_are_flushed_on_every_thread(threads, dtype):
    """Every other key has the weight exp(-95) or exp(-720), a denormal number; its gradients would be denormal, too."""
    case = make_attention_case((Setting("mask", "added:qk"), Setting("scale", 0.0)), Tq=130, D=19, dtype=dtype)
    case.arguments["mask"][...] = 0
    case.arguments["mask"][:, ::2] = -95 if dtype is np.float32 else -720
    case.doutputs["dy"][...] = np.abs(case.doutputs["dy"])
    with sf.num_threads(threads):
        before = denormals_survive()
        grads = case.run(F)[2]
        assert before
        assert denormals_survive()
    assert not grads.dv[:, :, ::2].any()
    assert not grads.dmask[:, ::2].any()
    assert (grads.dv[:, :, 1::2] != 0).all()
