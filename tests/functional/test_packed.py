"""Tests of packed weights: bitwise equal results, immutability, pickling, types."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.cases import BIASES, CALLS, OPTIONS, VARIANTS, Setting, assert_same_bits, make_case

from seqfuse import functional as F
from seqfuse._cells import CELLS

pytestmark = pytest.mark.each_isa


def pack(case):
    """Return the packed weights of a case, and its other arguments."""
    arguments = dict(case.arguments)
    weights = {name: arguments.pop(name) for name in ("W", "U", "b", "peephole") if name in arguments}
    return getattr(F, f"pack_{case.cell.name}")(**weights, **case.options), {**arguments, **case.call}


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_packed_equals_the_plain_call_bitwise(cell, options, call, bias):
    case = make_case(cell, options, call=call, bias=bias)
    packed, arguments = pack(case)
    assert_same_bits(packed(**arguments), case.forward(F)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("cell", "settings"), OPTIONS)
def test_packed_with_an_option_equals_the_plain_call_bitwise(cell, settings, dtype):
    case = make_case(cell, settings=settings, H=19, dtype=dtype)
    packed, arguments = pack(case)
    assert_same_bits(packed(**arguments), case.forward(F)[0])


@pytest.mark.parametrize(("cell", "settings"), OPTIONS)
def test_packed_is_unchanged_by_pickling(cell, settings):
    packed, arguments = pack(make_case(cell, settings=settings))
    arrived = pickle.loads(pickle.dumps(packed))
    assert_same_bits(arrived(**arguments), packed(**arguments))
    assert (arrived.cell, arrived.dtype, repr(arrived)) == (packed.cell, packed.dtype, repr(packed))


@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_packed_is_unaffected_when_weights_change(cell, options):
    case = make_case(cell, options)
    packed, arguments = pack(case)
    before = packed(**arguments)
    for name in {"W", "U", "b"} & set(case.arguments):
        case.arguments[name][...] = np.nan
    assert_same_bits(packed(**arguments), before)
    assert_same_bits(pickle.loads(pickle.dumps(packed))(**arguments), before)


@pytest.mark.parametrize("as_given", [np.asarray, np.asfortranarray, lambda p: p.astype(np.float32)])
def test_packed_is_unaffected_when_the_peephole_changes(as_given):
    case = make_case(CELLS["lstm"], settings=[Setting("peephole")])
    peephole = as_given(case.arguments["peephole"])
    packed, arguments = pack(case.with_argument("peephole", peephole))
    before = packed(**arguments)
    peephole[...] = np.nan
    assert_same_bits(packed(**arguments), before)


def test_packed_has_no_options_when_all_are_defaults():
    case = make_case(CELLS["gru"])
    packed, arguments = pack(case)
    plain = packed(**arguments)
    same = {"activation": ("tanh",), "recurrent_activation": "sig" + "moid", "clip": np.inf}
    assert_same_bits(F.gru(**case.arguments, **same), plain)
    weights = {name: case.arguments[name] for name in "WUb"}
    assert_same_bits(F.pack_gru(**weights, **same)(**arguments), plain)


def test_packed_is_immutable():
    packed, _ = pack(make_case(*VARIANTS[0].values))
    assert copy.copy(packed) is copy.deepcopy(packed) is packed
    with pytest.raises(AttributeError):
        packed.cell = "gru"
    with pytest.raises(AttributeError):
        packed.name = "mine"


@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_packed_is_usable_from_several_threads_race(cell, options):
    packed, arguments = pack(make_case(cell, options, T=20, B=4))
    wanted = packed(**arguments)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: packed(**arguments), range(20)):
            assert_same_bits(got, wanted)


def test_packed_widens_x_but_refuses_to_narrow_it():
    case = make_case(*VARIANTS[0].values, dtype=np.float32)
    x, W, U = (case.arguments[name] for name in "xWU")
    wide = F.pack_rnn(W.astype(np.float64), U)
    assert wide.dtype == np.float64
    assert_same_bits(wide(x), F.rnn(x, W.astype(np.float64), U))
    narrow = F.pack_rnn(W, U)
    assert narrow(x.astype(np.float16)).y.dtype == np.float32
    with pytest.raises(
        TypeError, match=r"^packed_rnn: x must be no wider than the packed weights, float32; got float64"
    ):
        narrow(x.astype(np.float64))
    with pytest.raises(
        TypeError, match=r"^stream\.step: x must be no wider than the packed weights, float32; got float64"
    ):
        narrow.stream().step(x[0, :1].astype(np.float64))
