"""The rule of accuracy over many cases: kernels and reference are compared with the reference in a wider dtype."""

import numpy as np

from seqfuse import _backend, reference
from seqfuse import functional as F

WIDER = {np.float32: np.float64, np.float64: np.longdouble}

# Kernels without fused multiply-adds round every term twice, but are compared with a BLAS that has them.
TIMES = 2 if _backend.isa in _backend.with_fma() else 3


def all_results(case, module):
    """Return all results of a case by name."""
    out, _, grads = case.run(module)
    return {name: a for name, a in (out._asdict() | grads._asdict()).items() if a is not None}


def assert_rule_of_accuracy(cases):
    """Check that errors are at most twice (TIMES) those of the reference plus 1 ulp, in rms and in maximum.

    A case is one kind of call with several seeds. Its ulp is that of its largest number. The maximum errors of single
    seeds are averaged over all seeds and cases, because a maximum of few errors varies a lot. The average may exceed
    the limit by two standard errors.
    """
    largest = {}
    for label, seeds in cases:
        wider = [case.astype(WIDER[next(iter(case.arguments.values())).dtype.type]) for case in seeds]
        kernel, plain = ([all_results(case, module) for case in seeds] for module in (F, reference))
        truth = [all_results(case, reference) for case in wider]
        for name in truth[0]:
            got, allowed, true = (np.stack([one[name].ravel() for one in of]) for of in (kernel, plain, truth))
            if not true.size:
                continue
            not_finite = ~np.isfinite(true)
            np.testing.assert_array_equal(got[not_finite], true[not_finite], err_msg=f"{name} of {label}")
            got, allowed, true = (np.where(not_finite, 0, a) for a in (got, allowed, true))
            ulp = np.spacing(np.abs(true).max().astype(got.dtype))
            error, limit = (np.abs(rounded - true).astype(float) / ulp for rounded in (got, allowed))
            rms, allowed_rms = (float(np.sqrt(np.mean(e * e))) for e in (error, limit))
            said = f"{name} of {label}: rms error {rms:.2f} ulp, not {TIMES} * {allowed_rms:.2f}"
            assert rms <= TIMES * allowed_rms + 1, said
            largest.setdefault(name, []).append(error.max(axis=1) - TIMES * limit.max(axis=1))
    for name, parts in largest.items():
        above = np.concatenate(parts)
        luck = 2 * above.std() / len(above) ** 0.5
        said = f"{name}: mean largest error {above.mean():.2f} ulp above {TIMES} times that of the reference, not 1"
        assert above.mean() <= 1 + luck, said
