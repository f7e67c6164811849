"""The CTC loss: all paths tried, accuracy, gradients, the same bits in every call, and what reaches nothing."""

import ml_dtypes
import numpy as np
import pytest
from support.cases import assert_accurate, assert_gradient, central_differences
from support.ctc_cases import CALLS, Case, make_ctc_case, probabilities

import seqfuse as sf
from seqfuse import _backend, reference
from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EACH_CALL = pytest.mark.parametrize("call", CALLS)
# S + 1 is a line of 8 or 16 numbers less one, whole, plus one, or several; C likewise.
SIZES = pytest.mark.parametrize(
    ("T", "C", "S"),
    [(1, 2, 1), (5, 3, 0), (14, 8, 6), (25, 9, 7), (25, 16, 8), (40, 17, 14), (50, 5, 15), (90, 33, 40)],
)
WIDER = {np.float32: np.float64, np.float64: np.longdouble}


def assert_same_bits(actual, expected):
    for name, e in expected.items():
        a = actual[name]
        assert (a.dtype, a.shape) == (e.dtype, e.shape), name
        bits = f"u{e.itemsize}"
        np.testing.assert_array_equal(np.ascontiguousarray(a).view(bits), np.ascontiguousarray(e).view(bits), name)


def assert_keeps_the_rule_of_accuracy(cases):
    """Together: the largest of a few errors says little. Where there is no path, all say inf."""
    wider = WIDER[cases[0].logits.dtype.type]
    runs = [[case.run(F), case.run(reference), case.astype(wider).run(reference)] for case in cases]
    for name in ("losses", "dlogits"):
        got, plain, truth = (np.stack([run[i][name] for run in runs]) for i in range(3))
        apart = ~np.isfinite(truth)
        np.testing.assert_array_equal(got[apart], truth[apart])
        assert apart.mean() < 0.5
        assert_accurate(name, *(np.where(apart, a.dtype.type(0), a) for a in (got, plain, truth)))


@DTYPES
@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("steps", range(6))
def test_the_loss_is_that_of_all_paths_tried_one_by_one(steps, blank, dtype):
    """Rule: e to the loss has its error, which is a few roundings of numbers up to 10."""
    logits = (np.random.default_rng(steps).normal(size=(steps, 1, 3)) * 2).astype(dtype)
    found = probabilities(logits[:, 0], blank)
    for labels, probability in found.items():
        loss = F.ctc_loss(logits, np.array([labels], int).reshape(1, -1), blank=blank)
        np.testing.assert_allclose(np.exp(-loss.astype(float)), probability, rtol=40 * np.finfo(dtype).eps)
    assert sum(found.values()) == pytest.approx(1)


@DTYPES
@SIZES
@EACH_CALL
def test_ctc_loss_is_as_accurate_as_the_reference(call, T, C, S, dtype):
    assert_keeps_the_rule_of_accuracy([make_ctc_case(call, T=T, C=C, S=S, dtype=dtype, seed=seed) for seed in range(6)])


@DTYPES
@pytest.mark.parametrize("scale", [1e-6, 10, 1000])
def test_ctc_loss_is_as_accurate_as_the_reference_far_from_one(scale, dtype):
    assert_keeps_the_rule_of_accuracy(
        [make_ctc_case("all", T=60, S=20, dtype=dtype, seed=s, scale=scale) for s in range(6)]
    )


@pytest.mark.parametrize("S", [3, 300])
def test_a_thousand_steps_cost_no_digits(S):
    """As near to float64 as to be off by a rounding of each of the numbers that are added up."""
    case = make_ctc_case(T=1000, B=2, C=9, S=S, dtype=np.float32)
    got, truth = case.run(F), case.astype(np.float64).run(F)
    eps = np.finfo(np.float32).eps
    np.testing.assert_allclose(got["losses"], truth["losses"], rtol=4 * eps)
    np.testing.assert_allclose(got["dlogits"], truth["dlogits"], atol=100 * eps)
    plain = np.abs(case.run(reference)["dlogits"] - truth["dlogits"]).max()
    assert np.abs(got["dlogits"] - truth["dlogits"]).max() < plain / 3


