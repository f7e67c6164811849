"""Tests of array arguments: which are read in place, which are copied, and which may be written to."""

import ml_dtypes
import numpy as np
import pytest

from seqfuse import _arrays
from seqfuse._arrays import FLOAT32, FLOAT64, Targets

AXES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def unaligned(array):
    """Return the same values at an address that is not aligned."""
    raw = np.zeros(array.nbytes + 1, np.uint8)
    shifted = raw[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


IN_PLACE = {
    "C order": AXES,
    "read-only": np.broadcast_to(AXES, AXES.shape),
    "exchanged axes": AXES.swapaxes(0, 1),
    "every second row": np.repeat(AXES, 2, axis=1)[:, ::2],
    "rows backwards": AXES[::-1],
    "one row for all": np.broadcast_to(AXES[0], AXES.shape),
    "last axis of one": np.repeat(AXES[..., :1], 2, axis=2)[..., ::2],
    "empty": AXES[:0],
    "a scalar": np.zeros((), np.float32),
}
COPIED = {
    "Fortran order": np.asfortranarray(AXES),
    "last axis backwards": AXES[..., ::-1],
    "every second column": np.repeat(AXES, 2, axis=2)[..., ::2],
    "one column for all": np.broadcast_to(AXES[..., :1], AXES.shape),
    "unaligned": unaligned(AXES),
    "byte-swapped": AXES.astype(">f4"),
    "float64": AXES.astype(np.float64),
}


@pytest.mark.parametrize("array", IN_PLACE.values(), ids=IN_PLACE)
def test_an_array_with_a_contiguous_last_axis_is_read_in_place(array):
    assert _arrays.readable(array, FLOAT32) is array
    assert _arrays.numbers("f", "x", array, FLOAT32) is array
    assert _arrays.widest("f", ("x",), (array,))[0] is array


@pytest.mark.parametrize("array", COPIED.values(), ids=COPIED)
def test_any_other_array_is_copied_once_into_c_order(array):
    copy = _arrays.readable(array, FLOAT32)
    np.testing.assert_array_equal(copy, array)
    assert copy.dtype is FLOAT32
    assert copy.flags.carray
    assert copy.flags.owndata
    assert not np.shares_memory(copy, array)


def test_a_subclass_of_ndarray_is_read_in_place_as_an_ndarray():
    class Special(np.ndarray):
        pass

    special = AXES.view(Special)
    (read, _) = _arrays.widest("f", ("x",), (special,))
    assert type(read) is np.ndarray
    assert np.shares_memory(read, special)


COUNTS_AS_FLOAT32 = [bool, *"bhilqBHILQ", np.float16, ml_dtypes.bfloat16, np.float32, ">f2", ">i4"]


@pytest.mark.parametrize("dtype", COUNTS_AS_FLOAT32, ids=str)
def test_half_bool_and_integers_count_as_float32(dtype):
    array = np.array([0, 1, 1]).astype(dtype)
    read, _ = _arrays.widest("f", ("x",), (array,))
    assert read.dtype is FLOAT32
    assert read.tolist() == [0, 1, 1]


@pytest.mark.parametrize("where", range(4))
def test_widest_returns_the_widest_dtype(where):
    values = [np.ones(2, np.float16), np.ones(2, np.float32), np.ones(2, np.int64), np.ones(2, bool)]
    values[where] = np.ones(2)
    read = _arrays.widest("f", ("x", "W", "U"), values[:3], values[3])
    assert [array.dtype for array in read] == [FLOAT64] * 4


def test_widest_ignores_a_bias_of_none():
    assert _arrays.widest("f", ("x",), (AXES,), None)[1] is None
    read = _arrays.widest("f", ("x",), ([[1]],), None)
    assert (read[0].dtype, read[1]) == (FLOAT32, None)


@pytest.mark.parametrize(
    "dtype", [complex, np.complex64, np.longdouble, object, "U3", "S3", "M8[s]", "m8[s]", "i4,f4"], ids=str
)
def test_unsupported_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match=r"^f: x must be float64, float32, half, integers or bool; got "):
        _arrays.numbers("f", "x", np.zeros(2, dtype), FLOAT32)


