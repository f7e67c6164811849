"""Mutants of the cells' equations and of the functions that gates are made with."""

from .mutant import Mutant

CELLS = "cpp/include/seqfuse/cells.hpp"
ACTIVATION = "cpp/include/seqfuse/activation.hpp"

RECURRENT = "tests/functional/test_recurrent.py"
OPTIONS = "tests/functional/test_options.py"
READOUT = "tests/functional/test_readout.py"

MUTANTS = [
    Mutant(
        "lstm: input and forget gate are swapped in the cell state",
        CELLS,
        "madd(f, c_prev, i * g)",
        "madd(i, c_prev, f * g)",
        (RECURRENT,),
        killed_before=True,
    ),
    Mutant(
        "lstm: the output gate's peephole reads the previous cell state",
        CELLS,
        "act.peephole(2, c, a[3])",
        "act.peephole(2, c_prev, a[3])",
        (OPTIONS,),
        killed_before=True,
    ),
    Mutant(
        "lstm backward: dc_prev lacks what comes through the peepholes of i and f",
        CELLS,
        "act.peephole_backward(0, da[0], act.peephole_backward(1, da[1], dc * f))",
        "dc * f",
        (OPTIONS,),
        killed_before=True,
    ),
    Mutant(
        "lstm backward: the gradient of the output gate's peephole reads the previous cell state",
        CELLS,
        "factors[2] = state_after(saved);",
        "factors[2] = saved[5];",
        (OPTIONS,),
        killed_before=True,
    ),
    Mutant(
        "gru: update='candidate' is not obeyed",
        CELLS,
        "madd(z, n, rest * h_prev)",
        "madd(z, h_prev, rest * n)",
        (OPTIONS,),
        killed_before=True,
    ),
    Mutant(
        "gru backward: the recurrent product of the candidate gets the wrong factor",
        CELLS,
        "da[3] = da[0] * r;",
        "da[3] = da[0] * q;",
        (RECURRENT,),
        killed_before=True,
    ),
    Mutant(
        "gru with the reset before the product: forward leaves the recurrent mask out",
        CELLS,
        "r * (act.mask * h_prev)",
        "r * h_prev",
        (OPTIONS,),
        killed_before=True,
    ),
    Mutant(
        "indrnn backward: dh_prev lacks the recurrent mask",
        CELLS,
        "da[0] * act.parameter(0) * act.mask",
        "da[0] * act.parameter(0)",
        (OPTIONS,),
        killed_before=True,
    ),
    Mutant(
        "mingru backward: the update gate keeps the candidate",
        CELLS,
        "Update::backward(true, z, n, saved[2], dh, dz, dn, dh_prev);",
        "Update::backward(false, z, n, saved[2], dh, dz, dn, dh_prev);",
        (OPTIONS,),
        killed_before=True,
    ),
    Mutant(
        "hard_sigmoid: the slope is not 0 where it saturates at 1",
        ACTIVATION,
        "select(less(zero, y), select(less(y, one), alpha, zero), zero)",
        "select(less(zero, y), alpha, zero)",
        (OPTIONS, READOUT),
        killed_before=True,
    ),
    Mutant(
        "softsign: the slope is not squared",
        ACTIVATION,
        "slope = y * y;",
        "slope = y;",
        (OPTIONS, READOUT),
        killed_before=True,
    ),
    Mutant(
        "softplus: the slope is that of -a",
        ACTIVATION,
        "slope = sigmoid(a);",
        "slope = sigmoid(zero - a);",
        (OPTIONS, READOUT),
        killed_before=True,
    ),
    Mutant(
        "elu: the slope below 0 lacks alpha",
        ACTIVATION,
        "alpha * madd(parts.s, parts.p(), parts.s)",
        "madd(parts.s, parts.p(), parts.s)",
        (OPTIONS, READOUT),
        killed_before=True,
    ),
    Mutant(
        "leaky_relu: 0 below 0",
        ACTIVATION,
        "select(positive, one, alpha)",
        "select(positive, one, zero)",
        (READOUT, OPTIONS),
        killed_before=True,
    ),
    Mutant(
        "relu: the slope is 1 everywhere",
        ACTIVATION,
        "select(positive, one, zero)",
        "one",
        (OPTIONS, READOUT),
        killed_before=True,
    ),
    Mutant(
        "clip: the slope is not 0 beyond the limit",
        ACTIVATION,
        "select(less(limit, abs(a)), V::zero(), slope)",
        "slope",
        (OPTIONS,),
        killed_before=True,
    ),
    Mutant(
        "clip: pre-activations are not limited from below",
        ACTIVATION,
        "max(min(a, limit), V::zero() - limit)",
        "min(a, limit)",
        (OPTIONS,),
        killed_before=True,
    ),
]