@EACH_CALL
def test_backward_matches_central_differences(call):
    case = make_ctc_case(call, T=9, B=4, C=4, S=3)
    possible = np.isfinite(case.forward(F)[0])
    assert possible.any()

    def loss():
        return np.sum((case.forward(F)[0] * case.dlosses)[possible])

    numeric = central_differences(loss, case.logits)
    assert_gradient("dlogits", case.run(F)["dlogits"], numeric)


@DTYPES
@EACH_CALL
def test_the_plain_call_has_the_bits_of_the_forward(call, dtype):
    case = make_ctc_case(call, dtype=dtype)
    losses = F.ctc_loss(case.logits, case.labels, **case.options)
    assert_same_bits({"losses": losses}, {"losses": case.forward(F)[0]})


@DTYPES
def test_the_gradient_of_a_step_adds_up_to_0(dtype):
    """Rule: shares of all classes, each off by a rounding or two of itself."""
    dlogits = make_ctc_case("all", T=40, C=17, S=15, dtype=dtype).run(F)["dlogits"]
    np.testing.assert_allclose(dlogits.sum(axis=-1), 0, atol=20 * np.finfo(dtype).eps)


@DTYPES
@pytest.mark.parametrize("call", ["plain", "all"])
def test_any_number_of_threads_gives_the_same_bits(call, dtype):
    case, results = make_ctc_case(call, T=120, B=9, C=21, S=17, dtype=dtype), []
    for threads in (1, 2, 3):
        with sf.num_threads(threads):
            results.append(case.run(F))
    for result in results[1:]:
        assert_same_bits(result, results[0])


@DTYPES
@SIZES
@EACH_CALL
def test_a_row_has_the_bits_of_its_real_steps_and_labels_alone(call, T, C, S, dtype):
    case = make_ctc_case(call, T=T, C=C, S=S, dtype=dtype)
    whole = case.run(F)
    dlogits = whole["dlogits"].swapaxes(0, 1) if case.options.get("batch_first") else whole["dlogits"]
    for b in range(len(case.labels)):
        alone = case.row(b).run(F)
        expected = {"losses": whole["losses"][b : b + 1], "dlogits": dlogits[case.real[:, b], b][:, None]}
        assert_same_bits(alone, expected)


@DTYPES
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("call", ["lengths", "mask", "all"])
def test_nothing_in_the_padding_reaches_anything(call, value, dtype):
    case = make_ctc_case(call, dtype=dtype)
    clean = case.run(F)
    case.in_time_order[~case.real] = value
    counts = case.options["label_lengths"]
    case.labels[np.arange(case.labels.shape[1]) >= counts[:, None]] = -(10**9)
    dirty = case.run(F)
    assert_same_bits(dirty, clean)
    dlogits = dirty["dlogits"].swapaxes(0, 1) if call == "all" else dirty["dlogits"]
    padding = dlogits[~case.real]
    assert padding.size
    assert not padding.view(f"u{padding.itemsize}").any()  # no negative zeros either


@DTYPES
def test_a_row_without_a_softmax_is_nan_and_stays_alone(dtype):
    case = make_ctc_case("lengths", B=6, S=2, dtype=dtype)
    clean = case.run(F)
    case.logits[3, 1, 0], case.logits[2, 2, 1], case.logits[0, 4] = np.nan, np.inf, -np.inf
    dirty = case.run(F)
    for b in (1, 2, 4):
        assert np.isnan(dirty["losses"][b])
        assert np.isnan(dirty["dlogits"][case.real[:, b], b]).all()
        assert not dirty["dlogits"][~case.real[:, b], b].any()
    others = [0, 3, 5]
    assert_same_bits(
        {"losses": dirty["losses"][others], "dlogits": dirty["dlogits"][:, others]},
        {"losses": clean["losses"][others], "dlogits": clean["dlogits"][:, others]},
    )


IMPOSSIBLE = {
    "no steps": (0, [1]),
    "fewer steps than labels": (2, [1, 2, 1]),
    "no step for the blank between equal labels": (4, [1, 1, 2, 2]),
    "a label of no probability": (9, [3]),
}


