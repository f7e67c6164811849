"""Tests of softmax cross-entropy: gradients, extreme logits and PyTorch."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse import functional, reference


def draw(shape, C=5):
    rng = np.random.default_rng(0)
    return rng.normal(size=(*shape, C)) * 3, rng.integers(C, size=shape)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (0,)])
def test_softmax_cross_entropy_backward_matches_central_differences(shape):
    logits, labels = draw(shape)
    _, tape = reference.softmax_cross_entropy_forward(logits, labels)
    numeric = central_differences(lambda: 0.7 * reference.softmax_cross_entropy(logits, labels), logits)
    assert_gradient("dlogits", reference.softmax_cross_entropy_backward(tape, 0.7), numeric)


def test_softmax_cross_entropy_does_not_overflow_with_huge_logits():
    logits = np.array([[1e30, 0, -1e30], [-1e30, -1e30, -1e30], [0, -np.inf, 0]])
    loss, tape = reference.softmax_cross_entropy_forward(logits, [0, 1, 2])
    assert loss == pytest.approx((0 + np.log(3) + np.log(2)) / 3)
    dlogits = reference.softmax_cross_entropy_backward(tape)
    np.testing.assert_allclose(dlogits * 3, [[0, 0, 0], [1 / 3, -2 / 3, 1 / 3], [0.5, 0, -0.5]], atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_softmax_cross_entropy_computes_in_the_dtype_of_the_logits(dtype):
    logits, labels = draw((4,))
    _, tape = reference.softmax_cross_entropy_forward(logits.astype(dtype), labels.astype(np.uint8))
    assert reference.softmax_cross_entropy_backward(tape).dtype == dtype


def test_softmax_cross_entropy_matches_torch():
    torch = pytest.importorskip("torch")
    logits, labels = draw((2, 3))
    torch_logits = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(torch_logits.reshape(-1, 5), torch.from_numpy(labels.ravel()))
    loss.backward()
    result, tape = reference.softmax_cross_entropy_forward(logits, labels)
    assert result == pytest.approx(loss.item(), rel=1e-14)
    np.testing.assert_allclose(reference.softmax_cross_entropy_backward(tape), torch_logits.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("module", [reference, functional])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,)])
def test_softmax_cross_entropy_tape_losses_equal_the_losses_of_single_labels(module, shape):
    logits, labels = draw(shape)
    _, tape = module.softmax_cross_entropy_forward(logits, labels)
    single = [reference.softmax_cross_entropy(row, label) for row, label in zip(logits.reshape(-1, 5), labels.ravel())]
    assert tape.losses().shape == shape
    np.testing.assert_allclose(tape.losses().ravel(), single, rtol=1e-14)


def test_softmax_cross_entropy_tape_losses_do_not_overflow_with_huge_logits():
    logits = np.array([[1e30, 0, -1e30], [0, -np.inf, 0]])
    for module in (reference, functional):
        losses = module.softmax_cross_entropy_forward(logits, [0, 2])[1].losses()
        np.testing.assert_allclose(losses, [0, np.log(2)])
