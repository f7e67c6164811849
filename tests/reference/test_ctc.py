"""Tests of the reference CTC loss: all paths, central differences, impossible rows and PyTorch."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences
from support.ctc_cases import CALLS, make_ctc_case, probabilities

from seqfuse import reference


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("steps", range(6))
def test_ctc_loss_equals_the_sum_over_all_paths(steps, blank):
    logits = np.random.default_rng(steps).normal(size=(steps, 1, 3)) * 2
    total = 0.0
    for labels, probability in probabilities(logits[:, 0], blank).items():
        loss = reference.ctc_loss(logits, np.array([labels], int).reshape(1, -1), blank=blank)
        np.testing.assert_allclose(np.exp(-loss), probability, rtol=1e-13)
        total += probability
    assert total == pytest.approx(1)


@pytest.mark.parametrize("call", CALLS)
def test_ctc_loss_backward_matches_central_differences(call):
    case = make_ctc_case(call, T=9, B=3, C=4, S=3)
    possible = np.isfinite(case.forward(reference)[0])
    assert possible.any()

    def loss():
        return np.sum((case.forward(reference)[0] * case.dlosses)[possible])

    numeric = central_differences(loss, case.logits)
    assert_gradient("dlogits", case.run(reference)["dlogits"], numeric)


@pytest.mark.parametrize("labels", [[1, 1], [1, 2, 1], [2]])
def test_ctc_loss_of_an_impossible_row_is_inf_with_gradient_0(labels):
    logits = np.zeros((2, 1, 3))
    logits[..., 2] = -np.inf if labels == [2] else 0
    losses, tape = reference.ctc_loss_forward(logits, [labels])
    assert losses == np.inf
    assert not reference.ctc_loss_backward(tape).any()
    assert reference.ctc_loss(logits, [labels], zero_infinity=True) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_ctc_loss_computes_in_the_dtype_of_the_logits(dtype):
    results = make_ctc_case("all", dtype=dtype).run(reference)
    assert results["losses"].dtype == results["dlogits"].dtype == dtype


def test_ctc_loss_matches_torch():
    torch = pytest.importorskip("torch")
    case = make_ctc_case("lengths", T=20, B=5)
    torch_logits = torch.tensor(case.logits, requires_grad=True)
    losses = torch.nn.functional.ctc_loss(
        torch_logits.log_softmax(-1), torch.from_numpy(case.labels), torch.from_numpy(case.options["lengths"]),
        torch.from_numpy(case.options["label_lengths"]), reduction="none",
    )  # fmt: skip
    losses.backward(torch.from_numpy(case.dlosses))
    result = case.run(reference)
    np.testing.assert_allclose(result["losses"], losses.detach().numpy(), rtol=1e-13)
    np.testing.assert_allclose(result["dlogits"], torch_logits.grad.numpy(), rtol=1e-11, atol=1e-14)
