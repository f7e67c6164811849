"""Mutants of CTC, normalization, cross-entropy, embedding, dropout, dense, pointwise functions and optimizers."""

from .mutant import Mutant

INCLUDE = "cpp/include/seqfuse"
CTC = f"{INCLUDE}/ctc_impl.hpp"
NORMALIZE = f"{INCLUDE}/normalize_impl.hpp"
RULES = f"{INCLUDE}/optimizer_rules.hpp"
OPTIMIZER = f"{INCLUDE}/optimizer_impl.hpp"

CTC_TESTS = "tests/functional/test_ctc.py"
NORMALIZE_TESTS = "tests/functional/test_normalize.py"
RULE_TESTS = "tests/optimizers/test_optimizer_rules.py"
OPTIMIZER_TESTS = "tests/optimizers/test_optimizer.py"

MUTANTS = [
    Mutant(
        "ctc: a repeated label needs no blank in between",
        CTC,
        "row.labels[i] != row.labels[i - 1]",
        "true",
        (CTC_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "ctc: a path must end in a blank",
        CTC,
        "static_cast<double>(record.previous_label(before)[row.S])",
        "static_cast<double>(record.previous_label(before)[0])",
        (CTC_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "ctc backward: the blank gets the softmax alone",
        CTC,
        "dx[row.batch.blank] -= blank_sum * factor;",
        "(void)blank_sum;",
        (CTC_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "ctc: the shifts of the variables are not added back",
        CTC,
        "shifts += static_cast<double>(shift);",
        "(void)shift;",
        (CTC_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "normalize: epsilon is left out",
        NORMALIZE,
        "inverse_root(variance + static_cast<T>(args.epsilon));",
        "inverse_root(variance);",
        (NORMALIZE_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "normalize: lanes after the end of the row add to its variance",
        NORMALIZE,
        "deviation = kCentered ? line.load(x, mean)",
        "deviation = kCentered ? line.load(x)",
        (NORMALIZE_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "normalize backward: the mean of the gradient is not subtracted",
        NORMALIZE,
        "(kCentered ? g - L::all(mean_g) : g)",
        "g",
        (NORMALIZE_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "normalize backward: dbeta gets the sums of dgamma",
        NORMALIZE,
        "sums[width + c]",
        "sums[c]",
        (NORMALIZE_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "softmax backward: the mean gradient of the row is not subtracted",
        f"{INCLUDE}/row_softmax_impl.hpp",
        "line.load(dy) - L::all(dot)",
        "line.load(dy)",
        ("tests/functional/test_softmax.py",),
        killed_before=True,
    ),
    Mutant(
        "cross-entropy backward: the label's own entry is the softmax alone",
        f"{INCLUDE}/cross_entropy_impl.hpp",
        "exp(V::all(x[label]) - row_max) * inv_sum - V::all(T(1))",
        "exp(V::all(x[label]) - row_max) * inv_sum",
        (
            "tests/functional/test_softmax.py",
            "tests/losses/test_sparse_crossentropy.py",
            "tests/functional/test_operation_layouts.py",
        ),
        killed_before=True,
    ),
    Mutant(
        "embedding backward: a row that is read several times gets its last gradient alone",
        f"{INCLUDE}/embedding_impl.hpp",
        "(V::loadu(sum + d) + V::loadu(x + d)).storeu(sum + d)",
        "V::loadu(x + d).storeu(sum + d)",
        ("tests/functional/test_operation_layouts.py", "tests/layers/test_embedding.py"),
        killed_before=True,
    ),
    Mutant(
        "rotary: all rows of a batch use the positions of the first",
        f"{INCLUDE}/rotary_impl.hpp",
        "b * args.positions_stride + n",
        "n",
        ("tests/functional/test_rotary.py",),
        killed_before=True,
    ),
    Mutant(
        "dropout: kept elements are not scaled",
        f"{INCLUDE}/dropout_impl.hpp",
        "1.0 / (1.0 - args.rate)",
        "1.0",
        ("tests/functional/test_operation_layouts.py", "tests/layers/test_dropout.py"),
        killed_before=True,
    ),
    Mutant(
        "dense: a product that is added replaces what was there",
        f"{INCLUDE}/dense_impl.hpp",
        "V::load_first(out.row(share.begin + row + r) + unit, left) + y",
        "y",
        ("tests/functional/test_readout.py",),
        killed_before=True,
    ),
    Mutant(
        "gelu and silu backward: the slope above 0 is that of -x",
        f"{INCLUDE}/pointwise_impl.hpp",
        "select(less(x, Vec<T>::zero()), slope_at_m, Vec<T>::all(T(1)) - slope_at_m)",
        "slope_at_m",
        ("tests/functional/test_gelu.py", "tests/functional/test_silu.py"),
        killed_before=True,
    ),
    Mutant(
        "adam: the second moment has no bias correction",
        RULES,
        "std::sqrt(1.0 - std::pow(beta_2, count))",
        "1.0",
        (RULE_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "adam with amsgrad: the maximum of the second moments is not kept",
        RULES,
        "max(v, state[2])",
        "v",
        (RULE_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "sgd with nesterov: the update does not use the next momentum step",
        RULES,
        "(kNesterov ? madd(m[0], k[1], step) : m[0])",
        "m[0]",
        (RULE_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "optimizer: weight decay does not follow the learning rate",
        OPTIMIZER,
        "all(-args.weight_decay * args.step.learning_rate)",
        "all(-args.weight_decay)",
        (OPTIMIZER_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "clipvalue: gradients are not limited from below",
        OPTIMIZER,
        "min(max(g, lower), upper)",
        "min(g, upper)",
        (OPTIMIZER_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "global_clipnorm: each parameter is limited by its own norm",
        OPTIMIZER,
        "(global ? global_norm : norms[r])",
        "norms[r]",
        (OPTIMIZER_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "average of parameters: the new ones are not weighted",
        OPTIMIZER,
        "w * new_weight",
        "w",
        (OPTIMIZER_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "kernels compute with denormal numbers",
        f"{INCLUDE}/floating_point.hpp",
        "kMaskAll | kFlush",
        "kMaskAll",
        ("tests/functional/test_denormals.py",),
        killed_before=True,
    ),
    Mutant(
        "the caller's floating-point environment is not restored",
        f"{INCLUDE}/floating_point.hpp",
        "_mm_setcsr(saved_);",
        "(void)saved_;",
        ("tests/safety/test_floating_point.py",),
        killed_before=True,
    ),
]
