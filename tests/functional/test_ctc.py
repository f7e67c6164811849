"""Tests of the CTC loss: all paths, accuracy, gradients, equal bits in every call, and padding."""

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
# S + 1 and C are near the 8 or 16 numbers of a cache line: one less, full, one more, or several lines.
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


def assert_rule_of_accuracy(cases):
    """Check the rule of accuracy over all cases together, because the largest of a few errors varies a lot.

    Where there is no path, all results must be infinite.
    """
    wider = WIDER[cases[0].logits.dtype.type]
    runs = [[case.run(F), case.run(reference), case.astype(wider).run(reference)] for case in cases]
    for name in ("losses", "dlogits"):
        actual, reference_result, truth = (np.stack([run[i][name] for run in runs]) for i in range(3))
        is_infinite = ~np.isfinite(truth)
        np.testing.assert_array_equal(actual[is_infinite], truth[is_infinite])
        assert is_infinite.mean() < 0.5
        assert_accurate(name, *(np.where(is_infinite, a.dtype.type(0), a) for a in (actual, reference_result, truth)))


@DTYPES
@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("steps", range(6))
def test_ctc_loss_equals_the_sum_over_all_paths(steps, blank, dtype):
    # The relative error of exp(-loss) is the absolute error of the loss: a few roundings of numbers up to 10.
    logits = (np.random.default_rng(steps).normal(size=(steps, 1, 3)) * 2).astype(dtype)
    total = probabilities(logits[:, 0], blank)
    for labels, probability in total.items():
        loss = F.ctc_loss(logits, np.array([labels], int).reshape(1, -1), blank=blank)
        np.testing.assert_allclose(np.exp(-loss.astype(float)), probability, rtol=40 * np.finfo(dtype).eps)
    assert sum(total.values()) == pytest.approx(1)


@DTYPES
@SIZES
@EACH_CALL
def test_ctc_loss_is_as_accurate_as_the_reference(call, T, C, S, dtype):
    assert_rule_of_accuracy([make_ctc_case(call, T=T, C=C, S=S, dtype=dtype, seed=seed) for seed in range(6)])


@DTYPES
@pytest.mark.parametrize("scale", [1e-6, 10, 1000])
def test_ctc_loss_is_as_accurate_as_the_reference_for_small_and_large_logits(scale, dtype):
    assert_rule_of_accuracy([make_ctc_case("all", T=60, S=20, dtype=dtype, seed=s, scale=scale) for s in range(6)])


@pytest.mark.parametrize("S", [3, 300])
def test_ctc_loss_is_accurate_over_a_thousand_steps(S):
    # The error compared with float64 is about one rounding of each summed number.
    case = make_ctc_case(T=1000, B=2, C=9, S=S, dtype=np.float32)
    actual, truth = case.run(F), case.astype(np.float64).run(F)
    eps = np.finfo(np.float32).eps
    np.testing.assert_allclose(actual["losses"], truth["losses"], rtol=4 * eps)
    np.testing.assert_allclose(actual["dlogits"], truth["dlogits"], atol=100 * eps)
    reference_error = np.abs(case.run(reference)["dlogits"] - truth["dlogits"]).max()
    assert np.abs(actual["dlogits"] - truth["dlogits"]).max() < reference_error / 3


@EACH_CALL
def test_ctc_loss_backward_matches_central_differences(call):
    case = make_ctc_case(call, T=9, B=4, C=4, S=3)
    possible = np.isfinite(case.forward(F)[0])
    assert possible.any()

    def loss():
        return np.sum((case.forward(F)[0] * case.dlosses)[possible])

    numeric = central_differences(loss, case.logits)
    assert_gradient("dlogits", case.run(F)["dlogits"], numeric)


@DTYPES
@EACH_CALL
def test_ctc_loss_without_a_tape_has_the_same_bits(call, dtype):
    case = make_ctc_case(call, dtype=dtype)
    losses = F.ctc_loss(case.logits, case.labels, **case.options)
    assert_same_bits({"losses": losses}, {"losses": case.forward(F)[0]})