@DTYPES
@pytest.mark.parametrize(("steps", "labels"), IMPOSSIBLE.values(), ids=list(IMPOSSIBLE))
def test_what_cannot_be_spelled_has_a_loss_of_inf_and_a_gradient_of_0(steps, labels, dtype):
    logits = np.random.default_rng(0).normal(size=(steps, 2, 4)).astype(dtype)
    logits[:, 0, 3] = -np.inf
    given = np.array([labels, [1] * len(labels)])
    counts = [len(labels), min(steps, 1)]
    losses, tape = F.ctc_loss_forward(logits, given, label_lengths=counts)
    assert losses[0] == np.inf
    assert np.isfinite(losses[1])
    dlogits = F.ctc_loss_backward(tape, [np.nan, 1])
    assert not dlogits[:, 0].any()
    assert np.isfinite(dlogits).all()
    zeroed, tape = F.ctc_loss_forward(logits, given, label_lengths=counts, zero_infinity=True)
    np.testing.assert_array_equal(zeroed, [0, losses[1]])
    np.testing.assert_array_equal(F.ctc_loss_backward(tape), np.where([[[True], [False]]], 0, dlogits))


@DTYPES
def test_just_enough_steps_leave_one_path(dtype):
    """1 - 1 2 - 2 is the only one of its length: the loss is the sum of the steps' own."""
    path = [1, 0, 1, 2, 0, 2]
    logits = np.random.default_rng(1).normal(size=(6, 1, 3)).astype(dtype)
    loss, tape = F.ctc_loss_forward(logits, [[1, 1, 2, 2]])
    each, cross = F.softmax_cross_entropy_forward(logits[:, 0], path)
    np.testing.assert_allclose(loss, 6 * each, rtol=8 * np.finfo(dtype).eps)
    expected = F.softmax_cross_entropy_backward(cross, 6.0)
    np.testing.assert_allclose(F.ctc_loss_backward(tape)[:, 0], expected, atol=4 * np.finfo(dtype).eps)


@DTYPES
def test_huge_logits_overflow_nowhere(dtype):
    big = np.finfo(dtype).max / 4
    logits = np.array([[[0, big, -big]], [[big, 0, -big]], [[-big, -big, 0]]], dtype)
    loss, tape = F.ctc_loss_forward(logits, [[1, 2]])  # 1 - 2
    np.testing.assert_array_equal(loss, [0])
    np.testing.assert_array_equal(F.ctc_loss_backward(tape), np.zeros_like(logits))
    (loss,) = F.ctc_loss(logits, [[2]])  # - - 2, of which the first blank is big behind
    assert loss == big


@pytest.mark.parametrize(("T", "B", "C", "S"), [(0, 3, 4, 0), (5, 0, 4, 3), (0, 0, 1, 0), (4, 2, 1, 0), (4, 2, 3, 0)])
def test_nothing_to_spell_and_nothing_at_all(T, B, C, S):
    """No labels are spelled by blanks alone."""
    logits = np.random.default_rng(0).normal(size=(T, B, C))
    losses, tape = F.ctc_loss_forward(logits, np.zeros((B, S), int))
    blanks = np.log(np.exp(logits).sum(axis=-1)) - logits[..., 0]
    np.testing.assert_allclose(losses, blanks.sum(axis=0), atol=1e-14)
    dlogits = F.ctc_loss_backward(tape)
    assert (losses.shape, dlogits.shape) == ((B,), (T, B, C))
    np.testing.assert_allclose(dlogits, F.softmax(logits) - (np.arange(C) == 0), atol=1e-15)


@pytest.mark.skipif(
    len(set(_backend.available()) & set(_backend.with_fma())) < 2,
    reason="one instruction set with fused multiply-add is here",
)
@DTYPES
@SIZES
@pytest.mark.parametrize("scale", [1, 30])
def test_instruction_sets_agree(T, C, S, scale, dtype, monkeypatch):
    case, results = make_ctc_case("all", T=T, C=C, S=S, dtype=dtype, scale=scale), []
    for isa in _backend.available():
        if isa not in _backend.with_fma():
            continue  # multiplies, rounds, and adds
        monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
        results.append(case.run(F))
    for result in results[1:]:
        assert_same_bits(result, results[0])


def every_second_column(array):
    return np.repeat(array, 2, -1)[..., ::2]


def among_others(array):
    return np.repeat(array, 2, 0)[::2]


def byte_swapped(array):
    return array.astype(array.dtype.newbyteorder())


def unaligned(array):
    shifted = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


LAYOUTS = [every_second_column, among_others, byte_swapped, unaligned, np.asfortranarray, np.ndarray.tolist]