@pytest.mark.parametrize("dtype", [ml_dtypes.float8_e5m2, ml_dtypes.int4], ids=str)
def test_other_types_of_ml_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match=r"^f: x must be float64, float32, half, integers or bool; got "):
        _arrays.numbers("f", "x", np.zeros(2, dtype), FLOAT32)


def test_errors_of_numpy_name_the_argument():
    class Refuses:
        def __array__(self, *args, **kwargs):
            raise RuntimeError("on another device")

    with pytest.raises(TypeError, match=r"^f: x must be an array; got Refuses\. NumPy says: on another device"):
        _arrays.numbers("f", "x", Refuses(), FLOAT32)


@pytest.mark.parametrize("shape", [(4,), (2, 4), (2, 3, 4), (0, 3, 4), (2, 3, 0), (1, 2, 3, 4)], ids=str)
def test_rows_flattens_all_axes_but_the_last(shape):
    array = np.zeros(shape)
    rows = _arrays.rows(array)
    assert rows.shape == (int(np.prod(shape[:-1])), shape[-1])
    assert array.size == 0 or np.shares_memory(rows, array)


def targets(*given, inputs=()):
    names, count = [f"d{i}" for i in range(len(given))], len(given)
    return Targets("f", names, given, ["(...)"] * count, [a.shape for a in given], FLOAT32, inputs)


def test_targets_in_c_order_are_written_in_place():
    a, b = np.zeros((2, 3), np.float32), np.zeros(3, np.float32)
    assert all(work is given for work, given in zip(targets(a, b, inputs=(AXES, None)).work, (a, b)))


@pytest.mark.parametrize("layout", ["Fortran order", "every second column", "rows backwards", "unaligned"])
def test_other_targets_are_written_through_a_copy(layout):
    given = {**IN_PLACE, **COPIED}[layout].copy(order="K")
    if layout == "rows backwards":
        given = given[::-1]
    if layout == "every second column":
        given = np.repeat(given, 2, axis=2)[..., ::2]
    if layout == "unaligned":
        given = unaligned(given)
    wanted = given + 1
    to = targets(given)
    assert to.work[0].flags.carray
    to.work[0][...] += 1
    to.store()
    np.testing.assert_array_equal(given, wanted)


def test_a_target_that_is_also_an_input_is_written_afterwards():
    weights = np.ones(3, np.float32)
    to = targets(weights[:2], inputs=(weights,))
    to.work[0][...] = 5
    assert weights.tolist() == [1, 1, 1]
    to.store()
    assert weights.tolist() == [5, 5, 1]


def test_interleaved_targets_do_not_overlap():
    both = np.zeros((4, 6), np.float32)
    to = targets(both[:, :3], both[:, 3:])
    for work in to.work:
        work[...] += 1
    to.store()
    assert both.min() == 1


def test_overlapping_targets_are_refused():
    both = np.zeros(6, np.float32)
    with pytest.raises(ValueError, match=r"^f: d1 must not overlap d0; got arrays that share memory"):
        targets(both[:4], both[3:])


def test_a_target_that_overlaps_itself_is_refused():
    window = np.lib.stride_tricks.as_strided(np.zeros(8, np.float32), (3, 4), (8, 4))
    with pytest.raises(ValueError, match=r"^f: d0 must not overlap itself; got strides \(8, 4\)"):
        targets(window)


def test_share_no_memory_is_true_for_different_owners_and_false_for_views():
    one, other = np.zeros(8), np.zeros((4, 4))
    foreign = np.frombuffer(bytearray(64))
    assert _arrays.share_no_memory([one[2:4], one], [other, other.T[1:], None])
    assert not _arrays.share_no_memory([one[2:4]], [other, one[6:]])
    assert not _arrays.share_no_memory([other.reshape(2, 8)[:1]], [other])
    assert not _arrays.share_no_memory([one], [foreign]), "whose memory that is cannot be said"
    assert not _arrays.share_no_memory([foreign[:2]], [one])
