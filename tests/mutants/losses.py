"""Mutants of the losses: formulas, gradients, weights, masks and reductions."""

from .mutant import Mutant

LOSSES = "src/seqfuse/losses"
TESTS = "tests/losses"

MUTANTS = [
    Mutant(
        "mean over the batch: masked values are counted",
        f"{LOSSES}/_loss.py",
        "counted = int(np.count_nonzero(valid)) / (valid.size or 1)",
        "counted = 1.0",
        (f"{TESTS}/test_loss.py",),
        killed_before=True,
    ),
    Mutant(
        "mean_with_sample_weight: the sum is divided by the number of values",
        f"{LOSSES}/_loss.py",
        "divisor = float(weights.sum())",
        "divisor = float(values.size)",
        (f"{TESTS}/test_loss.py",),
        killed_before=True,
    ),
    Mutant(
        "loss backward: NaN where the mask is False comes through",
        f"{LOSSES}/_loss.py",
        "dy_pred[~tape._valid] = 0",
        "pass",
        (f"{TESTS}/test_gradients.py",),
        killed_before=True,
    ),
    Mutant(
        "loss backward: the gradient is not divided by the number of values",
        f"{LOSSES}/_loss.py",
        "factor = factor * tape._factor",
        "factor = factor * 1.0",
        (f"{TESTS}/test_gradients.py",),
        killed_before=True,
    ),
    Mutant(
        "loss: sample weights are not multiplied in",
        f"{LOSSES}/_loss.py",
        "return values * weights, weights, valid,",
        "return values, weights, valid,",
        (f"{TESTS}/test_loss.py",),
        killed_before=True,
    ),
    Mutant(
        "binary cross-entropy: half of the smoothing is lost",
        f"{LOSSES}/_crossentropy.py",
        "+ self.label_smoothing * uniform",
        "+ self.label_smoothing * uniform / 2",
        (f"{TESTS}/test_crossentropy.py",),
        killed_before=True,
    ),
    Mutant(
        "binary cross-entropy of logits: the gradient of negative ones is that of positive ones",
        f"{LOSSES}/_crossentropy.py",
        "np.where(y_pred >= 0, 1, e)",
        "1",
        (f"{TESTS}/test_crossentropy.py",),
        killed_before=True,
    ),
    Mutant(
        "categorical cross-entropy of logits: targets count as if they added up to 1",
        f"{LOSSES}/_crossentropy.py",
        "F.softmax(y_pred) * t.sum(axis=-1, keepdims=True) - t",
        "F.softmax(y_pred) - t",
        (f"{TESTS}/test_gradients.py",),
        killed_before=True,
    ),
    Mutant(
        "cross-entropy of probabilities: the gradient is not 0 where they are clipped",
        f"{LOSSES}/_crossentropy.py",
        "(probabilities >= EPSILON) & (probabilities <= 1 - EPSILON)",
        "(probabilities >= 0) & (probabilities <= 1)",
        (f"{TESTS}/test_crossentropy.py",),
        killed_before=True,
    ),
    Mutant(
        "huber: the gradient is not limited from below",
        f"{LOSSES}/_regression.py",
        "np.maximum(np.minimum(y_pred - y_true, self.delta), -self.delta)",
        "np.minimum(y_pred - y_true, self.delta)",
        (f"{TESTS}/test_regression.py",),
        killed_before=True,
    ),
    Mutant(
        "sparse cross-entropy: ignore_class counts where a mask is given",
        f"{LOSSES}/_targets.py",
        "counted if valid is None else counted & valid",
        "counted if valid is None else valid",
        (f"{TESTS}/test_gradients.py", "tests/metrics/test_crossentropy.py"),
        killed_before=True,
    ),
    Mutant(
        "sparse cross-entropy tape: labels are not copied",
        f"{LOSSES}/_sparse_crossentropy.py",
        "np.arange(len(rows)), y_true.flatten()",
        "np.arange(len(rows)), y_true.reshape(-1)",
        (f"{TESTS}/test_sparse_crossentropy.py",),
        killed_before=True,
    ),
    Mutant(
        "ctc loss: zeros between labels are not refused",
        f"{LOSSES}/_ctc.py",
        "if len(early_zeros):",
        "if False:",
        (f"{TESTS}/test_ctc.py",),
        killed_before=True,
    ),
]