@pytest.mark.parametrize("layout", LAYOUTS)
@EACH_CALL
def test_any_layout_gives_the_same_bits_and_is_not_written(call, layout):
    case = make_ctc_case(call)
    options = {name: layout(a) if isinstance(a, np.ndarray) else a for name, a in case.options.items()}
    given = Case(layout(case.logits), layout(case.labels), layout(case.dlosses), options, case.real)
    arrays = [a for a in (given.logits, given.labels, given.dlosses) if isinstance(a, np.ndarray)]
    before = [a.tobytes() for a in arrays]
    assert_same_bits(given.run(F), case.run(F))
    assert before == [a.tobytes() for a in arrays]


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.int8], ids=str)
def test_half_and_integers_are_computed_in_float32(dtype):
    case = make_ctc_case("all", dtype=dtype)
    assert_same_bits(case.run(F), case.astype(np.float32).run(F))


@pytest.mark.parametrize("dtype", "bhilqBHILQ")
def test_labels_of_any_integer_type(dtype):
    case = make_ctc_case("lengths")
    losses = F.ctc_loss(case.logits, case.labels.astype(dtype), **case.options)
    np.testing.assert_array_equal(losses, case.forward(F)[0])


def test_the_tape_follows_neither_labels_nor_losses_and_is_read_again():
    case = make_ctc_case("lengths")
    losses, tape = case.forward(F)
    first = F.ctc_loss_backward(tape, case.dlosses)
    losses[...] = np.inf
    case.labels[...] = 10**9
    case.options["label_lengths"][...] = case.options["lengths"][...] = 10**9
    np.testing.assert_array_equal(F.ctc_loss_backward(tape, case.dlosses), first)
    assert repr(tape) == "<CTCLossTape logits=(17, 4, 5) labels=(4, 6) float64>"


def test_one_number_is_the_gradient_of_every_loss():
    case = make_ctc_case()
    _, tape = case.forward(F)
    np.testing.assert_array_equal(F.ctc_loss_backward(tape, 0.5), F.ctc_loss_backward(tape, np.full(4, 0.5)))
    np.testing.assert_array_equal(F.ctc_loss_backward(tape), F.ctc_loss_backward(tape, 1))


@DTYPES
def test_denormals_are_zeros_inside_and_stay_alive_outside(dtype):
    tiny = np.finfo(dtype).tiny
    case = make_ctc_case(dtype=dtype)
    case.dlosses[...] *= tiny * dtype(8)
    dlogits = case.run(F)["dlogits"]
    assert ((dlogits == 0) | (np.abs(dlogits) >= tiny)).all()
    assert (np.full(67, tiny) * dtype(0.25) != 0).all()


@pytest.mark.parametrize("isa", _backend.available())
def test_a_tape_keeps_to_the_kernels_that_made_it(isa, monkeypatch):
    case = make_ctc_case("all")
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    _, tape = case.forward(F)
    expected = F.ctc_loss_backward(tape, case.dlosses)
    for other in _backend.available():
        monkeypatch.setattr(_backend, "kernels", _backend.load(other))
        np.testing.assert_array_equal(F.ctc_loss_backward(tape, case.dlosses), expected)


@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_losses_and_gradients_are_those_of_torch(reduction):
    """Its mean divides each loss by the number of labels first."""
    torch = pytest.importorskip("torch")
    case = make_ctc_case("lengths", T=30, B=6, C=8, S=9)
    theirs = torch.tensor(case.logits, requires_grad=True)
    counts, lengths = case.options["label_lengths"], case.options["lengths"]
    losses = torch.nn.functional.ctc_loss(
        theirs.log_softmax(-1), torch.from_numpy(case.labels), torch.from_numpy(lengths), torch.from_numpy(counts),
        reduction=reduction, zero_infinity=True,
    )  # fmt: skip
    losses.sum().backward()
    ours, tape = F.ctc_loss_forward(case.logits, case.labels, **case.options, zero_infinity=True)
    factor = np.ones(6) if reduction == "none" else 1 / np.maximum(counts, 1) / 6
    expected = losses.detach().numpy()
    np.testing.assert_allclose(ours if reduction == "none" else (ours * factor).sum(), expected, rtol=1e-12)
    np.testing.assert_allclose(F.ctc_loss_backward(tape, factor), theirs.grad.numpy(), rtol=1e-11, atol=1e-13)