@DTYPES
def test_ctc_loss_backward_sums_to_0_at_each_step(dtype):
    # Softmax and posterior both sum to 1 over the classes, and each term has an error of one or two roundings.
    dlogits = make_ctc_case("all", T=40, C=17, S=15, dtype=dtype).run(F)["dlogits"]
    np.testing.assert_allclose(dlogits.sum(axis=-1), 0, atol=20 * np.finfo(dtype).eps)


@DTYPES
@pytest.mark.parametrize("call", ["plain", "all"])
def test_ctc_loss_has_the_same_bits_with_any_number_of_threads(call, dtype):
    case, results = make_ctc_case(call, T=120, B=9, C=21, S=17, dtype=dtype), []
    for threads in (1, 2, 3):
        with sf.num_threads(threads):
            results.append(case.run(F))
    for result in results[1:]:
        assert_same_bits(result, results[0])


@DTYPES
@SIZES
@EACH_CALL
def test_ctc_loss_of_a_row_has_the_bits_of_its_valid_steps_and_labels_only(call, T, C, S, dtype):
    case = make_ctc_case(call, T=T, C=C, S=S, dtype=dtype)
    full = case.run(F)
    dlogits = full["dlogits"].swapaxes(0, 1) if case.options.get("batch_first") else full["dlogits"]
    for b in range(len(case.labels)):
        single = case.row(b).run(F)
        expected = {"losses": full["losses"][b : b + 1], "dlogits": dlogits[case.valid[:, b], b][:, None]}
        assert_same_bits(single, expected)


@DTYPES
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("call", ["lengths", "mask", "all"])
def test_ctc_loss_ignores_values_in_the_padding(call, value, dtype):
    case = make_ctc_case(call, dtype=dtype)
    clean = case.run(F)
    case.time_major_logits[~case.valid] = value
    counts = case.options["label_lengths"]
    case.labels[np.arange(case.labels.shape[1]) >= counts[:, None]] = -(10**9)
    dirty = case.run(F)
    assert_same_bits(dirty, clean)
    dlogits = dirty["dlogits"].swapaxes(0, 1) if call == "all" else dirty["dlogits"]
    padding = dlogits[~case.valid]
    assert padding.size
    assert not padding.view(f"u{padding.itemsize}").any()  # no negative zeros


@DTYPES
def test_ctc_loss_is_nan_only_in_rows_with_an_undefined_softmax(dtype):
    case = make_ctc_case("lengths", B=6, S=2, dtype=dtype)
    clean = case.run(F)
    case.logits[3, 1, 0], case.logits[2, 2, 1], case.logits[0, 4] = np.nan, np.inf, -np.inf
    dirty = case.run(F)
    for b in (1, 2, 4):
        assert np.isnan(dirty["losses"][b])
        assert np.isnan(dirty["dlogits"][case.valid[:, b], b]).all()
        assert not dirty["dlogits"][~case.valid[:, b], b].any()
    other_rows = [0, 3, 5]
    assert_same_bits(
        {"losses": dirty["losses"][other_rows], "dlogits": dirty["dlogits"][:, other_rows]},
        {"losses": clean["losses"][other_rows], "dlogits": clean["dlogits"][:, other_rows]},
    )


IMPOSSIBLE = {
    "no steps": (0, [1]),
    "fewer steps than labels": (2, [1, 2, 1]),
    "no step for the blank between equal labels": (4, [1, 1, 2, 2]),
    "a label of no probability": (9, [3]),
}


@DTYPES
@pytest.mark.parametrize(("steps", "labels"), IMPOSSIBLE.values(), ids=list(IMPOSSIBLE))
def test_ctc_loss_of_an_impossible_row_is_inf_with_gradient_0(steps, labels, dtype):
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
def test_ctc_loss_with_only_one_possible_path_equals_the_cross_entropy(dtype):
    # 1 - 1 2 - 2 is the only path of this length, so the loss is the sum of the losses of its steps.
    path = [1, 0, 1, 2, 0, 2]
    logits = np.random.default_rng(1).normal(size=(6, 1, 3)).astype(dtype)
    loss, tape = F.ctc_loss_forward(logits, [[1, 1, 2, 2]])
    each, cross = F.softmax_cross_entropy_forward(logits[:, 0], path)
    np.testing.assert_allclose(loss, 6 * each, rtol=8 * np.finfo(dtype).eps)
    expected = F.softmax_cross_entropy_backward(cross, 6.0)
    np.testing.assert_allclose(F.ctc_loss_backward(tape)[:, 0], expected, atol=4 * np.finfo(dtype).eps)


@DTYPES
def test_ctc_loss_does_not_overflow_with_huge_logits(dtype):
    big = np.finfo(dtype).max / 4
    logits = np.array([[[0, big, -big]], [[big, 0, -big]], [[-big, -big, 0]]], dtype)
    loss, tape = F.ctc_loss_forward(logits, [[1, 2]])  # 1 - 2
    np.testing.assert_array_equal(loss, [0])
    np.testing.assert_array_equal(F.ctc_loss_backward(tape), np.zeros_like(logits))
    (loss,) = F.ctc_loss(logits, [[2]])  # - - 2, whose first blank has a logit that is lower by `big`
    assert loss == big


@pytest.mark.parametrize(("T", "B", "C", "S"), [(0, 3, 4, 0), (5, 0, 4, 3), (0, 0, 1, 0), (4, 2, 1, 0), (4, 2, 3, 0)])
def test_ctc_loss_accepts_no_labels_no_steps_and_no_rows(T, B, C, S):
    # A row without labels is spelled only by blanks.
    logits = np.random.default_rng(0).normal(size=(T, B, C))
    losses, tape = F.ctc_loss_forward(logits, np.zeros((B, S), int))
    blanks = np.log(np.exp(logits).sum(axis=-1)) - logits[..., 0]
    np.testing.assert_allclose(losses, blanks.sum(axis=0), atol=1e-14)
    dlogits = F.ctc_loss_backward(tape)
    assert (losses.shape, dlogits.shape) == ((B,), (T, B, C))
    np.testing.assert_allclose(dlogits, F.softmax(logits) - (np.arange(C) == 0), atol=1e-15)


@pytest.mark.skipif(
    len(set(_backend.available()) & set(_backend.with_fma())) < 2,
    reason="needs two instruction sets with fused multiply-add",
)
@DTYPES
@SIZES
@pytest.mark.parametrize("scale", [1, 30])
def test_ctc_loss_has_the_same_bits_on_every_fused_instruction_set(T, C, S, scale, dtype, monkeypatch):
    case, results = make_ctc_case("all", T=T, C=C, S=S, dtype=dtype, scale=scale), []
    for isa in _backend.available():
        if isa not in _backend.with_fma():
            continue  # without fused multiply-add the bits differ
        monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
        results.append(case.run(F))
    for result in results[1:]:
        assert_same_bits(result, results[0])


def every_second_column(array):
    return np.repeat(array, 2, -1)[..., ::2]


def every_second_row(array):
    return np.repeat(array, 2, 0)[::2]


def byte_swapped(array):
    return array.astype(array.dtype.newbyteorder())


def unaligned(array):
    shifted = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


LAYOUTS = [every_second_column, every_second_row, byte_swapped, unaligned, np.asfortranarray, np.ndarray.tolist]


@pytest.mark.parametrize("layout", LAYOUTS)
@EACH_CALL
def test_ctc_loss_has_the_same_bits_for_any_layout_and_does_not_modify_it(call, layout):
    case = make_ctc_case(call)
    options = {name: layout(a) if isinstance(a, np.ndarray) else a for name, a in case.options.items()}
    given = Case(layout(case.logits), layout(case.labels), layout(case.dlosses), options, case.valid)
    arrays = [a for a in (given.logits, given.labels, given.dlosses) if isinstance(a, np.ndarray)]
    before = [a.tobytes() for a in arrays]
    assert_same_bits(given.run(F), case.run(F))
    assert before == [a.tobytes() for a in arrays]


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.int8], ids=str)
def test_ctc_loss_computes_half_and_integers_in_float32(dtype):
    case = make_ctc_case("all", dtype=dtype)
    assert_same_bits(case.run(F), case.astype(np.float32).run(F))


@pytest.mark.parametrize("dtype", "bhilqBHILQ")
def test_ctc_loss_accepts_labels_of_any_integer_dtype(dtype):
    case = make_ctc_case("lengths")
    losses = F.ctc_loss(case.logits, case.labels.astype(dtype), **case.options)
    np.testing.assert_array_equal(losses, case.forward(F)[0])


def test_ctc_loss_tape_does_not_depend_on_later_changes_and_can_be_used_again():
    case = make_ctc_case("lengths")
    losses, tape = case.forward(F)
    first = F.ctc_loss_backward(tape, case.dlosses)
    losses[...] = np.inf
    case.labels[...] = 10**9
    case.options["label_lengths"][...] = case.options["lengths"][...] = 10**9
    np.testing.assert_array_equal(F.ctc_loss_backward(tape, case.dlosses), first)
    assert repr(tape) == "<CTCLossTape logits=(17, 4, 5) labels=(4, 6) float64>"


def test_ctc_loss_backward_accepts_a_number_for_dlosses():
    case = make_ctc_case()
    _, tape = case.forward(F)
    np.testing.assert_array_equal(F.ctc_loss_backward(tape, 0.5), F.ctc_loss_backward(tape, np.full(4, 0.5)))
    np.testing.assert_array_equal(F.ctc_loss_backward(tape), F.ctc_loss_backward(tape, 1))


@DTYPES
def test_ctc_loss_flushes_denormals_and_restores_the_mode_of_the_caller(dtype):
    tiny = np.finfo(dtype).tiny
    case = make_ctc_case(dtype=dtype)
    case.dlosses[...] *= tiny * dtype(8)
    dlogits = case.run(F)["dlogits"]
    assert ((dlogits == 0) | (np.abs(dlogits) >= tiny)).all()
    assert (np.full(67, tiny) * dtype(0.25) != 0).all()


@pytest.mark.parametrize("isa", _backend.available())
def test_ctc_loss_backward_uses_the_kernels_of_the_forward(isa, monkeypatch):
    case = make_ctc_case("all")
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    _, tape = case.forward(F)
    expected = F.ctc_loss_backward(tape, case.dlosses)
    for other in _backend.available():
        monkeypatch.setattr(_backend, "kernels", _backend.load(other))
        np.testing.assert_array_equal(F.ctc_loss_backward(tape, case.dlosses), expected)


@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_ctc_loss_matches_torch(reduction):
    # The mean of PyTorch first divides each loss by the number of labels.
    torch = pytest.importorskip("torch")
    case = make_ctc_case("lengths", T=30, B=6, C=8, S=9)
    torch_logits = torch.tensor(case.logits, requires_grad=True)
    counts, lengths = case.options["label_lengths"], case.options["lengths"]
    losses = torch.nn.functional.ctc_loss(
        torch_logits.log_softmax(-1), torch.from_numpy(case.labels), torch.from_numpy(lengths),
        torch.from_numpy(counts), reduction=reduction, zero_infinity=True,
    )  # fmt: skip
    losses.sum().backward()
    losses_of_seqfuse, tape = F.ctc_loss_forward(case.logits, case.labels, **case.options, zero_infinity=True)
    factor = np.ones(6) if reduction == "none" else 1 / np.maximum(counts, 1) / 6
    expected = losses.detach().numpy()
    np.testing.assert_allclose(
        losses_of_seqfuse if reduction == "none" else (losses_of_seqfuse * factor).sum(), expected, rtol=1e-12
    )
    np.testing.assert_allclose(F.ctc_loss_backward(tape, factor), torch_logits.grad.numpy(), rtol=1e-11, atol=1e-13)
